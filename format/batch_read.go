package format

import (
	"errors"
	"fmt"
	"io"

	"github.com/gitruns/runs/format/internal/parquet"
)

// batchRunColumn is the column that a file of a batch has besides those of a single run.
var batchRunColumn = wanted{"run", parquet.ByteArray}

// BatchMetrics is an open metrics.parquet of a batch. It reads the rows of one run without those of the others. It is
// not safe for concurrent use, nor are the runs that it returns: they share its pages. To read many runs, ask for them
// in the order of the file.
type BatchMetrics struct {
	size int64
	runs batchIndex
}

// BatchValuesFile is an open values.parquet of a batch: see BatchMetrics.
type BatchValuesFile struct {
	rows *rows
	all  *Values
	runs batchIndex
}

// batchIndex finds the rows of a run.
type batchIndex struct {
	*pointFile
	asked int
	spans [][]span // of each row group, by run, once they have been found
}

// OpenBatchMetrics opens a metrics.parquet of a batch, of size bytes, whose digest need not be verified: what a run has
// in it is proved by the digest of its points. It ignores unknown columns.
func OpenBatchMetrics(r io.ReaderAt, size int64) (*BatchMetrics, error) {
	f, err := openBatchFile(r, size, pointLimits)
	var p *pointFile
	if err == nil {
		p, err = newPointFile(f, append(pointColumns[:len(pointColumns):len(pointColumns)], batchRunColumn), size)
	}
	if err == nil {
		err = needIndex(f, p.used())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	return &BatchMetrics{size: size, runs: newBatchIndex(p)}, nil
}

// OpenBatchValues opens a values.parquet of a batch, of size bytes: see OpenBatchMetrics.
func OpenBatchValues(r io.ReaderAt, size int64) (*BatchValuesFile, error) {
	f, err := openBatchFile(r, size, parquet.Limits{
		Rows: MaxValues, FreeRows: MaxValues, Page: maxPageBytes, Text: MaxValueBytes, FreeText: maxValuesText + freeText,
	})
	p := &pointFile{file: f}
	if err == nil {
		err = use(f, append(valueColumns[:len(valueColumns):len(valueColumns)], batchRunColumn), p.column[:])
	}
	if err == nil {
		err = needIndex(f, p.column[:labelsColumn])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValues, err)
	}
	rows := &rows{file: f}
	return &BatchValuesFile{rows: rows, all: newValues(rows), runs: newBatchIndex(p)}, nil
}

func openBatchFile(r io.ReaderAt, size int64, limits parquet.Limits) (*parquet.File, error) {
	if size > MaxBatchBytes {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are read", size, MaxBatchBytes)
	}
	return parquet.Open(r, size, limits)
}

// needIndex returns an error unless the columns have an index. Without it, reading the runs one after another would
// read the first pages again and again.
func needIndex(f *parquet.File, columns []int) error {
	for _, i := range columns {
		if !f.HasIndex(i, parquet.IndexedRows, bounded(f.Columns[i].Name)) {
			return fmt.Errorf("the column %s has no page index", f.Columns[i].Name)
		}
	}
	return nil
}

// bounded reports whether the index of a column has bounds.
func bounded(column string) bool { return column != "value" && column != labelsName }

// used lists the columns of a batch that are read: the labels only if there are some.
func (p *pointFile) used() []int {
	if p.column[labelsColumn] < 0 {
		return p.column[:labelsColumn]
	}
	return p.column[:]
}

func newBatchIndex(p *pointFile) batchIndex {
	return batchIndex{pointFile: p, spans: make([][]span, len(p.file.Groups))}
}

// rowsOf returns the rows of a run in each row group.
func (x *batchIndex) rowsOf(id string) ([]window, error) {
	within := make([]window, len(x.spans))
	x.asked++
	for group := range x.spans {
		spans, err := x.spansWith(group, id)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			if s.key != id {
				continue
			}
			if within[group].to > 0 {
				return nil, errUnsortedRuns
			}
			within[group] = window{s.from, s.to}
		}
	}
	return within, nil
}

var errUnsortedRuns = errors.New("its rows are not sorted by run")

// spansWith returns the rows of the runs of a row group, at least those of one run.
func (x *batchIndex) spansWith(group int, id string) ([]span, error) {
	if x.spans[group] != nil {
		return x.spans[group], nil
	}
	all, wanted := window{0, x.file.Groups[group].Rows}, pageWith(id)
	if x.asked > fewKeys {
		wanted = anyPage
	}
	spans, err := x.findSpans(runColumn, group, all, CheckID, wanted)
	if err != nil || x.asked <= fewKeys {
		return spans, err
	}
	if len(spans) > MaxBatchRuns {
		return nil, errUnsortedRuns
	}
	x.spans[group] = spans
	return spans, nil
}

// IDs returns the runs that have rows in the file, in its order. It returns an error unless they are sorted.
func (x *batchIndex) ids() (ids []string, err error) {
	x.asked = fewKeys + 1
	for group := range x.spans {
		spans, err := x.spansWith(group, "")
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			n := len(ids)
			if n > 0 && s.key < ids[n-1] {
				return nil, errUnsortedRuns
			}
			if n == 0 || ids[n-1] != s.key {
				ids = append(ids, s.key)
			}
		}
	}
	return ids, nil
}

// Rows returns the number of points of all runs.
func (b *BatchMetrics) Rows() int64 { return b.runs.file.Rows }

// IDs returns the runs that have points, sorted.
func (b *BatchMetrics) IDs() ([]string, error) {
	ids, err := b.runs.ids()
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	return ids, err
}

// Run returns the points of one run. The caller must compare their digest. A run that is not in the file has none.
func (b *BatchMetrics) Run(id string) (*Metrics, error) {
	within, err := b.runs.rowsOf(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	return newMetrics(b.runs.pointFile, b.size, within), nil
}

// Layout is like Metrics.Layout.
func (b *BatchMetrics) Layout() error { return checkLayout(b.runs.file, b.runs.used()) }

// Rows returns the number of values of all runs.
func (b *BatchValuesFile) Rows() int64 { return b.runs.file.Rows }

// IDs returns the runs that have values, sorted.
func (b *BatchValuesFile) IDs() ([]string, error) {
	ids, err := b.runs.ids()
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrValues, err)
	}
	return ids, err
}

// Run returns the values of one run. The caller must compare their digest. A run that is not in the file has none.
func (b *BatchValuesFile) Run(id string) (*Values, error) {
	within, err := b.runs.rowsOf(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValues, err)
	}
	v := *b.all
	v.within = within
	return &v, nil
}

// Layout is like Values.Layout.
func (b *BatchValuesFile) Layout() error {
	return checkLayout(b.runs.file, b.runs.column[:labelsColumn])
}
