package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Rows of a page at most. Times repeat from metric to metric: one page of them lets zstd find that. A page of values
// holds one metric of a run, so that one of them can be read without the others.
const (
	mostInts  = 1 << 20
	mostOther = 1 << 17
	// These are for rows that take almost no bytes: a reader bounds the rows and texts of a file by its bytes.
	mostDense     = 1 << 14
	mostDenseText = 8 << 10   // bytes
	mostPageText  = 128 << 10 // bytes
	mostEntries   = 1 << 16   // of a dictionary
)

// chunkWriter encodes a column of a row group.
type chunkWriter struct {
	field  Field
	values Values
	rows   int
	cuts   []int
	dense  bool

	dictionary *page // nil if there is none
	pages      []page
}

// page is an encoded page.
type page struct {
	kind     int32
	encoding int32
	row      int // the first one
	values   int
	raw      []byte
	packed   []byte // raw, compressed
	bound    *Bound
}

func (c *chunkWriter) encode() error {
	switch {
	case c.field.Type == Int64 && len(c.values.Ints) == c.rows:
		c.encodeInts()
	case c.field.Type == Double && len(c.values.Floats) == c.rows:
		c.encodeFloats()
	case c.field.Type == ByteArray:
		return c.encodeTexts()
	default:
		return errors.New("it has another number of values than there are rows")
	}
	return nil
}

// encodeInts uses the smaller of DELTA_BINARY_PACKED and PLAIN.
func (c *chunkWriter) encodeInts() {
	for from := 0; from < c.rows; {
		to := min(c.rows, from+c.most(mostInts))
		v, levels := c.values.Ints[from:to], []byte(nil)
		if c.field.Optional {
			v, levels = c.present(from, to)
		}
		p := c.page(deltaPacked, from, to-from, appendDelta(slices.Clone(levels), v))
		if len(p.packed) > len(v)/16 { // otherwise there is little to gain
			p = smaller(p, c.page(plain, from, to-from, appendPlain(slices.Clone(levels), intBits(v))))
		}
		if c.bounds() && !c.field.Optional {
			p.bound = &Bound{intBound(slices.Min(v)), intBound(slices.Max(v))}
		}
		c.pages = append(c.pages, p)
		from = to
	}
}

func intBound(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }

// present returns the integers that are not null, and the levels that say which these are.
func (c *chunkWriter) present(from, to int) (v []int64, levels []byte) {
	h := hybrid{width: 1}
	for i := from; i < to; i++ {
		if c.values.Null != nil && c.values.Null[i] {
			h.add(0, 1)
			continue
		}
		h.add(1, 1)
		v = append(v, c.values.Ints[i])
	}
	return v, h.levels()
}

