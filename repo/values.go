package repo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/secret"
)

// EachValue calls yield with every value, ordered by key, step and time. here is false if the record lists a file of
// values that is only on another machine.
func (e *Entry) EachValue(ctx context.Context, yield func(key string, v format.Value) error) (here bool, err error) {
	if len(e.earlier) > 0 {
		return e.eachValueOfChain(ctx, yield)
	}
	if e.Active != nil {
		return true, e.activeValues(ctx, yield)
	}
	if _, ok := e.Files[format.ValuesName]; !ok {
		return true, nil
	}
	v, release, err := e.values()
	if err != nil || v == nil {
		return false, err
	}
	defer release()
	if err = v.Each(ctx, yield); err != nil {
		err = fmt.Errorf("run %s: %w", e.ID, err)
	}
	return true, err
}

// maxLiveValues is the maximum number of bytes of values of an active run that are read.
const maxLiveValues = 256 << 20

func (e *Entry) activeValues(ctx context.Context, yield func(string, format.Value) error) error {
	all := map[string][]format.Value{}
	size := 0
	err := e.eachActive(ctx, nil, func(key string, v format.Value) error {
		if size += len(v.JSON); size > maxLiveValues {
			return fmt.Errorf(
				"run %s: it has more than %d bytes of values: finish it first to read them", e.ID, maxLiveValues,
			)
		}
		all[key] = append(all[key], v)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		listsort.Stable(all[key], func(a, b format.Value) int {
			return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Time, b.Time))
		})
		for _, v := range all[key] {
			if err := yield(key, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// searchedAtOnce is about how many bytes of values are searched at a time. A value is never split.
const searchedAtOnce = 4 << 20

// SearchValues searches the texts in a values.parquet of size bytes, whose digest the caller has verified. The Line
// of a finding is the row, counted from 1.
func SearchValues(ctx context.Context, r io.ReaderAt, size int64) ([]secret.Find, error) {
	v, err := format.OpenValues(r, size)
	if err != nil {
		return nil, err
	}
	return searchValues(ctx, v)
}

func searchValues(ctx context.Context, v *format.Values) ([]secret.Find, error) {
	var finds []secret.Find
	var text bytes.Buffer
	var begins []int // where each row begins in text
	row := int64(0)
	search := func() error {
		found, err := secret.Search(ctx, bytes.NewReader(text.Bytes()), int64(text.Len()), secret.Plain)
		for _, f := range found {
			at := sort.Search(len(begins), func(i int) bool { return int64(begins[i]) > f.From })
			f.Line, f.Column, f.From, f.To = row-int64(len(begins))+int64(at), 0, 0, 0
			finds = append(finds, f)
		}
		text.Reset()
		begins = begins[:0]
		return err
	}
	err := v.Each(ctx, func(key string, value format.Value) error {
		row++
		begins = append(begins, text.Len())
		text.WriteString(key + " = " + plainText(value.JSON) + "\n")
		if text.Len() < searchedAtOnce {
			return nil
		}
		return search()
	})
	if err == nil {
		err = search()
	}
	return finds, err
}

// plainText returns a text as it was logged, and any other value as JSON.
func plainText(value string) string {
	var s string
	if json.Unmarshal([]byte(value), &s) == nil {
		return s
	}
	return value
}
