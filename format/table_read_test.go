package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type tableRow struct {
	Int   *int64   `parquet:"int,optional"`
	Float *float64 `parquet:"float,optional"`
	Bool  *bool    `parquet:"bool,optional"`
	Text  *string  `parquet:"text,optional"`
	Small int32    `parquet:"small"`
}

func tableFile(t *testing.T, rows []tableRow) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[tableRow](&b)
	_, err := w.Write(rows)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pointer[T any](v T) *T { return &v }

func TestReadTable(t *testing.T) {
	var rows []tableRow
	for i := range 1000 {
		row := tableRow{}
		if i%3 != 0 {
			row = tableRow{pointer(int64(i)), pointer(float64(i) / 2), pointer(i%2 == 0), pointer(fmt.Sprint("t", i)), 1}
		}
		rows = append(rows, row)
	}
	data := tableFile(t, rows)
	for _, c := range []struct {
		rows, text int64
		want       int // rows that are read at least and at most
		most       int
	}{
		{5000, 1 << 20, 1000, 1000},
		{10, 1 << 20, 10, 10},
		{300, 1 << 20, 300, 300},
		{5000, 100, 1, 600},
		{0, 1 << 20, 0, 0},
	} {
		table, err := ReadTable(t.Context(), bytes.NewReader(data), int64(len(data)), c.rows, c.text)
		if err != nil {
			t.Fatal(err)
		}
		n := len(table.Columns[0].Values)
		if table.Rows != 1000 || n < c.want || n > c.most {
			t.Errorf("%+v: %d of %d rows", c, n, table.Rows)
		}
		for i, column := range table.Columns {
			want := []string{"integer", "number", "boolean", "text", "INT32"}[i]
			if column.Type != want || want != "INT32" && len(column.Values) != n || want == "INT32" && column.Values != nil {
				t.Errorf("column %s is %s with %d values", column.Name, column.Type, len(column.Values))
			}
		}
		for i := range n {
			got := fmt.Sprint(table.Columns[0].Values[i], table.Columns[1].Values[i], table.Columns[2].Values[i],
				table.Columns[3].Values[i])
			want := "<nil> <nil> <nil> <nil>"
			if i%3 != 0 {
				want = fmt.Sprint(any(int64(i)), any(float64(i)/2), any(i%2 == 0), any(fmt.Sprint("t", i)))
			}
			if got != want {
				t.Fatalf("row %d: %s, want %s", i, got, want)
			}
		}
	}
}

func TestCutCell(t *testing.T) {
	if text := cutCell([]byte(strings.Repeat("x", 100_000))); len(text) != maxCellText+len("…") {
		t.Errorf("a long text has %d bytes", len(text))
	}
	if text := cutCell([]byte("x")); text != "x" {
		t.Errorf("a short text is %q", text)
	}
}

// TestDamagedTable reads a table with each byte changed, and with its end missing.
func TestDamagedTable(t *testing.T) {
	data := tableFile(t, []tableRow{{pointer(int64(1)), pointer(2.5), pointer(true), pointer("text"), 1}, {}})
	for i := range data {
		for _, change := range []byte{1, 0x80, 0xff} {
			damaged := bytes.Clone(data)
			damaged[i] ^= change
			_, _ = ReadTable(t.Context(), bytes.NewReader(damaged), int64(len(damaged)), 100, 1<<20)
		}
		if _, err := ReadTable(t.Context(), bytes.NewReader(data[:i]), int64(i), 100, 1<<20); err == nil {
			t.Fatalf("the first %d bytes are read as a table", i)
		}
	}
}

// The parts of a table have all rows, also of a file that Snappy compresses. A damaged page is an error.
func TestEachTablePart(t *testing.T) {
	var rows []tableRow
	for i := range 1000 {
		rows = append(rows, tableRow{pointer(int64(i)), pointer(0.5), nil, pointer("text"), 1})
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[tableRow](&b, parquet.Compression(&parquet.Snappy))
	_, err := w.Write(rows)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) (n, sum int64, err error) {
		err = EachTablePart(t.Context(), bytes.NewReader(data), int64(len(data)), func(rows int, part *Table) error {
			for _, v := range part.Columns[0].Values { // a damaged footer may give the column another type
				if i, ok := v.(int64); ok {
					sum += i
				}
			}
			n += int64(rows)
			return nil
		})
		return n, sum, err
	}
	if n, sum, err := read(b.Bytes()); n != 1000 || sum != 999*500 || err != nil {
		t.Errorf("got %d rows with the sum %d, and error %v", n, sum, err)
	}
	damaged := 0
	for at := range b.Len() {
		data := bytes.Clone(b.Bytes())
		data[at] ^= 0x55
		if n, _, err := read(data); err != nil {
			damaged++
		} else if n > 1000 {
			t.Errorf("byte %d changed: %d rows", at, n)
		}
	}
	if damaged == 0 {
		t.Error("no damage was found")
	}
}
