package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

type keyedValue struct {
	Key string
	Value
}

func writeValues(t testing.TB, values []keyedValue) []byte {
	t.Helper()
	s := NewValueSorter(t.TempDir())
	for _, v := range values {
		if err := s.Add(v.Key, v.Value); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := errors.Join(s.WriteParquet(&b), s.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readValues(data []byte) (values []keyedValue, err error) {
	v, err := OpenValues(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	err = v.Each(context.Background(), func(key string, value Value) error {
		values = append(values, keyedValue{key, value})
		return nil
	})
	if err == nil && v.Rows() != int64(len(values)) {
		err = fmt.Errorf("%d rows, and %d values", v.Rows(), len(values))
	}
	return values, err
}

func someValues() []keyedValue {
	return []keyedValue{
		{"b", Value{2, 1_000_000, `"two"`}},
		{"a/é", Value{-1, 3_000_000, `[1,2.5,"NaN",null]`}},
		{"b", Value{1, 2_000_000, `{"_type":"histogram","bins":[0,1],"values":[3]}`}},
		{"b", Value{1, 2_000_000, `"again"`}},
		{"b", Value{1, 1_000_000, `true`}},
	}
}

func TestValuesRoundTrip(t *testing.T) {
	in := someValues()
	got, err := readValues(writeValues(t, in))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]keyedValue{in[1], in[4], in[2], in[3], in[0]}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got, err := readValues(writeValues(t, nil)); err != nil || len(got) != 0 {
		t.Errorf("no values: %v, %v", got, err)
	}
}

// TestValuesSpill: values come back unchanged from the temporary file and from several row groups.
func TestValuesSpill(t *testing.T) {
	var in []keyedValue
	for i := range 150 {
		in = append(in, keyedValue{
			fmt.Sprintf("k%d", i%3), Value{int64(-i), 0, `"` + strings.Repeat(string(rune('a'+i%26)), MaxValueBytes-2) + `"`},
		})
	}
	got, err := readValues(writeValues(t, in))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(in) {
		t.Fatalf("%d values of %d", len(got), len(in))
	}
	for _, v := range got {
		if want := in[-v.Step]; v != want {
			t.Fatalf("%s at step %d is not what was added", v.Key, v.Step)
		}
	}
}

func TestValuesFull(t *testing.T) {
	s := NewValueSorter(t.TempDir())
	s.total = maxValuesText - 3
	if err := s.Add("a", Value{JSON: "1234"}); !errors.Is(err, ErrValuesFull) {
		t.Errorf("error %v", err)
	}
}

// TestValuesBytes: the same values make the same bytes.
func TestValuesBytes(t *testing.T) {
	sum := sha256.Sum256(writeValues(t, someValues()))
	if got := hex.EncodeToString(sum[:]); got != "f8d50c45d3f8963bb925819fec226418a3cf174efe61afc75b18fd8d9f89508e" {
		t.Errorf("the bytes have the digest %s", got)
	}
}

func TestValuesRefused(t *testing.T) {
	type row struct {
		Key   string `parquet:"key,dict,zstd"`
		Step  int64  `parquet:"step,delta,zstd"`
		Time  int64  `parquet:"time,timestamp(microsecond),delta,zstd"`
		Value string `parquet:"value,zstd"`
	}
	write := func(rows ...valueRow) []byte {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[row](&b, parquet.DataPageStatistics(false), parquet.SkipPageBounds("value"))
		theirs := make([]row, len(rows))
		for i, r := range rows {
			theirs[i] = row(r)
		}
		_, err := w.Write(theirs)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := writeValues(t, someValues())
	for _, c := range []struct {
		name   string
		data   []byte
		reason string
	}{
		{"empty", nil, "too few"},
		{"torn", good[:len(good)/2], "no Parquet footer"},
		{"points", writePoints(t, []keyed{{"a", Point{Step: 1, Time: 1, Value: 1}}}, 0), "the column value is not"},
		{"not JSON", write(valueRow{"a", 1, 1, `{"a":`}), "is not JSON"},
		{"not UTF-8", write(valueRow{"a", 1, 1, "\"\xff\""}), "is not JSON"},
		{"an invalid key", write(valueRow{"a\x1b[2J", 1, 1, `1`}), "control character"},
		{"an invalid time", write(valueRow{"a", 1, -1, `1`}), "not between 1970 and 9999"},
		{"too long", write(valueRow{"a", 1, 1, `"` + strings.Repeat("x", MaxValueBytes) + `"`}), "more than"},
		{"not sorted", write(valueRow{"b", 1, 1, `1`}, valueRow{"a", 1, 1, `1`}), "not sorted"},
		{"steps not sorted", write(valueRow{"a", 2, 1, `1`}, valueRow{"a", 1, 1, `1`}), "not sorted"},
	} {
		if _, err := readValues(c.data); err == nil || !errors.Is(err, ErrValues) ||
			!strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	type gzipped struct {
		Key   string `parquet:"key,gzip"`
		Step  int64  `parquet:"step"`
		Time  int64  `parquet:"time"`
		Value string `parquet:"value,gzip"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[gzipped](&b)
	_, err := w.Write(make([]gzipped, 1))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := readValues(b.Bytes()); !errors.Is(err, ErrValues) ||
		!strings.Contains(err.Error(), "only zstd is supported") {
		t.Errorf("another codec: %v", err)
	}
}

func FuzzValues(f *testing.F) {
	f.Add(writeValues(f, someValues()))
	f.Add(writeValues(f, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		_, _ = readValues(data)
	})
}
