package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pq "github.com/parquet-go/parquet-go"
)

var generous = Limits{Rows: 1 << 30, FreeRows: 1 << 30, Page: 1 << 20, Text: 1 << 10, FreeText: 1 << 30}

// columns are the values of a file, in the encodings that writers use.
type columns struct {
	PlainText   string  `parquet:"plain_text"`
	DictText    string  `parquet:"dict_text,dict"`
	LengthText  string  `parquet:"length_text,delta"` // DELTA_LENGTH_BYTE_ARRAY
	PlainInt    int64   `parquet:"plain_int"`
	DictInt     int64   `parquet:"dict_int,dict"`
	DeltaInt    int64   `parquet:"delta_int,delta"`
	PlainFloat  float64 `parquet:"plain_float"`
	DictFloat   float64 `parquet:"dict_float,dict"`
	SplitFloat  float64 `parquet:"split_float,split"`
	MaybeInt    *int64  `parquet:"maybe_int,optional"`
	MaybeText   *string `parquet:"maybe_text,optional,dict"`
	AlwaysEmpty *int64  `parquet:"always_empty,optional"`
}

func randomRows(r *rand.Rand, n int) []columns {
	rows := make([]columns, n)
	ints := []int64{math.MinInt64, math.MaxInt64, 0, -1}
	for i := range rows {
		text := fmt.Sprintf("%0*d", r.IntN(20), r.IntN(1000))
		number, some := r.Int64()-1<<62, r.IntN(6)
		if some < len(ints) {
			number = ints[some]
		}
		rows[i] = columns{
			PlainText: text, DictText: fmt.Sprint("key", i/100), LengthText: text, PlainInt: number, DictInt: number % 7,
			DeltaInt: int64(i) * number, PlainFloat: r.NormFloat64(), DictFloat: float64(i / 50), SplitFloat: r.NormFloat64(),
		}
		if i%3 > 0 {
			rows[i].MaybeInt, rows[i].MaybeText = &number, &text
		}
	}
	return rows
}

func write(t testing.TB, rows []columns, options ...pq.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pq.NewGenericWriter[columns](&b, options...)
	_, err := w.Write(rows)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read returns all rows of a file. It reads them in pieces of a random length.
func read(f *File, r *rand.Rand) ([]columns, error) {
	var rows []columns
	for i := range f.Columns {
		if err := f.Use(i); err != nil {
			return nil, err
		}
	}
	for group, g := range f.Groups {
		some := make([]columns, g.Rows)
		for i := range f.Columns {
			places, err := f.Places(group, i)
			if err != nil {
				return nil, err
			}
			if err := readColumn(f.Read(group, i, places), f.Columns[i], some, r); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Columns[i].Name, err)
			}
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func readColumn(reader *Reader, c Column, rows []columns, r *rand.Rand) error {
	for at := 0; at < len(rows); {
		n := 1 + r.IntN(len(rows)-at)
		if c.Type == ByteArray {
			left, err := reader.Page()
			if err != nil {
				return err
			}
			n = min(n, int(left))
		}
		ints, null, floats, texts := make([]int64, n), make([]bool, n), make([]float64, n), make([][]byte, n)
		var err error
		switch c.Type {
		case Int64:
			err = reader.Ints(ints, null)
		case Double:
			err = reader.Floats(floats)
		default:
			err = reader.Texts(texts)
		}
		if err != nil {
			return err
		}
		for i := range n {
			set(&rows[at+i], c.Name, ints[i], null[i], floats[i], texts[i])
		}
		at += n
	}
	return nil
}

func set(row *columns, name string, number int64, null bool, float float64, text []byte) {
	switch name {
	case "plain_text":
		row.PlainText = string(text)
	case "dict_text":
		row.DictText = string(text)
	case "length_text":
		row.LengthText = string(text)
	case "plain_int":
		row.PlainInt = number
	case "dict_int":
		row.DictInt = number
	case "delta_int":
		row.DeltaInt = number
	case "plain_float":
		row.PlainFloat = float
	case "dict_float":
		row.DictFloat = float
	case "split_float":
		row.SplitFloat = float
	case "maybe_int":
		if !null {
			row.MaybeInt = &number
		}
	case "maybe_text":
		if s := string(text); text != nil {
			row.MaybeText = &s
		}
	}
}

// TestReader: what another implementation writes is read, in all encodings, page sizes and versions.
func TestReader(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 7, 129, 5000} {
		rows := randomRows(r, n)
		for _, version := range []int{1, 2} {
			for _, page := range []int{64, 4 << 10, 1 << 20} {
				for _, codec := range []pq.WriterOption{pq.Compression(&pq.Zstd), pq.Compression(&pq.Uncompressed)} {
					data := write(t, rows, pq.DataPageVersion(version), pq.PageBufferSize(page), codec,
						pq.MaxRowsPerRowGroup(2000))
					f, err := Open(bytes.NewReader(data), int64(len(data)), generous)
					if err != nil {
						t.Fatal(err)
					}
					got, err := read(f, r)
					if err != nil {
						t.Fatalf("%d rows, version %d, pages of %d bytes: %v", n, version, page, err)
					}
					if d := cmp.Diff(rows, got, cmpopts.EquateEmpty()); d != "" {
						t.Fatalf("%d rows, version %d, pages of %d bytes (-want +got):\n%.2000s", n, version, page, d)
					}
				}
			}
		}
	}
}

// TestSeekRow: after any sequence of seeks, the next values are those of the row, with and without an index.
func TestSeekRow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rows := randomRows(r, 3000)
	data := write(t, rows, pq.PageBufferSize(2<<10))
	f, err := Open(bytes.NewReader(data), int64(len(data)), generous)
	if err != nil {
		t.Fatal(err)
	}
	column := f.Column("delta_int")
	if err := f.Use(column); err != nil || !f.HasIndex(column, 0, true) {
		t.Fatal("no index", err)
	}
	places, err := f.Places(0, column)
	if err != nil || len(places) < 5 {
		t.Fatal(len(places), err)
	}
	for _, places := range [][]Place{places, nil} {
		reader := f.Read(0, column, places)
		for range 300 {
			at := r.IntN(len(rows))
			if err := reader.SeekRow(int64(at)); err != nil {
				t.Fatal(err)
			}
			got := make([]int64, 1+r.IntN(min(40, len(rows)-at)))
			if err := reader.Ints(got, nil); err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if v != rows[at+i].DeltaInt {
					t.Fatalf("row %d is %d, want %d", at+i, v, rows[at+i].DeltaInt)
				}
			}
		}
	}
}

