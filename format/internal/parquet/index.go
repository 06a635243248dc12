package parquet

import (
	"errors"
	"fmt"
)

const (
	maxIndex = 16 << 20 // bytes of the index of a chunk
	maxPages = 100_000  // of a chunk
)

// HasIndex reports whether a column has a page index in every row group of at least rows rows: an offset index and, if
// bounds is true, a column index.
func (f *File) HasIndex(column int, rows int64, bounds bool) bool {
	for i := range f.Groups {
		c := &f.Groups[i].chunks[f.Columns[column].leaf]
		if f.Groups[i].Rows >= rows && (c.offsetIndex == 0 || bounds && c.columnIndex == 0) {
			return false
		}
	}
	return true
}

// Place is where a page is.
type Place struct {
	offset int64
	Row    int64 // the first row of the page in its row group
}

// Places returns the offset index of a column in a row group, in the order of rows. It returns nil if the file has
// none.
func (f *File) Places(group, column int) ([]Place, error) {
	g := &f.Groups[group]
	c := &g.chunks[f.Columns[column].leaf]
	if c.offsetIndex == 0 {
		return nil, nil
	}
	t, err := f.index(c.offsetIndex, c.offsetLength)
	if err != nil {
		return nil, err
	}
	var places []Place
	t.structure(func(at field) bool {
		if at != (field{1, kindList}) {
			return false
		}
		n, kind := t.list()
		if n > maxPages || n > 0 && kind != kindStruct {
			t.fail(errIndex)
			return true
		}
		places = make([]Place, n)
		for i := range places {
			places[i].parse(t)
		}
		return true
	})
	if t.err != nil {
		return nil, fmt.Errorf("its page index cannot be read: %w", t.err)
	}
	before := int64(-1)
	for i, p := range places {
		if i == 0 && p.Row != 0 || p.Row <= before || p.Row >= g.Rows || p.offset < c.begin || p.offset >= c.end {
			return nil, errIndex
		}
		before = p.Row
	}
	if len(places) == 0 && g.Rows > 0 {
		return nil, errIndex
	}
	return places, nil
}

var errIndex = errors.New("its page index names rows or pages that do not exist")

func (p *Place) parse(t *thrift) {
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI64}:
			p.offset = t.i64()
		case field{3, kindI64}:
			p.Row = t.i64()
		default:
			return false
		}
		return true
	})
}

// Bound is the smallest and the largest value of a page, as PLAIN encodes them. Writers may shorten them.
type Bound struct{ Least, Most []byte }

// Bounds returns the column index of a column in a row group. It returns nil if the file has none.
func (f *File) Bounds(group, column int) ([]Bound, error) {
	c := &f.Groups[group].chunks[f.Columns[column].leaf]
	if c.columnIndex == 0 {
		return nil, nil
	}
	t, err := f.index(c.columnIndex, c.columnLength)
	if err != nil {
		return nil, err
	}
	var bounds []Bound
	var counts [2]int
	t.structure(func(at field) bool {
		if at.kind != kindList || at.id != 2 && at.id != 3 {
			return false
		}
		n, kind := t.list()
		if n > maxPages || n > 0 && kind != kindBinary {
			t.fail(errIndex)
			return true
		}
		if bounds == nil {
			bounds = make([]Bound, n)
		}
		counts[at.id-2] = n
		if len(bounds) != n {
			t.fail(errIndex)
			return true
		}
		for i := range bounds {
			if at.id == 2 {
				bounds[i].Least = t.binary()
			} else {
				bounds[i].Most = t.binary()
			}
		}
		return true
	})
	switch {
	case t.err != nil:
		return nil, fmt.Errorf("its page index cannot be read: %w", t.err)
	case counts[0] != counts[1]:
		return nil, errIndex
	}
	return bounds, nil
}

// index reads the bytes of an index.
func (f *File) index(at int64, length int32) (*thrift, error) {
	if !f.inside(at, int64(length)) || length > maxIndex {
		return nil, errIndex
	}
	b := make([]byte, length)
	if n, err := f.r.ReadAt(b, at); n < len(b) {
		return nil, noEOF(err)
	}
	return &thrift{b: b}, nil
}
