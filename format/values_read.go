package format

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format/internal/parquet"
)

// ErrValues is returned if a values.parquet is damaged or not valid.
var ErrValues = errors.New("the file of values is damaged")

// Values is an open values.parquet, or the values of one run of a batch.
type Values struct {
	rows                   *rows
	within                 []window // the rows that belong to the run; nil if all do
	key, step, time, value *rowColumn
}

var valueColumns = []wanted{
	{"key", parquet.ByteArray}, {"step", parquet.Int64}, {"time", parquet.Int64}, {"value", parquet.ByteArray},
}

// OpenValues opens a file of size bytes. The caller must verify its digest first. OpenValues ignores unknown columns.
func OpenValues(r io.ReaderAt, size int64) (*Values, error) {
	rows, err := openRowsWithin(r, size, parquet.Limits{ // they are read one after another, whatever the size
		Rows: MaxValues, FreeRows: MaxValues, Page: maxPageBytes, Text: MaxValueBytes, FreeText: maxValuesText + freeText,
	})
	if err == nil {
		err = use(rows.file, valueColumns, make([]int, len(valueColumns)))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValues, err)
	}
	return newValues(rows), nil
}

func newValues(r *rows) *Values {
	return &Values{r, nil, r.texts("key"), r.ints("step"), r.ints("time"), r.texts("value")}
}

// Rows returns the number of values.
func (v *Values) Rows() (n int64) {
	if v.within == nil {
		return v.rows.file.Rows
	}
	for _, w := range v.within {
		n += w.to - w.from
	}
	return n
}

// Digest returns the digest of the values: see RowDigest.
func (v *Values) Digest(ctx context.Context) (string, error) {
	var d RowDigest
	err := v.Each(ctx, func(key string, value Value) error {
		d.Value(key, value)
		return nil
	})
	return d.Sum(), err
}

// Each calls yield with each value in the order of the file: by key, step and time. It returns an error if the rows are
// not in this order, if a value is not JSON, or if there are more values than a run can have.
func (v *Values) Each(ctx context.Context, yield func(key string, value Value) error) error {
	text, first := int64(0), true
	var last valueRow
	var failed error // of yield
	err := v.each(ctx, 16, func(n int) error {
		for i := range n {
			var row valueRow
			row.Step, _ = v.step.int(i)
			row.Time, _ = v.time.int(i)
			if row.Key = last.Key; row.Key != string(v.key.texts[i]) {
				row.Key = string(v.key.texts[i])
			}
			same := !first && string(v.value.texts[i]) == last.Value
			if row.Value = last.Value; !same {
				row.Value = string(v.value.texts[i])
			}
			if text += int64(len(row.Value)); text > maxValuesText {
				return fmt.Errorf("its values have more than %d bytes", maxValuesText)
			}
			if err := row.check(same); err != nil {
				return err
			}
			if !first && row.before(last) {
				return errUnsorted
			}
			last, first = row, false
			if failed = yield(row.Key, Value{Step: row.Step, Time: row.Time, JSON: row.Value}); failed != nil {
				return failed
			}
		}
		return nil
	})
	if err != nil && failed == nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrValues, err)
	}
	return err
}

func (v *Values) each(ctx context.Context, most int, yield func(n int) error) error {
	if v.within == nil {
		return v.rows.each(ctx, most, yield)
	}
	return v.rows.eachIn(ctx, v.within, most, yield)
}

// valueRow is a row of values.parquet.
type valueRow struct {
	Key   string
	Step  int64
	Time  int64
	Value string
}

// check checks a row. checked says that the value is that of the row before, which has been checked.
func (r valueRow) check(checked bool) error {
	if err := CheckKey(r.Key); err != nil {
		return err
	}
	switch {
	case len(r.Value) > MaxValueBytes:
		return fmt.Errorf("a value of %q has more than %d bytes", r.Key, MaxValueBytes)
	case r.Time < 0 || r.Time > maxTime:
		return fmt.Errorf("a value of %q has a time that is not between 1970 and 9999", r.Key)
	case !checked && (!utf8.ValidString(r.Value) || !json.Valid([]byte(r.Value))):
		return fmt.Errorf("a value of %q is not JSON", r.Key)
	}
	return nil
}

func (r valueRow) before(other valueRow) bool {
	if c := strings.Compare(r.Key, other.Key); c != 0 {
		return c < 0
	}
	if r.Step != other.Step {
		return r.Step < other.Step
	}
	return r.Time < other.Time
}
