package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

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
	valueBatchText = 1 << 20  // bytes given to the encoder at once
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

// valueRow is a row of values.parquet.
type valueRow struct {
	Key   string `parquet:"key,dict,zstd"`
	Step  int64  `parquet:"step,delta,zstd"`
	Time  int64  `parquet:"time,timestamp(microsecond),delta,zstd"`
	Value string `parquet:"value,zstd"`
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
	out := parquet.NewGenericWriter[valueRow](w, rowLayout()...)
	var batch []valueRow
	s.digest = RowDigest{}
	held, group := 0, 0
	flush := func() error {
		_, err := out.Write(batch)
		batch, group, held = batch[:0], group+held, 0
		if err == nil && group >= valueGroupText {
			group = 0
			err = out.Flush()
		}
		return err
	}
	for _, r := range s.refs {
		text, err := s.textOf(r)
		if err != nil {
			return err
		}
		batch = append(batch, valueRow{s.keys[r.key], r.step, r.time, text})
		s.digest.Value(s.keys[r.key], Value{Step: r.step, Time: r.time, JSON: text})
		if held += len(text); held >= valueBatchText || len(batch) == batchRows {
			if err := flush(); err != nil {
				return fmt.Errorf("encoding values: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("encoding values: %w", err)
	}
	if err := out.Close(); err != nil {
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
