package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gitruns/runs/format/internal/parquet"
)

// Bounds on what is read from a Parquet file of points.
const (
	maxPoints     = 2_000_000_000
	freePoints    = 100_000    // however small the file is
	pointsPerByte = 128        // that a larger one may have besides: our writer needs a byte for 80 equal points
	maxCurve      = 20_000_000 // points of one metric held at once: 640 MB
	freeCurve     = 3_000_000  // of them, however small the file is: 96 MB
	maxSpans      = 100_000    // ranges of rows with one key
	maxPageBytes  = 32 << 20
)

// Metrics is an open metrics.parquet, or the points of one run of a batch. It reads only the parts that a call needs.
// It is not safe for concurrent use.
type Metrics struct {
	*pointFile
	size   int64
	asked  int      // how often Points was called
	spans  [][]span // of each row group, once they have been found
	found  int      // spans in spans
	within []window // the rows of each row group that are read: all, unless it is a run of a batch
	rows   int64    // in all windows
}

// newMetrics returns the points in some rows of a file: a window for each row group.
func newMetrics(f *pointFile, size int64, within []window) *Metrics {
	m := &Metrics{pointFile: f, size: size, spans: make([][]span, len(within)), within: within}
	for _, w := range within {
		m.rows += w.to - w.from
	}
	return m
}

// pointFile reads the columns of a file of points. The runs of a batch share one, because their rows share pages.
type pointFile struct {
	file   *parquet.File
	column [columns]int // of key, step, time, value and, in a batch, run; labels, or -1 if there are none
	pages  [columns]pageReader
	labels map[string]Labels // those that were read
	text   int64             // bytes of labels that may still be kept
}

// pageReader is the reader of a column, with the index of the row group that it is in.
type pageReader struct {
	reader *parquet.Reader
	group  int
	places []parquet.Place
	bounds []parquet.Bound
	bound  bool // bounds were read
}

// The columns of a pointFile.
const (
	keyColumn = iota
	stepColumn
	timeColumn
	valueColumn
	runColumn
	labelsColumn
	columns // their number
)

// window is a range of rows of a row group.
type window struct{ from, to int64 }

// span is a range of rows with one key.
type span struct {
	key      string
	from, to int64 // rows from..to-1 of the group
}

// ErrMetrics is returned if a metrics.parquet or system.parquet is damaged or not valid.
var ErrMetrics = errors.New("the file of points is damaged")

// wanted is a column that a file must have.
type wanted struct {
	name string
	kind parquet.Type
}

// pointColumns are the columns of a file of points. A file of values has the same with texts in the last one.
var pointColumns = []wanted{
	{"key", parquet.ByteArray}, {"step", parquet.Int64}, {"time", parquet.Int64}, {"value", parquet.Double},
}

// use looks up the columns that a file must have, and checks that they can be read.
func use(f *parquet.File, columns []wanted, found []int) error {
	for i, want := range columns {
		at := f.Column(want.name)
		if at < 0 {
			return fmt.Errorf("it has no column %s", want.name)
		}
		if c := f.Columns[at]; c.Type != want.kind || c.Optional {
			return fmt.Errorf("the column %s is not a required %s", want.name, want.kind)
		}
		if unit := f.Columns[at].Unit; want.name == "time" && unit != parquet.Microsecond && unit != parquet.NoUnit {
			return fmt.Errorf("the column time is in %s, and must be in microseconds", unit)
		}
		if err := f.Use(at); err != nil {
			return err
		}
		found[i] = at
	}
	return nil
}

// newPointFile looks up the columns of a file of points: those that it must have, and that of labels.
func newPointFile(f *parquet.File, must []wanted, size int64) (*pointFile, error) {
	p := &pointFile{file: f, text: freeKept + size*keptPerByte}
	if err := use(f, must, p.column[:]); err != nil {
		return nil, err
	}
	if p.column[labelsColumn] = f.Column(labelsName); p.column[labelsColumn] < 0 {
		return p, nil
	}
	if f.Columns[p.column[labelsColumn]].Type != parquet.ByteArray {
		return nil, fmt.Errorf("the column %s is not %s", labelsName, parquet.ByteArray)
	}
	return p, f.Use(p.column[labelsColumn])
}