// levels returns the levels that were added, after their length.
func (h *hybrid) levels() []byte {
	b := h.end()
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// encodeFloats uses BYTE_STREAM_SPLIT, or PLAIN for a page of few rows, or a dictionary.
func (c *chunkWriter) encodeFloats() {
	numbers := floatBits(c.values.Floats)
	pages := func(ranges []rowRange) (pages []page, bytes int) {
		for _, r := range ranges {
			v := numbers[r.from:r.to]
			p := c.page(streamSplit, r.from, len(v), appendSplit(nil, v))
			if len(v) <= IndexedRows {
				p = smaller(p, c.page(plain, r.from, len(v), appendPlain(nil, v)))
			}
			pages, bytes = append(pages, p), bytes+len(p.packed)+usualPage
		}
		return pages, bytes
	}
	whole, bytes := pages(c.ranges(mostOther, pageRows, nil))
	if c.pages = whole; c.rows < IndexedRows && len(c.cuts) <= c.rows/8 {
		if apart, fewer := pages(c.ranges(mostOther, 1, nil)); fewer < bytes {
			c.pages = apart
		}
	}
	entries, indexes := map[uint64]uint32{}, make([]uint32, len(numbers))
	var list []uint64
	for i, x := range numbers {
		at, ok := entries[x]
		if !ok {
			if len(list) == mostEntries || 2*len(list) > len(numbers) {
				return
			}
			at = uint32(len(list))
			entries[x] = at
			list = append(list, x)
		}
		indexes[i] = at
	}
	entry := func(row int) (uint64, int, bool) { return uint64(indexes[row]), 1, true }
	c.tryDictionary(false, appendPlain(nil, list), len(list), entry, nil)
}

// encodeTexts uses PLAIN or a dictionary.
func (c *chunkWriter) encodeTexts() error {
	t := textRuns{runs: c.values.Runs, starts: make([]int, len(c.values.Runs)+1)}
	for i, run := range t.runs {
		t.starts[i+1] = t.starts[i] + run.Rows
	}
	if t.starts[len(t.runs)] != c.rows {
		return errors.New("it has another number of values than there are rows")
	}
	var levels func(r rowRange) []byte
	if c.field.Optional {
		levels = t.levels
	}
	list, entries := t.dictionary(c.rows)
	size := func(row int) int { return len(t.runs[t.at(row)].Text) + 4 }
	few := list != nil && 8*len(entries) <= c.rows // then it takes fewer bytes
	if few {
		size = nil
	}
	for _, r := range c.ranges(mostOther, pageRows, size) {
		p := page{row: r.from, values: r.to - r.from}
		if !few {
			p = c.page(plain, r.from, r.to-r.from, t.plain(r, levels))
		}
		if c.bounds() && !c.field.Optional {
			p.bound = t.bound(r)
		}
		c.pages = append(c.pages, p)
	}
	if list != nil {
		c.tryDictionary(few, list, len(entries), func(row int) (uint64, int, bool) {
			i := t.at(row)
			return entries[t.runs[i].Text], t.starts[i+1] - row, !t.runs[i].Null
		}, levels)
	}
	return nil
}

// textRuns are the texts of a column.
type textRuns struct {
	runs   []Run
	starts []int // the first row of each run, and the number of rows
}

// at returns the index of the run that has a row.
func (t *textRuns) at(row int) int {
	i, _ := slices.BinarySearch(t.starts, row+1) // the first run that begins after the row
	return i - 1
}

// dictionary returns the different texts, as PLAIN, and the index of each. They are nil if a dictionary does not pay.
func (t *textRuns) dictionary(rows int) (list []byte, entries map[string]uint64) {
	entries = map[string]uint64{}
	for _, run := range t.runs {
		if run.Null {
			rows -= run.Rows
		}
	}
	for _, run := range t.runs {
		if _, ok := entries[run.Text]; ok || run.Null {
			continue
		}
		entries[run.Text] = uint64(len(entries))
		list = appendText(list, run.Text)
		if len(entries) > mostEntries || 2*len(entries) > rows || len(list) > mostPageText {
			return nil, nil
		}
	}
	return list, entries
}

// levels returns the levels that say which of some rows are not null.
func (t *textRuns) levels(r rowRange) []byte {
	h := hybrid{width: 1}
	for i := t.at(r.from); i < len(t.runs) && t.starts[i] < r.to; i++ {
		level := uint64(1)
		if t.runs[i].Null {
			level = 0
		}
		h.add(level, min(t.starts[i+1], r.to)-max(t.starts[i], r.from))
	}
	return h.levels()
}

// plain returns the texts of some rows as PLAIN, after the levels of an optional column.
func (t *textRuns) plain(r rowRange, levels func(rowRange) []byte) (b []byte) {
	if levels != nil {
		b = levels(r)
	}
	for i := t.at(r.from); i < len(t.runs) && t.starts[i] < r.to; i++ {
		if t.runs[i].Null {
			continue
		}
		for range min(t.starts[i+1], r.to) - max(t.starts[i], r.from) {
			b = appendText(b, t.runs[i].Text)
		}
	}
	return b
}

func (t *textRuns) bound(r rowRange) *Bound {
	first := t.at(r.from)
	least, most := t.runs[first].Text, t.runs[first].Text
	for i := first; i < len(t.runs) && t.starts[i] < r.to; i++ {
		least, most = min(least, t.runs[i].Text), max(most, t.runs[i].Text)
	}
	return &Bound{[]byte(least), []byte(most)}
}

// tryDictionary uses a dictionary for the pages that there are, if it makes them smaller. index returns the entry of a
// row, for how many rows from this one on it is the same, and whether they are not null. levels returns the levels of a
// page; it is nil for a column that is not optional. If always is true, the pages have no other values.
func (c *chunkWriter) tryDictionary(
	always bool, list []byte, entries int, index func(row int) (uint64, int, bool), levels func(rowRange) []byte,
) {
	dictionary := c.page(plain, 0, entries, list)
	dictionary.kind = dictionaryPage
	before, now := 0, len(dictionary.packed)+usualPage
	pages := make([]page, len(c.pages))
	for i, p := range c.pages {
		width := indexWidth(entries)
		h := hybrid{width: width}
		if levels != nil {
			h.b = levels(rowRange{p.row, p.row + p.values})
		}
		h.b = append(h.b, byte(width))
		for row := p.row; row < p.row+p.values; {
			entry, n, ok := index(row)
			if n = min(n, p.row+p.values-row); ok {
				h.add(entry, n)
			}
			row += n
		}
		pages[i] = c.page(rleDictionary, p.row, p.values, h.end())
		pages[i].bound = p.bound
		before, now = before+len(p.packed), now+len(pages[i].packed)
	}
	if always || now < before {
		c.dictionary, c.pages = &dictionary, pages
	}
}

// usualPage is about how many bytes a page takes besides its values.
const usualPage = 20

// rowRange is the range of rows of a page.
type rowRange struct{ from, to int }

// pageRows is how many rows a page has at least before it ends at a cut.
const pageRows = 4096

// ranges divides the rows into pages. They end at cuts, once they have least rows. If texts have a size, at most
// mostPageText bytes are in a page, unless a single one is larger.
func (c *chunkWriter) ranges(most, least int, size func(row int) int) (ranges []rowRange) {
	cuts, limit := c.cuts, mostPageText
	if c.dense {
		limit = mostDenseText
	}
	for from := 0; from < c.rows; {
		to := min(c.rows, from+c.most(most))
		for len(cuts) > 0 && cuts[0] < from+least {
			cuts = cuts[1:]
		}
		if len(cuts) > 0 {
			to = min(to, cuts[0])
		}
		if size != nil {
			bytes, row := 0, from
			for row < to && (row == from || bytes+size(row) <= limit) {
				bytes += size(row)
				row++
			}
			to = row
		}
		ranges = append(ranges, rowRange{from, to})
		from = to
	}
	return ranges
}

func (c *chunkWriter) most(rows int) int {
	if c.dense {
		return mostDense
	}
	return rows
}

// bounds reports whether the pages name their smallest and largest value.
func (c *chunkWriter) bounds() bool { return !c.field.Unbound && c.rows >= IndexedRows }

func (c *chunkWriter) page(encoding int32, row, values int, raw []byte) page {
	return page{encoding: encoding, row: row, values: values, raw: raw, packed: pack(raw)}
}

func smaller(a, b page) page {
	if len(b.packed) < len(a.packed) {
		return b
	}
	return a
}

// codec returns how the pages are compressed: with zstd, unless they are smaller without.
func (c *chunkWriter) codec() int32 {
	raw, packed := 0, 0
	if c.dictionary != nil {
		raw, packed = len(c.dictionary.raw), len(c.dictionary.packed)
	}
	for _, p := range c.pages {
		raw, packed = raw+len(p.raw), packed+len(p.packed)
	}
	if packed < raw {
		return compressed
	}
	return uncompressed
}

// encodings lists the encodings of the pages and of the levels.
func (c *chunkWriter) encodings() []int32 {
	var list []int32
	if c.dictionary != nil {
		list = append(list, plain)
	}
	for _, p := range c.pages {
		list = append(list, p.encoding)
	}
	if c.field.Optional {
		list = append(list, levelRLE)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (p *page) body(codec int32) []byte {
	if codec == compressed {
		return p.packed
	}
	return p.raw
}

// header returns the header of the page.
func (p *page) header(codec int32) []byte {
	t := &thriftWriter{}
	t.i32(1, p.kind)
	t.i32(2, int32(len(p.raw)))
	t.i32(3, int32(len(p.body(codec))))
	if p.kind == dictionaryPage {
		t.begin(7)
		t.i32(1, int32(p.values))
		t.i32(2, p.encoding)
		t.end()
		return append(t.b, 0)
	}
	t.begin(5)
	t.i32(1, int32(p.values))
	t.i32(2, p.encoding)
	t.i32(3, levelRLE) // of the definition levels
	t.i32(4, levelRLE) // of the repetition levels, which there are none of
	t.end()
	return append(t.b, 0)
}

// encoders compress pages. They are created when they are first needed. Better levels gain less than a hundredth: what
// repeats far away is in one page already. The bytes must not depend on the number of processors.
var encoders = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithSingleSegment(true))
	if err != nil {
		return err
	}
	return e
}}

// pack compresses a page.
func pack(raw []byte) []byte {
	e, ok := encoders.Get().(*zstd.Encoder)
	if !ok {
		return bytes.Clone(raw)
	}
	defer encoders.Put(e)
	return e.EncodeAll(raw, make([]byte, 0, len(raw)/2+64))
}

// less compares two bounds of a column.
func (f Field) less(a, b []byte) bool {
	if f.Type == Int64 {
		return cmp.Less(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
	}
	return bytes.Compare(a, b) < 0
}
