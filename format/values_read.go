package format

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// ErrValues is returned if a values.parquet is damaged or not valid.
var ErrValues = errors.New("the file of values is damaged")

// Values is an open values.parquet.
type Values struct{ file *parquet.File }

// guardValues turns a panic of the Parquet reader into an error. Some damaged files make it panic.
func guardValues(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrValues, r)
	}
}

// OpenValues opens a file of size bytes. The caller must verify its digest first. OpenValues ignores unknown columns.
func OpenValues(r io.ReaderAt, size int64) (v *Values, err error) {
	defer guardValues(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrValues, err)
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrValues, err)
	}
	for _, want := range []struct {
		name string
		kind parquet.Kind
	}{{"key", parquet.ByteArray}, {"step", parquet.Int64}, {"time", parquet.Int64}, {"value", parquet.ByteArray}} {
		leaf, ok := f.Schema().Lookup(want.name)
		if !ok {
			return nil, fmt.Errorf("%w: it has no column %s", ErrValues, want.name)
		}
		if leaf.Node.Type().Kind() != want.kind || !leaf.Node.Required() {
			return nil, fmt.Errorf("%w: the column %s is not a required %s", ErrValues, want.name, want.kind)
		}
	}
	if err := checkSizes(f, size, MaxValues); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrValues, err)
	}
	for _, group := range f.RowGroups() {
		for _, chunk := range group.ColumnChunks() {
			if err := checkPages(f, r, chunk); err != nil {
				return nil, fmt.Errorf("%w: %v", ErrValues, err)
			}
		}
	}
	return &Values{f}, nil
}

// Rows returns the number of values.
func (v *Values) Rows() int64 { return v.file.NumRows() }

// Each calls yield with each value in the order of the file: by key, step and time. It returns an error if the rows are
// not in this order, if a value is not JSON, or if there are more values than a run can have.
func (v *Values) Each(ctx context.Context, yield func(key string, value Value) error) (err error) {
	defer guardValues(&err)
	r := parquet.NewGenericReader[valueRow](v.file)
	defer func() { _ = r.Close() }()
	rows := make([]valueRow, 64)
	text := int64(0)
	var last valueRow
	for n := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := r.Read(rows)
		for _, row := range rows[:got] {
			if text += int64(len(row.Value)); text > maxValuesText {
				return fmt.Errorf("%w: its values have more than %d bytes", ErrValues, maxValuesText)
			}
			if err := row.check(); err != nil {
				return fmt.Errorf("%w: %v", ErrValues, err)
			}
			if n++; n > 1 && row.before(last) {
				return fmt.Errorf("%w: its rows are not sorted", ErrValues)
			}
			last = row
			if err := yield(row.Key, Value{Step: row.Step, Time: row.Time, JSON: row.Value}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %v", ErrValues, err)
		}
		if got == 0 {
			return fmt.Errorf("%w: it has fewer rows than its footer says", ErrValues)
		}
	}
}

func (r valueRow) check() error {
	if err := CheckKey(r.Key); err != nil {
		return err
	}
	switch {
	case len(r.Value) > MaxValueBytes:
		return fmt.Errorf("a value of %q has more than %d bytes", r.Key, MaxValueBytes)
	case r.Time < 0 || r.Time > maxTime:
		return fmt.Errorf("a value of %q has a time that is not between 1970 and 9999", r.Key)
	case !utf8.ValidString(r.Value) || !json.Valid([]byte(r.Value)):
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
