package parquet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Reader reads the values of a column in a row group, in the order of the rows. Its memory is that of one page and of
// the dictionary.
type Reader struct {
	file   *File
	column Column
	chunk  *chunk
	rows   int64   // of the row group
	places []Place // nil if they are unknown

	row  int64 // the next one
	next int64 // offset of the next page
	left int64 // rows of the current page

	dictionary dictionary
	levels     rle // definition levels of the current page, if the column is optional
	values     decoder
	nulls      []bool

	head, packed, raw []byte
	failed            error // the first error since Reset: what comes after it cannot be trusted
}

// decoder decodes the values of a page. It supports the types that its encoding has.
type decoder interface {
	ints(into []int64) error
	floats(into []float64) error
	texts(into [][]byte) error
}

// Read returns a reader of a column, for which Use returned no error. places are those of the column, or nil if they
// are not known; with them, SeekRow reads only one page.
func (f *File) Read(group, column int, places []Place) *Reader {
	r := &Reader{file: f}
	r.Reset(group, column, places)
	return r
}

// Reset makes the reader read another column, with the memory that it has.
func (r *Reader) Reset(group, column int, places []Place) {
	g := &r.file.Groups[group]
	r.column = r.file.Columns[column]
	r.chunk, r.rows, r.places = &g.chunks[r.column.leaf], g.Rows, places
	r.row, r.next, r.left, r.values, r.dictionary, r.failed = 0, r.chunk.begin, 0, nil, dictionary{}, nil
}

// SeekRow makes row the next one. It reads the page that contains it.
func (r *Reader) SeekRow(row int64) error {
	if row < 0 || row > r.rows {
		return errIndex
	}
	if i := r.place(row); i >= 0 && (row < r.row || r.places[i].Row > r.row+r.left) {
		r.row, r.next, r.left = r.places[i].Row, r.places[i].offset, 0
	}
	if row < r.row {
		r.row, r.next, r.left = 0, r.chunk.begin, 0
	}
	return r.skip(row - r.row)
}

// place returns the index of the page that contains a row, or -1 if it is unknown.
func (r *Reader) place(row int64) int {
	i, found := slices.BinarySearchFunc(r.places, row, func(p Place, row int64) int { return cmp.Compare(p.Row, row) })
	if found {
		return i
	}
	return i - 1
}

// Page returns how many rows of the current page are left. It moves to the next page if there are none.
func (r *Reader) Page() (int64, error) {
	for r.failed == nil && r.left == 0 && r.row < r.rows {
		if err := r.nextPage(); err != nil {
			r.failed = fmt.Errorf("the column %.100q: %w", r.column.Name, err)
		}
	}
	return r.left, r.failed
}

// nextPage moves to the next data page.
func (r *Reader) nextPage() error {
	if r.next >= r.chunk.end {
		return errors.New("its pages have fewer rows than the footer says")
	}
	h, err := r.header(r.next)
	if err != nil {
		return err
	}
	at := r.next
	r.next += h.length + max(0, h.bytes)
	switch h.kind {
	case indexPage, dictionaryPage: // a dictionary is read when it is needed
		return nil
	case dataPage, dataPageV2:
	default:
		return fmt.Errorf("a page has the unknown type %d", h.kind)
	}
	if h.values > r.rows-r.row {
		return errors.New("its pages have more rows than the footer says")
	}
	if h.values == 0 {
		return nil
	}
	if len(r.places) > 0 && !r.agrees(at, h.values) {
		return errIndex
	}
	if h.encoding == rleDictionary || h.encoding == plainDictionary {
		if err := r.loadDictionary(); err != nil {
			return err
		}
	}
	levels, values, err := r.load(at, h)
	if err != nil {
		return err
	}
	if r.column.Optional {
		if h.kind == dataPage {
			if h.levelKind != levelRLE {
				return fmt.Errorf("its levels have the encoding %d, which is not supported", h.levelKind)
			}
			if levels, values, err = splitLevels(values); err != nil {
				return err
			}
		}
		r.levels = rle{b: levels, width: 1}
	}
	if r.values, err = r.decoder(h.encoding, values, h.values); err != nil {
		return err
	}
	r.left = h.values
	return nil
}

// agrees reports whether the index has the data page at an offset, with n values.
func (r *Reader) agrees(at, n int64) bool {
	i, after := r.place(r.row), r.rows
	if i+1 < len(r.places) {
		after = r.places[i+1].Row
	}
	return r.places[i].offset == at && r.places[i].Row == r.row && after == r.row+n
}

