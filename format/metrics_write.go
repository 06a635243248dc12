package format

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// MetricsName is the name of the file next to run.toml that holds the points.
const MetricsName = "metrics.parquet"

// The layout of metrics.parquet. It does not depend on time or memory, so that the same points give the same bytes.
const (
	groupRows = 1 << 20 // rows of a row group at most
	batchRows = 8192    // rows given to the encoder at once
	// pageBytes is the size of the plain values in a page: 16,384 rows of step, time or value, or 32,768 indexes of
	// the dictionary.
	pageBytes = 128 << 10
)

// pointRow is a row of metrics.parquet.
type pointRow struct {
	Key   string  `parquet:"key,dict,zstd"`
	Step  int64   `parquet:"step,delta,zstd"`
	Time  int64   `parquet:"time,timestamp(microsecond),delta,zstd"`
	Value float64 `parquet:"value,split,zstd"`
}

// createdBy has no version, because the version of the program must not change the bytes.
const createdBy = "gitruns"

// rowLayout returns the options for writing rows of a key, a step, a time and a value. Points and values share them.
func rowLayout() []parquet.WriterOption {
	return []parquet.WriterOption{
		parquet.CreatedBy(createdBy, "1", "format"),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}),
		parquet.DataPageVersion(1),
		parquet.DataPageStatistics(false),
		parquet.PageBufferSize(pageBytes),
		parquet.WriteBufferSize(0),
		parquet.MaxRowsPerRowGroup(groupRows),
		parquet.ColumnIndexSizeLimit(func([]string) int { return MaxKeyBytes + 6 }),
		parquet.SkipPageBounds("value"),
		parquet.SortingWriterConfig(parquet.SortingColumns(
			parquet.Ascending("key"), parquet.Ascending("step"), parquet.Ascending("time"),
		)),
	}
}

// WriteParquet writes all points as metrics.parquet, sorted by key, step and time. The bytes depend only on the points
// and the order in which equal ones were added.
func (s *PointSorter) WriteParquet(w io.Writer) error {
	out := parquet.NewGenericWriter[pointRow](w, rowLayout()...)
	batch := make([]pointRow, 0, batchRows)
	flush := func() error {
		_, err := out.Write(batch)
		batch = batch[:0]
		return err
	}
	s.digest = RowDigest{}
	err := s.each(func(key string, points []Point) error {
		s.digest.Points(key, points)
		for _, p := range points {
			batch = append(batch, pointRow{key, p.Step, p.Time, p.Value})
			if len(batch) == batchRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return fmt.Errorf("encoding points: %w", err)
	}
	return nil
}
