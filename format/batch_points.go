package format

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/format/internal/parquet"
)

// BatchPoints writes the metrics.parquet of a batch, run by run. The same points give the same bytes.
type BatchPoints struct {
	out  *pointWriter
	last string
	n    int64
}

// BatchValues writes the values.parquet of a batch, run by run. The same values give the same bytes.
type BatchValues struct {
	out  *valueWriter
	last string
	n    int64
}

// NewBatchPoints returns a writer to w. If labeled is true, the file has a column of labels: a point of some run has
// labels. Close completes the file.
func NewBatchPoints(w io.Writer, labeled bool) *BatchPoints {
	return &BatchPoints{out: newPointWriter(w, 0, true, labeled)}
}

// NewBatchValues returns a writer to w. Close completes the file.
func NewBatchValues(w io.Writer) *BatchValues {
	return &BatchValues{out: newValueWriter(w, 0, true)}
}

// Rows returns the number of points added.
func (b *BatchPoints) Rows() int64 { return b.n }

// Rows returns the number of values added.
func (b *BatchValues) Rows() int64 { return b.n }

// Batchable returns an error that wraps ErrBatchColumns if the file has columns that a batch would lose.
func (m *Metrics) Batchable() error {
	return onlyColumns(m.file, append(pointColumns[:len(pointColumns):len(pointColumns)], wanted{name: labelsName}))
}

// Batchable returns an error that wraps ErrBatchColumns if the file has columns that a batch would lose.
func (v *Values) Batchable() error { return onlyColumns(v.rows.file, valueColumns) }

func onlyColumns(f *parquet.File, known []wanted) error {
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
			if p.Labels != (Labels{}) && !b.out.labeled {
				return fmt.Errorf("%w: it has labels, which the batch has no column for", ErrBatchColumns)
			}
			key, last = next, p
		}
		b.n += int64(len(points))
		return b.out.add(id, next, points)
	})
	return d.Sum(), err
}

// Close completes the file.
func (b *BatchPoints) Close() error { return b.out.close() }

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
		b.n++
		return b.out.add(id, key, value)
	})
	return d.Sum(), err
}

// Close completes the file.
func (b *BatchValues) Close() error { return b.out.close() }
