package format

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	own "github.com/gitruns/runs/format/internal/parquet"
)

// batchPointRow is a row of the metrics.parquet of a batch.
type batchPointRow struct {
	Run string `parquet:"run,dict,zstd"`
	pointRow
}

// batchValueRow is a row of the values.parquet of a batch.
type batchValueRow struct {
	Run string `parquet:"run,dict,zstd"`
	valueRow
}

// BatchPoints writes the metrics.parquet of a batch, run by run. The same points give the same bytes.
type BatchPoints struct {
	out  *parquet.GenericWriter[batchPointRow]
	rows []batchPointRow
	last string
	n    int64
}

// BatchValues writes the values.parquet of a batch, run by run. The same values give the same bytes.
type BatchValues struct {
	out   *parquet.GenericWriter[batchValueRow]
	rows  []batchValueRow
	last  string
	n     int64
	held  int // bytes of the texts in rows
	group int // bytes of the texts in the row group
}

// batchLayout returns the options for writing the rows of a batch.
func batchLayout() []parquet.WriterOption {
	return append(rowLayout(), parquet.SortingWriterConfig(parquet.SortingColumns(
		parquet.Ascending("run"), parquet.Ascending("key"), parquet.Ascending("step"), parquet.Ascending("time"),
	)))
}

// NewBatchPoints returns a writer to w. Close completes the file.
func NewBatchPoints(w io.Writer) *BatchPoints {
	return &BatchPoints{out: parquet.NewGenericWriter[batchPointRow](w, batchLayout()...)}
}

// NewBatchValues returns a writer to w. Close completes the file.
func NewBatchValues(w io.Writer) *BatchValues {
	return &BatchValues{out: parquet.NewGenericWriter[batchValueRow](w, batchLayout()...)}
}

// Rows returns the number of points added.
func (b *BatchPoints) Rows() int64 { return b.n }

// Rows returns the number of values added.
func (b *BatchValues) Rows() int64 { return b.n }

// Batchable returns an error that wraps ErrBatchColumns if the file has columns that a batch would lose.
func (m *Metrics) Batchable() error { return onlyColumns(m.file, pointColumns) }

// Batchable returns an error that wraps ErrBatchColumns if the file has columns that a batch would lose.
func (v *Values) Batchable() error { return onlyColumns(v.rows.file, valueColumns) }

func onlyColumns(f *own.File, known []wanted) error {
	for _, c := range f.Columns {
		found := c.Name == batchRunColumn.name
		for _, k := range known {
			found = found || c.Name == k.name
		}
		if !found {
			return fmt.Errorf("%w: it has the column %.100q", ErrBatchColumns, c.Name)
		}
	}
	return nil
}

// nextRun checks that a run follows the one before.
func nextRun(last *string, id string) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if id <= *last {
		return fmt.Errorf("run %s does not follow run %s in the order of a batch", id, *last)
	}
	*last = id
	return nil
}

// Add adds the points of a run, whose id follows that of the run before. It returns their digest. An error wraps
// ErrBatchColumns if the run must keep its own file. After an error, the file is of no use.
func (b *BatchPoints) Add(ctx context.Context, id string, m *Metrics) (digest string, err error) {
	if err := nextRun(&b.last, id); err != nil {
		return "", err
	}
	if err := m.Batchable(); err != nil {
		return "", err
	}
	var d RowDigest
	key, last := "", Point{}
	err = m.Each(ctx, func(next string, points []Point) error {
		d.Points(next, points)
		for _, p := range points {
			if c := strings.Compare(next, key); c < 0 || c == 0 && comparePoints(p, last) < 0 {
				return fmt.Errorf("%w: %w", ErrBatchColumns, errUnsorted)
			}
			key, last = next, p
			b.rows = append(b.rows, batchPointRow{id, pointRow{next, p.Step, p.Time, p.Value}})
			if len(b.rows) == batchRows {
				if err := b.flush(); err != nil {
					return err
				}
			}
		}
		b.n += int64(len(points))
		return nil
	})
	return d.Sum(), err
}

func (b *BatchPoints) flush() error {
	_, err := b.out.Write(b.rows)
	b.rows = b.rows[:0]
	if err != nil {
		return fmt.Errorf("encoding points: %w", err)
	}
	return nil
}

// Close completes the file.
func (b *BatchPoints) Close() error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("encoding points: %w", err)
	}
	return nil
}

// Add adds the values of a run, whose id follows that of the run before. It returns their digest. An error wraps
// ErrBatchColumns if the run must keep its own file. After an error, the file is of no use.
func (b *BatchValues) Add(ctx context.Context, id string, v *Values) (digest string, err error) {
	if err := nextRun(&b.last, id); err != nil {
		return "", err
	}
	if err := v.Batchable(); err != nil {
		return "", err
	}
	var d RowDigest
	err = v.Each(ctx, func(key string, value Value) error { // Each refuses rows that are not sorted
		d.Value(key, value)
		b.rows = append(b.rows, batchValueRow{id, valueRow{key, value.Step, value.Time, value.JSON}})
		b.n++
		if b.held += len(value.JSON); b.held >= valueBatchText || len(b.rows) == batchRows {
			return b.flush()
		}
		return nil
	})
	return d.Sum(), err
}

func (b *BatchValues) flush() error {
	_, err := b.out.Write(b.rows)
	b.rows, b.group, b.held = b.rows[:0], b.group+b.held, 0
	if err == nil && b.group >= valueGroupText {
		b.group = 0
		err = b.out.Flush()
	}
	if err != nil {
		return fmt.Errorf("encoding values: %w", err)
	}
	return nil
}

// Close completes the file.
func (b *BatchValues) Close() error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("encoding values: %w", err)
	}
	return nil
}
