package format

import (
	"fmt"
	"io"

	"github.com/gitruns/runs/format/internal/parquet"
)

// labelsName is the column of the labels of points. A file in which no point has any lacks it.
const labelsName = "labels"

// MetricsName is the name of the file next to run.toml that holds the points.
const MetricsName = "metrics.parquet"

// groupRows is how many rows a row group of points or values has at most. It does not depend on time or memory, so that
// the same points give the same bytes.
const groupRows = 1 << 20

// createdBy has no version of the program, because that must not change the bytes.
const createdBy = "gitruns version 2"

// keyedFields are the columns of rows of a key, a step and a time. Points and values share them, and add a value.
var keyedFields = [...]parquet.Field{
	{Name: "key", Type: parquet.ByteArray, Sorted: true},
	{Name: "step", Type: parquet.Int64, Sorted: true},
	{Name: "time", Type: parquet.Int64, Time: true, Sorted: true},
}

// WriteParquet writes all points as metrics.parquet, sorted by key, step and time, and leaves none in the sorter. The
// bytes depend only on the points and the order in which equal ones were added.
func (s *PointSorter) WriteParquet(w io.Writer) error {
	s.digest = RowDigest{}
	out := newPointWriter(w, s.rows, false, s.some)
	err := s.each(func(key string, points []Point) error {
		s.digest.Points(key, points)
		return out.add("", key, points)
	})
	if err != nil {
		return fmt.Errorf("encoding points: %w", err)
	}
	return out.close()
}

// pointWriter writes points, of one run or of the runs of a batch, in their order.
type pointWriter struct {
	file    *parquet.Writer
	rows    keyedRows
	values  []float64
	labeled bool
	labels  []parquet.Run
	last    Labels // of the last row
}

// newPointWriter returns a writer of about rows rows. If batch is true, each has the id of its run. If labeled is true,
// the file has a column of labels.
func newPointWriter(w io.Writer, rows int64, batch, labeled bool) *pointWriter {
	fields := rowFields(batch, parquet.Field{Name: "value", Type: parquet.Double, Unbound: true})
	if labeled {
		fields = append(fields, parquet.Field{Name: labelsName, Type: parquet.ByteArray, Optional: true, Unbound: true})
	}
	file := parquet.NewWriter(w, createdBy, fields)
	return &pointWriter{file: file, rows: newKeyedRows(rows, batch), labeled: labeled}
}

func (w *pointWriter) add(id, key string, points []Point) error {
	if w.values == nil {
		w.values = make([]float64, 0, w.rows.room)
	}
	for _, p := range points {
		w.rows.add(id, key, p.Step, p.Time)
		if w.labeled {
			w.label(p.Labels)
		}
		if w.values = append(w.values, p.Value); len(w.values) == groupRows {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// label adds the labels of a row.
func (w *pointWriter) label(l Labels) {
	if n := len(w.labels); n > 0 && w.last == l {
		w.labels[n-1].Rows++
		return
	}
	w.labels = append(w.labels, parquet.Run{Text: l.String(), Rows: 1, Null: l == (Labels{})})
	w.last = l
}

func (w *pointWriter) flush() error {
	columns := []parquet.Values{{Floats: w.values}}
	if w.labeled {
		columns = append(columns, parquet.Values{Runs: w.labels})
	}
	err := w.rows.write(w.file, columns...)
	w.values, w.labels = w.values[:0], w.labels[:0]
	return err
}

func (w *pointWriter) close() error {
	err := w.flush()
	if err == nil {
		err = w.file.Close()
	}
	if err != nil {
		return fmt.Errorf("encoding points: %w", err)
	}
	return nil
}

// rowFields returns the columns of points or values.
func rowFields(batch bool, value parquet.Field) []parquet.Field {
	fields := append(keyedFields[:], value)
	if batch {
		fields = append([]parquet.Field{{Name: batchRunColumn.name, Type: parquet.ByteArray, Sorted: true}}, fields...)
	}
	return fields
}

// keyedRows collects the rows of a row group, all but their values.
type keyedRows struct {
	room       int // rows of a group that are expected
	batch      bool
	ids, keys  []parquet.Run
	step, time []int64
	starts     []int // the first row of each key
}

func newKeyedRows(rows int64, batch bool) keyedRows {
	return keyedRows{room: int(min(rows, groupRows)), batch: batch}
}

func (g *keyedRows) add(id, key string, step, time int64) {
	n := len(g.step)
	if n == 0 && cap(g.step) < g.room {
		g.step, g.time = make([]int64, 0, g.room), make([]int64, 0, g.room)
	}
	if last := len(g.keys) - 1; last >= 0 && g.keys[last].Text == key && (!g.batch || g.ids[len(g.ids)-1].Text == id) {
		g.keys[last].Rows++
	} else {
		g.keys = append(g.keys, parquet.Run{Text: key, Rows: 1})
		g.starts = append(g.starts, n)
	}
	if last := len(g.ids) - 1; g.batch && last >= 0 && g.ids[last].Text == id {
		g.ids[last].Rows++
	} else if g.batch {
		g.ids = append(g.ids, parquet.Run{Text: id, Rows: 1})
	}
	g.step, g.time = append(g.step, step), append(g.time, time)
}

// write writes the row group and begins another one.
func (g *keyedRows) write(w *parquet.Writer, values ...parquet.Values) error {
	columns := append([]parquet.Values{{Runs: g.keys}, {Ints: g.step}, {Ints: g.time}}, values...)
	if g.batch {
		columns = append([]parquet.Values{{Runs: g.ids}}, columns...)
	}
	err := w.Group(len(g.step), columns, g.starts)
	g.ids, g.keys, g.step, g.time, g.starts = g.ids[:0], g.keys[:0], g.step[:0], g.time[:0], g.starts[:0]
	return err
}
