package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Bounds on what is read from a Parquet file of points.
const (
	maxPoints    = 2_000_000_000
	maxCurve     = 20_000_000 // points of one metric held at once: 480 MB
	maxPageBytes = 64 << 20
)

// Metrics is an open metrics.parquet. It reads only the parts that a call needs. It is not safe for concurrent use.
type Metrics struct {
	file   *parquet.File
	reader io.ReaderAt
	column [4]int // of key, step, time, value
	groups []*pointGroup
}

// pointGroup is a row group and what is known about it.
type pointGroup struct {
	group   parquet.RowGroup
	spans   []span
	checked bool // its pages keep to their bounds
}

// span is a range of rows with one key.
type span struct {
	key      string
	from, to int64 // rows from..to-1 of the group
}

// ErrMetrics is returned if a metrics.parquet or system.parquet is damaged or not valid.
var ErrMetrics = errors.New("the file of points is damaged")

// guard turns a panic of the Parquet reader into an error. Some damaged files make it panic.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrMetrics, r)
	}
}

// OpenMetrics opens a file of size bytes. The caller must verify its digest first. OpenMetrics ignores unknown
// columns.
func OpenMetrics(r io.ReaderAt, size int64) (m *Metrics, err error) {
	defer guard(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
	}
	m = &Metrics{file: f, reader: r}
	for i, want := range []struct {
		name string
		kind parquet.Kind
	}{{"key", parquet.ByteArray}, {"step", parquet.Int64}, {"time", parquet.Int64}, {"value", parquet.Double}} {
		leaf, ok := f.Schema().Lookup(want.name)
		if !ok {
			return nil, fmt.Errorf("%w: it has no column %s", ErrMetrics, want.name)
		}
		if leaf.Node.Type().Kind() != want.kind || !leaf.Node.Required() {
			return nil, fmt.Errorf("%w: the column %s is not a required %s", ErrMetrics, want.name, want.kind)
		}
		m.column[i] = leaf.ColumnIndex
	}
	if err := checkSizes(f, size, maxPoints); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
	}
	for _, group := range f.RowGroups() {
		m.groups = append(m.groups, &pointGroup{group: group})
	}
	return m, nil
}

// Rows returns the number of points.
func (m *Metrics) Rows() int64 { return m.file.NumRows() }

