package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gitruns/runs/format/internal/parquet"
)

// Bounds of files of rows with texts. Equal rows take almost no bytes. Therefore the size of a file bounds its rows and
// texts: a small file may have the free ones, and each byte allows more. Real files stay far below.
const (
	freeRows    = 200_000
	rowsPerByte = 4
	freeText    = 256 << 20 // bytes of pages, decompressed
	textPerByte = 256
	freeKept    = 16 << 20 // bytes of texts in memory
	keptPerByte = 128
)

// tableColumn is a column of a file with rows of any kind.
type tableColumn struct {
	name   string
	texts  func(i int) string // one of these is set
	ints   func(i int) int64
	maybes func(i int) *int64
}

// encodeTable returns a Parquet file of n rows.
func encodeTable(n int, columns ...tableColumn) ([]byte, error) {
	var b bytes.Buffer
	fields := make([]parquet.Field, len(columns))
	for i, c := range columns {
		fields[i] = parquet.Field{Name: c.name, Type: parquet.Int64, Optional: c.maybes != nil, Unbound: true}
		if c.texts != nil {
			fields[i].Type = parquet.ByteArray
		}
	}
	w := parquet.NewWriter(&b, createdBy, fields)
	for from := 0; from < n; from += groupRows {
		to := min(n, from+groupRows)
		values := make([]parquet.Values, len(columns))
		for i, c := range columns {
			values[i] = c.values(from, to)
		}
		if err := w.Group(to-from, values, nil); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (c *tableColumn) values(from, to int) (v parquet.Values) {
	for i := from; i < to; i++ {
		switch {
		case c.texts != nil:
			v.Runs = append(v.Runs, parquet.Run{Text: c.texts(i), Rows: 1})
		case c.ints != nil:
			v.Ints = append(v.Ints, c.ints(i))
		default:
			n := c.maybes(i)
			v.Null = append(v.Null, n == nil)
			if n == nil {
				n = new(int64)
			}
			v.Ints = append(v.Ints, *n)
		}
	}
	return v
}

// rows reads some columns of a Parquet file together, a few rows at a time.
type rows struct {
	file    *parquet.File
	columns []*rowColumn
	text    int64 // bytes of texts that may still be kept
}

// rowColumn is a column of rows: its values in the current rows.
type rowColumn struct {
	of     *rows
	index  int // -1 if the file does not have the column
	reader *parquet.Reader
	group  int     // of the reader
	ints   []int64 // if it is not nil, the column has integers
	null   []bool
	texts  [][]byte
	last   string
}

// openRows opens a file of size bytes. It reads at most maxRows rows, with texts of at most maxText bytes.
func openRows(r io.ReaderAt, size, maxRows, maxText int64) (*rows, error) {
	return openRowsWithin(r, size, parquet.Limits{
		Rows: maxRows, FreeRows: freeRows, RowsPerByte: rowsPerByte, Page: maxPageBytes, Text: maxText,
		FreeText: freeText, TextPerByte: textPerByte,
	})
}

func openRowsWithin(r io.ReaderAt, size int64, limits parquet.Limits) (*rows, error) {
	f, err := parquet.Open(r, size, limits)
	if err != nil {
		return nil, err
	}
	return &rows{file: f, text: freeKept + size*keptPerByte}, nil
}

// ints and texts choose a column. A column that the file does not have is null in all rows.
func (r *rows) ints(name string) *rowColumn {
	return r.add(&rowColumn{of: r, index: r.file.Column(name), ints: []int64{}})
}

func (r *rows) texts(name string) *rowColumn {
	return r.add(&rowColumn{of: r, index: r.file.Column(name)})
}

func (r *rows) add(c *rowColumn) *rowColumn {
	r.columns = append(r.columns, c)
	return c
}

// use checks the columns that were chosen.
func (r *rows) use() error {
	for _, c := range r.columns {
		if c.index < 0 {
			continue
		}
		column, want := r.file.Columns[c.index], parquet.ByteArray
		if c.ints != nil {
			want = parquet.Int64
		}
		if column.Type != want {
			return fmt.Errorf("the column %.100q is not %s", column.Name, want)
		}
		if err := r.file.Use(c.index); err != nil {
			return err
		}
	}
	return nil
}

// each calls yield with the number of rows that the columns hold, at most most at once, until there are no more.
func (r *rows) each(ctx context.Context, most int, yield func(n int) error) error {
	for group := range r.file.Groups {
		for _, c := range r.columns {
			c.open(group, most)
		}
		if err := r.read(ctx, r.file.Groups[group].Rows, most, yield); err != nil {
			return err
		}
	}
	return nil
}

// eachIn is like each, for a window in each row group. If the file has a page index, it does not read pages before a
// window, and windows in a row share the pages that they have in common.
func (r *rows) eachIn(ctx context.Context, within []window, most int, yield func(n int) error) error {
	for group, w := range within {
		if w.from == w.to {
			continue
		}
		for _, c := range r.columns {
			if err := c.seek(group, w.from, most); err != nil {
				return err
			}
		}
		if err := r.read(ctx, w.to-w.from, most, yield); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next rows of the columns.
func (r *rows) read(ctx context.Context, left int64, most int, yield func(n int) error) error {
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.next(int(min(left, int64(most))))
		if err != nil {
			return err
		}
		if err := yield(n); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

// next reads at most n rows into the columns.
func (r *rows) next(n int) (int, error) {
	for _, c := range r.columns { // texts come from one page at a time
		if c.index < 0 || c.ints != nil {
			continue
		}
		left, err := c.reader.Page()
		if err != nil {
			return 0, err
		}
		n = int(min(int64(n), left))
	}
	if n == 0 {
		return 0, errors.New("it has fewer rows than its footer says")
	}
	for _, c := range r.columns {
		var err error
		switch {
		case c.index < 0:
		case c.ints != nil:
			c.ints, c.null = c.ints[:n], c.null[:n]
			clear(c.null)
			err = c.reader.Ints(c.ints, c.null)
		default:
			c.texts = c.texts[:n]
			err = c.reader.Texts(c.texts)
		}
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (c *rowColumn) open(group, most int) {
	if c.index < 0 {
		return
	}
	c.reset(group, nil)
	c.grow(most)
}

// seek makes a row of a row group the next one.
func (c *rowColumn) seek(group int, row int64, most int) error {
	if c.index < 0 {
		return nil
	}
	if c.reader == nil || c.group != group {
		places, err := c.of.file.Places(group, c.index)
		if err != nil {
			return err
		}
		c.reset(group, places)
	}
	c.grow(most)
	return c.reader.SeekRow(row)
}

func (c *rowColumn) reset(group int, places []parquet.Place) {
	if c.group = group; c.reader == nil {
		c.reader = c.of.file.Read(group, c.index, places)
		return
	}
	c.reader.Reset(group, c.index, places)
}

// grow makes room for most rows.
func (c *rowColumn) grow(most int) {
	if c.ints != nil && cap(c.ints) < most {
		c.ints, c.null = make([]int64, most), make([]bool, most)
	} else if c.ints == nil && cap(c.texts) < most {
		c.texts = make([][]byte, most)
	}
}

// int returns the integer in row i, or 0 and false if it is null.
func (c *rowColumn) int(i int) (int64, bool) {
	if c.index < 0 || c.null[i] {
		return 0, false
	}
	return c.ints[i], true
}

// string returns the text in row i for keeping. It shares the memory of equal texts in successive rows.
func (c *rowColumn) string(i int) (string, error) {
	if c.index < 0 {
		return "", nil
	}
	b := c.texts[i]
	if string(b) == c.last {
		return c.last, nil
	}
	if c.of.text -= int64(len(b)); c.of.text < 0 {
		return "", errors.New("it has more text than its size allows")
	}
	c.last = string(b)
	return c.last, nil
}
