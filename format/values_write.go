package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gitruns/runs/format/internal/parquet"
	"github.com/gitruns/runs/format/listsort"
)

// ValuesName is the name of the file next to run.toml that holds the non-numeric values.
const ValuesName = "values.parquet"

// Bounds of the values of a run.
const (
	MaxValues      = 4_000_000
	maxValuesText  = 1 << 30  // bytes of all values, as JSON
	valuesHeld     = 16 << 20 // bytes in memory before they are spilled
	valueGroupText = 64 << 20 // bytes of a row group
)

// Value is a non-numeric value of a key at one step.
type Value struct {
	Step int64
	Time int64  // µs since 1970 UTC
	JSON string // as AppendJSON writes it
}

// ErrValuesFull is returned if a run has more values than it may have.
var ErrValuesFull = fmt.Errorf("a run may have at most %d values with %d bytes", MaxValues, maxValuesText)

// ValueSorter collects values in any order and writes them sorted by key, step and time. Its memory is bounded: past
// 16 MiB, it spills the texts of the values to a temporary file. It is not safe for concurrent use.
type ValueSorter struct {
	dir    string
	index  map[string]int32
	keys   []string
	refs   []valueRef
	text   []byte    // not spilled yet
	digest RowDigest // of the values that were written
	spill  *os.File
	total  int64 // bytes of all texts; text holds the last ones, and spill the others
}

// valueRef says where the text of a value is.
type valueRef struct {
	step, time, offset int64
	key, size          int32
}

// NewValueSorter returns a sorter that creates its temporary file in dir, if it needs one. The caller must call Close.
func NewValueSorter(dir string) *ValueSorter {
	return &ValueSorter{dir: dir, index: map[string]int32{}}
}

// Rows returns the number of values added.
func (s *ValueSorter) Rows() int64 { return int64(len(s.refs)) }

// Digest returns the digest of the values that WriteParquet wrote: see RowDigest.
func (s *ValueSorter) Digest() string { return s.digest.Sum() }

// Add adds one value. It returns ErrValuesFull if the run would then have too many values.
func (s *ValueSorter) Add(key string, v Value) error {
	if len(s.refs) >= MaxValues || s.total+int64(len(v.JSON)) > maxValuesText {
		return ErrValuesFull
	}
	i, ok := s.index[key]
	if !ok {
		i = int32(len(s.keys))
		s.index[key] = i
		s.keys = append(s.keys, key)
	}
	s.refs = append(s.refs, valueRef{step: v.Step, time: v.Time, offset: s.total, key: i, size: int32(len(v.JSON))})
	s.text = append(s.text, v.JSON...)
	s.total += int64(len(v.JSON))
	if len(s.text) < valuesHeld {
		return nil
	}
	return s.spillText()
}

func (s *ValueSorter) spillText() error {
	if s.spill == nil {
		f, err := os.CreateTemp(s.dir, ".values-*")
		if err != nil {
			return fmt.Errorf("sorting values: %w", err)
		}
		s.spill = f
	}
	if _, err := s.spill.WriteAt(s.text, s.total-int64(len(s.text))); err != nil {
		return fmt.Errorf("sorting values: %w", err)
	}
	s.text = s.text[:0]
	return nil
}

func (s *ValueSorter) textOf(r valueRef) (string, error) {
	if held := s.total - int64(len(s.text)); r.offset >= held {
		return string(s.text[r.offset-held:][:r.size]), nil
	}
	b := make([]byte, r.size)
	if _, err := s.spill.ReadAt(b, r.offset); err != nil {
		return "", fmt.Errorf("sorting values: %w", err)
	}
	return string(b), nil
}

// WriteParquet writes all values as values.parquet, sorted by key, step and time. Values that are equal in all three
// keep the order in which they were added. The bytes depend only on the values and this order.
func (s *ValueSorter) WriteParquet(w io.Writer) error {
	listsort.Stable(s.refs, func(a, b valueRef) int {
		return cmp.Or(cmp.Compare(s.keys[a.key], s.keys[b.key]), cmp.Compare(a.step, b.step), cmp.Compare(a.time, b.time))
	})
	s.digest = RowDigest{}
	out := newValueWriter(w, int64(len(s.refs)), false)
	for _, r := range s.refs {
		text, err := s.textOf(r)
		if err != nil {
			return err
		}
		v := Value{Step: r.step, Time: r.time, JSON: text}
		s.digest.Value(s.keys[r.key], v)
		if err := out.add("", s.keys[r.key], v); err != nil {
			return fmt.Errorf("encoding values: %w", err)
		}
	}
	return out.close()
}

// valueWriter writes values, of one run or of the runs of a batch, in their order.
type valueWriter struct {
	file  *parquet.Writer
	rows  keyedRows
	texts []parquet.Run
	held  int // bytes of texts
}

// newValueWriter returns a writer of about rows rows. If batch is true, each has the id of its run.
func newValueWriter(w io.Writer, rows int64, batch bool) *valueWriter {
	value := parquet.Field{Name: "value", Type: parquet.ByteArray, Unbound: true}
	return &valueWriter{file: parquet.NewWriter(w, createdBy, rowFields(batch, value)), rows: newKeyedRows(rows, batch)}
}

func (w *valueWriter) add(id, key string, v Value) error {
	w.rows.add(id, key, v.Step, v.Time)
	w.texts = append(w.texts, parquet.Run{Text: v.JSON, Rows: 1})
	if w.held += len(v.JSON); w.held >= valueGroupText || len(w.texts) == groupRows {
		return w.flush()
	}
	return nil
}

func (w *valueWriter) flush() error {
	err := w.rows.write(w.file, parquet.Values{Runs: w.texts})
	w.texts, w.held = w.texts[:0], 0
	return err
}

func (w *valueWriter) close() error {
	err := w.flush()
	if err == nil {
		err = w.file.Close()
	}
	if err != nil {
		return fmt.Errorf("encoding values: %w", err)
	}
	return nil
}

// Close removes the temporary file.
func (s *ValueSorter) Close() error {
	if s.spill == nil {
		return nil
	}
	err := s.spill.Close()
	return errors.Join(err, os.Remove(s.spill.Name()))
}