// Keys returns the keys of the metrics in the file, sorted.
func (m *Metrics) Keys() (keys []string, err error) {
	defer guard(&err)
	for i := range m.groups {
		spans, err := m.spans(i)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			if len(keys) == 0 || keys[len(keys)-1] != s.key {
				keys = append(keys, s.key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// check checks the pages of the columns that are read. It does so when a row group is first needed, because most reads
// need only one of many groups.
func (m *Metrics) check(g *pointGroup) error {
	if g.checked {
		return nil
	}
	chunks := g.group.ColumnChunks()
	for _, column := range m.column {
		if err := checkPages(m.file, m.reader, chunks[column]); err != nil {
			return fmt.Errorf("%w: %w", ErrMetrics, err)
		}
	}
	g.checked = true
	return nil
}

// spans returns the row range of each key in a row group. For a page with a single key, it uses the index; it reads
// the other pages.
func (m *Metrics) spans(i int) ([]span, error) {
	g := m.groups[i]
	if g.spans != nil {
		return g.spans, nil
	}
	spans, err := m.findSpans(g, func(least, most []byte) bool { return true })
	if err != nil {
		return nil, err
	}
	g.spans = spans
	return spans, nil
}

// findSpans returns the ranges in those pages whose smallest and largest keys the function wanted accepts.
func (m *Metrics) findSpans(g *pointGroup, wanted func(least, most []byte) bool) ([]span, error) {
	group := g.group
	chunk := group.ColumnChunks()[m.column[0]]
	index, err := chunk.ColumnIndex()
	if err != nil && !errors.Is(err, parquet.ErrMissingColumnIndex) {
		return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
	}
	offsets, err := chunk.OffsetIndex()
	if err != nil && !errors.Is(err, parquet.ErrMissingOffsetIndex) {
		return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
	}
	pages := chunk.Pages()
	defer func() { _ = pages.Close() }()
	var spans []span
	add := func(key []byte, from, to int64) {
		if n := len(spans); n > 0 && spans[n-1].to == from && spans[n-1].key == string(key) {
			spans[n-1].to = to
			return
		}
		spans = append(spans, span{string(key), from, to})
	}
	if index == nil || offsets == nil || index.NumPages() != offsets.NumPages() {
		if err := m.check(g); err != nil {
			return nil, err
		}
		err := m.readSpans(pages, 0, group.NumRows(), add)
		return spans, err
	}
	for i := range index.NumPages() {
		from, to := offsets.FirstRowIndex(i), group.NumRows()
		if i+1 < index.NumPages() {
			to = offsets.FirstRowIndex(i + 1)
		}
		if from < 0 || to < from || to > group.NumRows() {
			return nil, fmt.Errorf("%w: its index names rows that do not exist", ErrMetrics)
		}
		least, most := index.MinValue(i).ByteArray(), index.MaxValue(i).ByteArray()
		if !wanted(least, most) {
			continue
		}
		if bytes.Equal(least, most) && len(least) <= MaxKeyBytes {
			add(least, from, to)
			continue
		}
		if err := m.check(g); err != nil {
			return nil, err
		}
		if err := pages.SeekToRow(from); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMetrics, err)
		}
		if err := m.readSpans(pages, from, to, add); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// readSpans reads the keys of the rows from..to-1. The next page must be the one that contains row from.
func (m *Metrics) readSpans(pages parquet.Pages, from, to int64, add func(key []byte, from, to int64)) error {
	values := make([]parquet.Value, 1024)
	for row := from; row < to; {
		page, err := pages.ReadPage()
		if err != nil {
			return fmt.Errorf("%w: %v", ErrMetrics, noEOF(err))
		}
		r := page.Values()
		for {
			n, err := r.ReadValues(values)
			for _, v := range values[:n] {
				if row < to {
					add(v.ByteArray(), row, row+1)
				}
				row++
			}
			if errors.Is(err, io.EOF) || n == 0 && err == nil {
				break
			}
			if err != nil {
				parquet.Release(page)
				return fmt.Errorf("%w: %v", ErrMetrics, err)
			}
		}
		rows := page.NumRows()
		parquet.Release(page)
		if rows == 0 {
			return fmt.Errorf("%w: a page is empty", ErrMetrics)
		}
	}
	return nil
}

// noEOF turns io.EOF into io.ErrUnexpectedEOF: a file must not end in the middle of its rows.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Points returns the points of one metric, ordered by step and time. If the file does not have the key, there are
// none.
func (m *Metrics) Points(key string) (points []Point, err error) {
	defer guard(&err)
	want := []byte(key)
	for _, g := range m.groups {
		spans := g.spans
		if spans == nil {
			spans, err = m.findSpans(g, func(least, most []byte) bool {
				return bytes.Compare(least, want) <= 0 && bytes.Compare(want, most) <= 0
			})
			if err != nil {
				return nil, err
			}
		}
		for _, s := range spans {
			if s.key != key {
				continue
			}
			if int64(len(points))+s.to-s.from > maxCurve {
				return nil, fmt.Errorf("%q has more than %d points, which are too many to hold in memory", key, maxCurve)
			}
			err := m.read(context.Background(), g, []span{s}, s.to-s.from, func(_ string, more []Point) error {
				points = append(points, more...)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	if !slices.IsSortedFunc(points, comparePoints) {
		slices.SortStableFunc(points, comparePoints)
	}
	return points, nil
}

// chunkRows is how many points Each yields at once.
const chunkRows = 32 << 10

// Each calls yield with all points in the order of the file. The points of a long metric come in several calls. They
// are valid until yield returns.
func (m *Metrics) Each(ctx context.Context, yield func(key string, points []Point) error) (err error) {
	defer guard(&err)
	for i, g := range m.groups {
		spans, err := m.spans(i)
		if err != nil {
			return err
		}
		if err := m.read(ctx, g, spans, chunkRows, yield); err != nil {
			return err
		}
	}
	return nil
}

// read reads consecutive spans of a row group. It yields no more than most points at once.
func (m *Metrics) read(ctx context.Context, g *pointGroup, spans []span, most int64,
	yield func(string, []Point) error,
) error {
	if len(spans) == 0 {
		return nil
	}
	if err := m.check(g); err != nil {
		return err
	}
	chunks := g.group.ColumnChunks()
	var columns [3]columnReader
	for i := range columns {
		columns[i] = columnReader{pages: chunks[m.column[i+1]].Pages()}
		defer columns[i].close()
		if err := columns[i].pages.SeekToRow(spans[0].from); err != nil {
			return fmt.Errorf("%w: %v", ErrMetrics, err)
		}
	}
	var points []Point
	var ints []int64
	var floats []float64
	for _, s := range spans {
		for from := s.from; from < s.to; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(s.to-from, most))
			if cap(points) < n {
				if int64(n) > m.Rows() {
					return fmt.Errorf("%w: it has fewer rows than its index says", ErrMetrics)
				}
				points, ints, floats = make([]Point, n), make([]int64, n), make([]float64, n)
			}
			points, ints, floats = points[:n], ints[:n], floats[:n]
			if err := columns[0].ints(ints); err != nil {
				return err
			}
			for i, v := range ints {
				points[i].Step = v
			}
			if err := columns[1].ints(ints); err != nil {
				return err
			}
			for i, v := range ints {
				points[i].Time = v
			}
			if err := columns[2].floats(floats); err != nil {
				return err
			}
			for i, v := range floats {
				points[i].Value = v
			}
			if err := yield(s.key, points); err != nil {
				return err
			}
			from += int64(n)
		}
	}
	return nil
}

// columnReader reads the values of one column across its pages.
type columnReader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
}

func (c *columnReader) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	_ = c.pages.Close()
}

func (c *columnReader) next() error {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
	page, err := c.pages.ReadPage()
	if err != nil {
		return fmt.Errorf("%w: %v", ErrMetrics, noEOF(err))
	}
	if page.NumValues() == 0 || page.Size() > maxPageBytes {
		parquet.Release(page)
		return fmt.Errorf("%w: a page has %d values and %d bytes", ErrMetrics, page.NumValues(), page.Size())
	}
	c.page, c.values = page, page.Values()
	return nil
}

func (c *columnReader) ints(into []int64) error {
	return fill(c, into, func(r parquet.ValueReader, into []int64) (int, error) {
		typed, ok := r.(parquet.Int64Reader)
		if !ok {
			return 0, fmt.Errorf("%w: a column has the wrong type", ErrMetrics)
		}
		return typed.ReadInt64s(into)
	})
}

func (c *columnReader) floats(into []float64) error {
	return fill(c, into, func(r parquet.ValueReader, into []float64) (int, error) {
		typed, ok := r.(parquet.DoubleReader)
		if !ok {
			return 0, fmt.Errorf("%w: a column has the wrong type", ErrMetrics)
		}
		return typed.ReadDoubles(into)
	})
}

func fill[T any](c *columnReader, into []T, read func(parquet.ValueReader, []T) (int, error)) error {
	for len(into) > 0 {
		if c.values == nil {
			if err := c.next(); err != nil {
				return err
			}
		}
		n, err := read(c.values, into)
		into = into[n:]
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			c.values = nil
		} else if err != nil {
			return fmt.Errorf("%w: %v", ErrMetrics, err)
		}
	}
	return nil
}