// decoder returns the decoder of a page.
func (r *Reader) decoder(encoding int32, b []byte, n int64) (decoder, error) {
	fixed := r.column.Type == Int64 || r.column.Type == Double
	switch {
	case r.column.Optional && len(b) == 0: // all values are null
		return &plainNumbers{}, nil
	case r.column.Type == Boolean:
		if encoding != plain {
			break
		}
		return &plainBooleans{b: b}, nil
	case encoding == rleDictionary || encoding == plainDictionary:
		return r.dictionary.indexes(b)
	case encoding == plain && fixed:
		return &plainNumbers{b: b}, nil
	case encoding == plain:
		return &plainTexts{b: b}, nil
	case encoding == streamSplit && fixed:
		return newSplit(b)
	case encoding == deltaPacked && r.column.Type == Int64:
		return newDelta(b)
	case encoding == deltaLengthBytes && !fixed:
		return newDeltaLengths(b, n)
	case encoding == deltaBytes && !fixed:
		return newDeltaTexts(b, n, r.file.limits.Text)
	}
	return nil, fmt.Errorf("the encoding %d of %s is not supported", encoding, r.column.Type)
}

// read calls decode for consecutive parts of the next n rows: for each, with the range of rows, and with the part of
// them that is not null.
func (r *Reader) read(n int, decode func(from, to, values int) error) error {
	for from := 0; from < n; {
		left, err := r.Page()
		if err != nil {
			return err
		}
		if left == 0 {
			return errors.New("it has fewer rows than its index says")
		}
		to := from + int(min(left, int64(n-from)))
		values := to - from
		if r.column.Optional {
			if values, err = r.readLevels(to - from); err != nil {
				return err
			}
		}
		if err := decode(from, to, values); err != nil {
			r.failed = fmt.Errorf("the column %.100q: %w", r.column.Name, err)
			return r.failed
		}
		r.left -= int64(to - from)
		r.row += int64(to - from)
		from = to
	}
	return nil
}

// readLevels sets r.nulls for the next n rows, and returns how many of them are not null.
func (r *Reader) readLevels(n int) (values int, err error) {
	r.nulls = r.nulls[:0]
	var levels [256]uint32
	for n > 0 {
		some := levels[:min(n, len(levels))]
		if err := r.levels.fill(some); err != nil {
			r.failed = fmt.Errorf("the levels of %.100q: %w", r.column.Name, err)
			return 0, r.failed
		}
		for _, level := range some {
			r.nulls = append(r.nulls, level == 0)
			if level > 0 {
				values++
			}
		}
		n -= len(some)
	}
	return values, nil
}

// spread moves values to the rows that are not null. The others become zero.
func spread[T any](rows []T, values int, nulls []bool) {
	var zero T
	for i := len(rows) - 1; i >= 0; i-- {
		if nulls[i] {
			rows[i] = zero
			continue
		}
		values--
		rows[i] = rows[values]
	}
}

// Ints reads the next len(into) integers, or booleans as 0 and 1. If null is not nil, it says which of them are null.
func (r *Reader) Ints(into []int64, null []bool) error {
	return r.read(len(into), func(from, to, values int) error {
		if err := r.values.ints(into[from : from+values]); err != nil || !r.column.Optional {
			return err
		}
		spread(into[from:to], values, r.nulls)
		if null != nil {
			copy(null[from:to], r.nulls)
		}
		return nil
	})
}

// Floats reads the next len(into) doubles. A null becomes 0.
func (r *Reader) Floats(into []float64) error { return r.FloatsOrNull(into, nil) }

// FloatsOrNull is like Floats. If null is not nil, it says which of the doubles are null.
func (r *Reader) FloatsOrNull(into []float64, null []bool) error {
	return r.read(len(into), func(from, to, values int) error {
		if err := r.values.floats(into[from : from+values]); err != nil || !r.column.Optional {
			return err
		}
		spread(into[from:to], values, r.nulls)
		if null != nil {
			copy(null[from:to], r.nulls)
		}
		return nil
	})
}

// Texts reads the next len(into) texts, which must be in one page: see Page. They are valid until the next call. A null
// becomes nil. Equal texts of a dictionary share their memory.
func (r *Reader) Texts(into [][]byte) error {
	if left, err := r.Page(); err != nil || int64(len(into)) > left {
		return errors.Join(err, errPlace)
	}
	return r.read(len(into), func(from, to, values int) error {
		if err := r.values.texts(into[from : from+values]); err != nil {
			return err
		}
		for _, text := range into[from : from+values] {
			if int64(len(text)) > r.file.limits.Text {
				return fmt.Errorf("a text has more than %d bytes", r.file.limits.Text)
			}
		}
		if r.column.Optional {
			spread(into[from:to], values, r.nulls)
		}
		return nil
	})
}

// skip passes over n rows.
func (r *Reader) skip(n int64) error {
	var numbers [512]int64
	var floats [512]float64
	var texts [512][]byte
	for n > 0 {
		left, err := r.Page()
		if err != nil {
			return err
		}
		some := int(min(n, int64(len(numbers)), max(left, 1)))
		switch r.column.Type {
		case Int64, Boolean:
			err = r.Ints(numbers[:some], nil)
		case Double:
			err = r.Floats(floats[:some])
		default:
			err = r.Texts(texts[:some])
		}
		if err != nil {
			return err
		}
		n -= int64(some)
	}
	return nil
}
