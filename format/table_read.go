package format

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gitruns/runs/format/internal/parquet"
)

// Table is the beginning of a table that a program logged.
type Table struct {
	Rows    int64 // of the whole file
	Columns []TableColumn
}

// TableColumn is a column of a table.
type TableColumn struct {
	Name   string
	Type   string // integer, number, boolean or text; otherwise the type of Parquet, whose values are not read
	Values []any  // int64, float64, bool, string or nil for null; nil if the values are not read
}

// Bounds of a table that is read to be shown.
const (
	maxTableColumns = 1000
	tableBatch      = 256 // rows read at once
	maxCellText     = 64 << 10
)

// ReadTable reads the first rows of a table: at most maxRows, and as long as the texts have at most maxText bytes. Of a
// text of more than 64 KiB, it keeps the beginning. The caller must verify the digest of the file first.
func ReadTable(ctx context.Context, r io.ReaderAt, size, maxRows, maxText int64) (*Table, error) {
	t, err := readTable(ctx, r, size, maxRows, maxText, nil)
	if err != nil {
		return nil, fmt.Errorf("reading a table: %w", err)
	}
	return t, nil
}

// EachTablePart reads all rows of a table in parts of a few hundred rows. The values of the columns are only valid
// until yield returns.
func EachTablePart(ctx context.Context, r io.ReaderAt, size int64, yield func(rows int, part *Table) error) error {
	if _, err := readTable(ctx, r, size, math.MaxInt64, math.MaxInt64, yield); err != nil {
		return fmt.Errorf("reading a table: %w", err)
	}
	return nil
}

func readTable(ctx context.Context, r io.ReaderAt, size, maxRows, maxText int64, yield func(int, *Table) error) (
	*Table, error,
) {
	f, err := parquet.Open(r, size, parquet.Limits{
		Rows: maxPoints, FreeRows: freePoints, RowsPerByte: 64 * rowsPerByte, Page: maxPageBytes, Text: MaxValueBytes,
		FreeText: freeText, TextPerByte: textPerByte, Snappy: yield != nil,
	})
	if err != nil {
		return nil, err
	}
	if len(f.Columns) > maxTableColumns {
		return nil, fmt.Errorf("it has %d columns, and at most %d are read", len(f.Columns), maxTableColumns)
	}
	t := &Table{Rows: f.Rows, Columns: make([]TableColumn, len(f.Columns))}
	readers := make([]tableReader, len(f.Columns))
	var unread error
	for i, c := range f.Columns {
		t.Columns[i] = TableColumn{Name: c.Name, Type: c.Type.String()}
		err := f.Use(i)
		unread = cmp.Or(unread, err)
		if name := tableTypes[c.Type]; name != "" && err == nil {
			t.Columns[i].Type, t.Columns[i].Values = name, []any{}
			readers[i] = tableReader{kind: c.Type}
		}
	}
	if yield != nil && !slices.ContainsFunc(t.Columns, func(c TableColumn) bool { return c.Values != nil }) {
		return nil, cmp.Or(unread, errors.New("it has no columns"))
	}
	left := maxText
	for group := range f.Groups {
		rows := min(f.Groups[group].Rows, maxRows)
		maxRows -= rows
		for i := range readers {
			if t.Columns[i].Values != nil {
				readers[i].reader = f.Read(group, i, nil)
			}
		}
		for rows > 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n, err := t.batch(readers, int(min(rows, tableBatch)), &left)
			if err != nil {
				return nil, err
			}
			if yield != nil {
				if err := yield(n, t); err != nil {
					return nil, err
				}
				for i := range t.Columns {
					t.Columns[i].Values = t.Columns[i].Values[:0]
				}
			}
			if rows -= int64(n); left < 0 {
				return t, nil
			}
		}
		if maxRows == 0 {
			break
		}
	}
	return t, nil
}

var tableTypes = map[parquet.Type]string{
	parquet.Int64: "integer", parquet.Double: "number", parquet.Boolean: "boolean", parquet.ByteArray: "text",
}

// tableReader reads a column of a table.
type tableReader struct {
	kind   parquet.Type
	reader *parquet.Reader // nil if the column is not read
	null   [tableBatch]bool
	ints   [tableBatch]int64
	floats [tableBatch]float64
	texts  [tableBatch][]byte
}

// batch reads the next n rows of each column or, if a page ends before, fewer.
func (t *Table) batch(readers []tableReader, n int, left *int64) (int, error) {
	for i := range readers {
		if r := &readers[i]; r.reader != nil && r.kind == parquet.ByteArray {
			page, err := r.reader.Page()
			if err != nil {
				return 0, err
			}
			n = int(min(int64(n), page))
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("it has fewer rows than its footer says")
	}
	for i := range readers {
		if readers[i].reader == nil {
			continue
		}
		if err := readers[i].read(n, &t.Columns[i], left); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (r *tableReader) read(n int, into *TableColumn, left *int64) (err error) {
	clear(r.null[:n])
	switch r.kind {
	case parquet.Double:
		err = r.reader.FloatsOrNull(r.floats[:n], r.null[:n])
	case parquet.ByteArray:
		err = r.reader.Texts(r.texts[:n])
	default:
		err = r.reader.Ints(r.ints[:n], r.null[:n])
	}
	if err != nil {
		return err
	}
	for i := range n {
		var value any
		switch {
		case r.null[i], r.kind == parquet.ByteArray && r.texts[i] == nil:
		case r.kind == parquet.Double:
			value = r.floats[i]
		case r.kind == parquet.Boolean:
			value = r.ints[i] != 0
		case r.kind == parquet.Int64:
			value = r.ints[i]
		default:
			text := r.texts[i]
			*left -= int64(len(text))
			value = cutCell(text)
		}
		into.Values = append(into.Values, value)
	}
	return nil
}

// cutCell returns a text for keeping, without the end of a very long one.
func cutCell(text []byte) string {
	if len(text) > maxCellText {
		return string(text[:maxCellText]) + "…"
	}
	return string(text)
}