// pointLimits bounds what is read of a file of points.
var pointLimits = parquet.Limits{
	Rows: maxPoints, FreeRows: freePoints, RowsPerByte: pointsPerByte, Page: maxPageBytes,
	Text: max(MaxKeyBytes, MaxLabelsBytes), FreeText: freeText, TextPerByte: textPerByte,
}

// OpenMetrics opens a file of size bytes. The caller must verify its digest first. OpenMetrics ignores unknown
// columns.
func OpenMetrics(r io.ReaderAt, size int64) (*Metrics, error) {
	f, err := parquet.Open(r, size, pointLimits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	p, err := newPointFile(f, pointColumns, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	within := make([]window, len(f.Groups))
	for i, g := range f.Groups {
		within[i].to = g.Rows
	}
	return newMetrics(p, size, within), nil
}

// Rows returns the number of points.
func (m *Metrics) Rows() int64 { return m.rows }

// Digest returns the digest of the points: see RowDigest.
func (m *Metrics) Digest(ctx context.Context) (string, error) {
	var d RowDigest
	err := m.Each(ctx, func(key string, points []Point) error {
		d.Points(key, points)
		return nil
	})
	return d.Sum(), err
}

// Keys returns the keys of the metrics in the file, sorted.
func (m *Metrics) Keys() (keys []string, err error) {
	for i := range m.spans {
		spans, err := m.spansOf(i)
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

// Series is a part of a file whose points have the same key.
type Series struct {
	Key    string
	Points int64
}

// Series lists the parts of the file with one key each, in the order of the file. A metric is usually one part.
func (m *Metrics) Series() (series []Series, err error) {
	for i := range m.spans {
		spans, err := m.spansOf(i)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			if n := len(series); n > 0 && series[n-1].Key == s.key {
				series[n-1].Points += s.to - s.from
				continue
			}
			series = append(series, Series{s.key, s.to - s.from})
		}
	}
	return series, nil
}

// reader returns a reader of one of the columns in a row group. It may be at any row. Successive keys are often in the
// same page, which is then not read again.
func (p *pointFile) reader(i, group int) (*parquet.Reader, error) {
	at := &p.pages[i]
	if at.reader != nil && at.group == group {
		return at.reader, nil
	}
	places, err := p.file.Places(group, p.column[i])
	if err != nil {
		return nil, err
	}
	if at.group, at.places, at.bound = group, places, false; at.reader == nil {
		at.reader = p.file.Read(group, p.column[i], places)
	} else {
		at.reader.Reset(group, p.column[i], places)
	}
	return at.reader, nil
}

// boundsOf returns the smallest and the largest value of each page of a column. The reader must be in the row group.
func (p *pointFile) boundsOf(i, group int) ([]parquet.Bound, error) {
	at := &p.pages[i]
	if at.bound {
		return at.bounds, nil
	}
	bounds, err := p.file.Bounds(group, p.column[i])
	at.bounds, at.bound = bounds, err == nil
	return bounds, err
}

// spansOf returns the row range of each key in a row group. For a page with a single key, it uses the index; it reads
// the other pages.
func (m *Metrics) spansOf(group int) ([]span, error) {
	if m.spans[group] != nil {
		return m.spans[group], nil
	}
	spans, err := m.findSpans(keyColumn, group, m.within[group], CheckKey, anyPage)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	if m.found += len(spans); m.found > maxSpans {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, errUnsorted)
	}
	m.spans[group] = spans
	return spans, nil
}

// spanList collects ranges of rows with one text each.
type spanList struct {
	spans []span
	check func(text string) error
}

func anyPage(least, most []byte) bool { return true }

// pageWith returns a function that accepts the pages that may have a text.
func pageWith(text string) func(least, most []byte) bool {
	want := []byte(text)
	return func(least, most []byte) bool {
		return bytes.Compare(least, want) <= 0 && bytes.Compare(want, most) <= 0
	}
}

var errUnsorted = errors.New("its rows are not sorted by key, step and time")

func (l *spanList) add(key []byte, from, to int64) error {
	if n := len(l.spans); n > 0 && l.spans[n-1].to == from && l.spans[n-1].key == string(key) {
		l.spans[n-1].to = to
		return nil
	}
	if err := l.check(string(key)); err != nil {
		return err
	}
	if len(l.spans) == maxSpans {
		return errUnsorted
	}
	l.spans = append(l.spans, span{string(key), from, to})
	return nil
}

// findSpans returns the ranges of equal texts of a column in a window of a row group. It looks into those pages whose
// smallest and largest texts the function wanted accepts.
func (p *pointFile) findSpans(
	column, group int, in window, check func(string) error, wanted func(least, most []byte) bool,
) ([]span, error) {
	texts, err := p.reader(column, group)
	if err != nil {
		return nil, err
	}
	bounds, err := p.boundsOf(column, group)
	if err != nil {
		return nil, err
	}
	places, l := p.pages[column].places, spanList{check: check}
	if places == nil || len(bounds) != len(places) {
		if err := texts.SeekRow(in.from); err != nil {
			return nil, err
		}
		err := l.read(texts, in.from, in.to)
		return l.spans, err
	}
	for i, place := range places {
		from, to := place.Row, p.file.Groups[group].Rows
		if i+1 < len(places) {
			to = places[i+1].Row
		}
		if from, to = max(from, in.from), min(to, in.to); from >= to {
			continue
		}
		least, most := bounds[i].Least, bounds[i].Most
		if !wanted(least, most) {
			continue
		}
		if bytes.Equal(least, most) && len(least) > 0 && len(least) <= MaxKeyBytes {
			err = l.add(least, from, to)
		} else if err = texts.SeekRow(from); err == nil {
			err = l.read(texts, from, to)
		}
		if err != nil {
			return nil, err
		}
	}
	return l.spans, nil
}

// read adds the keys of the rows from..to-1. The next row of the reader must be row from.
func (l *spanList) read(keys *parquet.Reader, from, to int64) error {
	var texts [1024][]byte
	for row := from; row < to; {
		left, err := keys.Page()
		if err != nil {
			return err
		}
		some := texts[:min(int64(len(texts)), left, to-row)]
		if err := keys.Texts(some); err != nil {
			return err
		}
		for _, key := range some {
			if err := l.add(key, row, row+1); err != nil {
				return err
			}
			row++
		}
	}
	return nil
}

// mostHeld returns how many points of one metric may be in memory at once. It depends on the size of the file, because
// runs of equal points take no bytes.
func (m *Metrics) mostHeld() int64 { return min(max(m.size, freeCurve), maxCurve) }

// Points returns the points of one metric, ordered by step and time. If the file does not have the key, there are
// none.
func (m *Metrics) Points(key string) (points []Point, err error) {
	m.asked++
	for i := range m.spans {
		spans, err := m.spansWith(i, key)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			if s.key != key {
				continue
			}
			if int64(len(points))+s.to-s.from > m.mostHeld() {
				return nil, fmt.Errorf("%q has more than %d points, which are too many to hold in memory", key, m.mostHeld())
			}
			points = slices.Grow(points, int(s.to-s.from))
			err := m.read(context.Background(), i, []span{s}, func(_ string, more []Point) error {
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

// EachOf calls yield with the points of one metric, in the order of the file. The points of a long metric come in
// several calls. They are valid until yield returns.
func (m *Metrics) EachOf(ctx context.Context, key string, yield func(points []Point) error) error {
	m.asked++
	for i := range m.spans {
		spans, err := m.spansWith(i, key)
		if err != nil {
			return err
		}
		for _, s := range spans {
			if s.key != key {
				continue
			}
			one := func(_ string, points []Point) error { return yield(points) }
			if err := m.read(ctx, i, []span{s}, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// StepRange returns the lowest and the highest step of one metric. It reads only the first and the last of its points.
// ok is false if the file does not have the key.
func (m *Metrics) StepRange(key string) (first, last int64, ok bool, err error) {
	m.asked++
	for i := range m.spans {
		spans, err := m.spansWith(i, key)
		if err != nil {
			return 0, 0, false, err
		}
		for _, s := range spans {
			if s.key != key {
				continue
			}
			for _, row := range []int64{s.from, s.to - 1} {
				one := []span{{key, row, row + 1}}
				err := m.read(context.Background(), i, one, func(_ string, points []Point) error {
					step := points[0].Step
					if !ok {
						first, last, ok = step, step, true
					}
					first, last = min(first, step), max(last, step)
					return nil
				})
				if err != nil {
					return 0, 0, false, err
				}
			}
		}
	}
	return first, last, ok, nil
}

// fewKeys is how often the index is searched for one key, before the ranges of all keys are read once.
const fewKeys = 8

// spansWith returns the row ranges of a row group, at least those of a key.
func (m *Metrics) spansWith(group int, key string) ([]span, error) {
	if m.spans[group] != nil || m.asked > fewKeys {
		return m.spansOf(group)
	}
	spans, err := m.findSpans(keyColumn, group, m.within[group], CheckKey, pageWith(key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	return spans, nil
}

// chunkRows is how many points Each yields at once.
const chunkRows = 32 << 10

// Each calls yield with all points in the order of the file. The points of a long metric come in several calls. They
// are valid until yield returns.
func (m *Metrics) Each(ctx context.Context, yield func(key string, points []Point) error) error {
	for i := range m.spans {
		spans, err := m.spansOf(i)
		if err != nil {
			return err
		}
		if err := m.read(ctx, i, spans, yield); err != nil {
			return err
		}
	}
	return nil
}

// read reads consecutive spans of a row group.
func (m *Metrics) read(ctx context.Context, group int, spans []span, yield func(string, []Point) error) error {
	if len(spans) == 0 {
		return nil
	}
	for _, i := range m.columnsOf() {
		r, err := m.reader(i, group)
		if err == nil {
			err = r.SeekRow(spans[0].from)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMetrics, err)
		}
	}
	longest := int64(0)
	for _, s := range spans {
		longest = max(longest, min(s.to-s.from, chunkRows))
	}
	points, ints, floats := make([]Point, longest), make([]int64, longest), make([]float64, longest)
	for _, s := range spans {
		for from := s.from; from < s.to; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(s.to-from, chunkRows)
			err := m.readPoints(points[:n], ints[:n], floats[:n])
			if err == nil && m.column[labelsColumn] >= 0 {
				err = m.readLabels(points[:n])
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrMetrics, err)
			}
			if err := yield(s.key, points[:n]); err != nil {
				return err
			}
			from += n
		}
	}
	return nil
}

// columnsOf lists the columns of what is read of a point besides its key.
func (p *pointFile) columnsOf() []int {
	list := []int{stepColumn, timeColumn, valueColumn}
	if p.column[labelsColumn] >= 0 {
		list = append(list, labelsColumn)
	}
	return list
}

// readPoints reads the next points of the three columns.
func (m *Metrics) readPoints(points []Point, ints []int64, floats []float64) error {
	if err := m.pages[stepColumn].reader.Ints(ints, nil); err != nil {
		return err
	}
	for i, v := range ints {
		points[i].Step = v
	}
	if err := m.pages[timeColumn].reader.Ints(ints, nil); err != nil {
		return err
	}
	for i, v := range ints {
		points[i].Time = v
	}
	if err := m.pages[valueColumn].reader.Floats(floats); err != nil {
		return err
	}
	for i, v := range floats {
		points[i].Value = v
	}
	return nil
}