// TestShape: the columns of any file are named, also of types and codecs that are not read.
func TestShape(t *testing.T) {
	type other struct {
		Nested struct {
			A int32   `parquet:"a"`
			B []int64 `parquet:"b,list"`
		} `parquet:"nested"`
		Flag bool     `parquet:"flag,snappy"`
		Tags []string `parquet:"tags"`
	}
	var b bytes.Buffer
	w := pq.NewGenericWriter[other](&b)
	_, err := w.Write(make([]other, 3))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	rows, names, err := Shape(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if d := cmp.Diff([]string{"nested", "flag", "tags"}, names); rows != 3 || d != "" || err != nil {
		t.Error(rows, d, err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), generous)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nested", "flag", "tags"} {
		if err := f.Use(f.Column(name)); err == nil {
			t.Errorf("the column %s is read", name)
		}
	}
}

// FuzzReader: no file makes the reader panic, and none makes it read more than its footer and its size allow.
func FuzzReader(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, version := range []int{1, 2} {
		data := write(f, randomRows(r, 40), pq.DataPageVersion(version), pq.PageBufferSize(100))
		f.Add(data)
		for range 30 {
			bad := bytes.Clone(data)
			bad[r.IntN(len(bad))] ^= byte(1 << r.IntN(8))
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := rand.New(rand.NewPCG(7, 8)) // the same for each input, so that its coverage is always the same
		_, _, _ = Shape(bytes.NewReader(data), int64(len(data)))
		limits := generous
		limits.Rows = 2000
		file, err := Open(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			return
		}
		for i := range file.Columns {
			if file.Use(i) != nil {
				continue
			}
			for group, g := range file.Groups {
				places, err := file.Places(group, i)
				if err != nil {
					continue
				}
				_, _ = file.Bounds(group, i)
				_ = readColumn(file.Read(group, i, places), file.Columns[i], make([]columns, g.Rows), r)
				_ = file.Read(group, i, places).SeekRow(g.Rows / 2)
			}
		}
	})
}
