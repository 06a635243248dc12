package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Field is a column of a file to write.
type Field struct {
	Name     string
	Type     Type // Int64, Double or ByteArray, which holds UTF-8 text
	Optional bool // integers and texts may be null
	Time     bool // integers are microseconds since 1970 UTC
	Sorted   bool // rows are sorted by this column, after those before it
	Unbound  bool // pages and row groups do not name their smallest and largest value
}

// Run is a text in consecutive rows, or rows that are null.
type Run struct {
	Text string
	Rows int
	Null bool // only in a column that is optional; Text is then empty
}

// Values are those of a column in a row group. One of the slices is set, by the type of the column.
type Values struct {
	Ints   []int64
	Null   []bool // for each row, whether the integer is null; nil if none is
	Floats []float64
	Runs   []Run
}

// Writer writes a file. Its bytes depend only on the rows and how they are divided into groups.
//
// Of the encodings that a column may have, the one that takes the fewest bytes is chosen, for each chunk of a column or
// each page. Files of few rows get neither a page index nor bounds, which would be larger than what they help to skip.
type Writer struct {
	out       io.Writer
	fields    []Field
	createdBy string
	at        int64
	rows      int64
	groups    []writtenGroup
	codecs    []int32 // of the columns
	err       error
}

// IndexedRows is the number of rows of a group from which it gets a page index and bounds.
const IndexedRows = 4096

// writtenGroup and writtenChunk hold what the footer says.
type writtenGroup struct {
	rows   int
	chunks []writtenChunk
}

type writtenChunk struct {
	encodings        []int32
	codec            int32
	values           int
	raw, packed      int64
	dictionary, data int64 // offsets; dictionary is 0 if there is none
	pages            []writtenPage
	bounds           []Bound // of the pages; nil if they have none
	index, offsets   place
}

type writtenPage struct {
	offset int64
	bytes  int
	row    int
}

// place is a range of bytes of the file.
type place struct {
	offset int64
	length int
}

// NewWriter returns a writer. createdBy names the program in the file.
func NewWriter(w io.Writer, createdBy string, fields []Field) *Writer {
	return &Writer{out: w, fields: fields, createdBy: createdBy}
}

// Group writes a row group. columns has the values of each field. cuts are rows, in ascending order, at which rows of
// another kind begin: pages of doubles and texts end there if they have enough rows, or become smaller by it.
func (w *Writer) Group(rows int, columns []Values, cuts []int) error {
	if w.err != nil || rows == 0 {
		return w.err
	}
	if w.at == 0 {
		w.write([]byte(magic))
	}
	g := writtenGroup{rows: rows}
	chunks, err := w.encode(rows, columns, cuts, false)
	if err == nil && tooDense(rows, chunks) {
		chunks, err = w.encode(rows, columns, cuts, true)
	}
	if err != nil {
		w.err = err
		return err
	}
	if w.codecs == nil { // some readers take the codec of a column from its first group
		for i := range chunks {
			w.codecs = append(w.codecs, chunks[i].codec())
		}
	}
	for i := range chunks {
		g.chunks = append(g.chunks, w.chunk(&chunks[i], w.codecs[i]))
	}
	w.groups = append(w.groups, g)
	w.rows += int64(rows)
	return w.err
}

func (w *Writer) encode(rows int, columns []Values, cuts []int, dense bool) ([]chunkWriter, error) {
	chunks := make([]chunkWriter, len(w.fields))
	for i, f := range w.fields {
		chunks[i] = chunkWriter{field: f, values: columns[i], rows: rows, cuts: cuts, dense: dense}
		if err := chunks[i].encode(); err != nil {
			return nil, fmt.Errorf("the column %s: %w", f.Name, err)
		}
	}
	return chunks, nil
}

// These are less than what readers allow: rows and bytes of text for each byte of a file, and texts that are free.
const (
	rowsPerByte = 64
	textPerByte = 64
	freeText    = 8 << 20
)

// tooDense reports whether rows take so few bytes that a reader would refuse the file.
func tooDense(rows int, chunks []chunkWriter) bool {
	bytes, text := 0, 0
	for _, c := range chunks {
		for _, p := range c.pages {
			bytes += len(p.packed)
			if c.field.Type == ByteArray && p.encoding == plain {
				text += len(p.raw)
			}
		}
	}
	return rows > mostDense && rows/rowsPerByte > bytes || text > freeText && text/textPerByte > bytes
}

// chunk writes the pages of a column.
func (w *Writer) chunk(c *chunkWriter, codec int32) writtenChunk {
	at := writtenChunk{encodings: c.encodings(), codec: codec, values: c.rows}
	write := func(p *page) int {
		head := p.header(at.codec)
		at.raw += int64(len(head) + len(p.raw))
		body := p.body(at.codec)
		at.packed += int64(len(head) + len(body))
		w.write(head)
		w.write(body)
		return len(head) + len(body)
	}
	if c.dictionary != nil {
		at.dictionary = w.at
		write(c.dictionary)
	}
	at.data = w.at
	for i := range c.pages {
		p := &c.pages[i]
		offset := w.at
		at.pages = append(at.pages, writtenPage{offset, write(p), p.row})
		if p.bound != nil {
			at.bounds = append(at.bounds, *p.bound)
		}
	}
	return at
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.out.Write(b)
	w.at += int64(n)
	if err != nil {
		w.err = err
	}
}

// Close writes the page indexes and the footer.
func (w *Writer) Close() error {
	if w.at == 0 {
		w.write([]byte(magic))
	}
	for g := range w.groups {
		for i := range w.groups[g].chunks {
			if c := &w.groups[g].chunks[i]; w.groups[g].rows >= IndexedRows && len(c.bounds) == len(c.pages) {
				c.index = w.apart(c.columnIndex(w.fields[i]))
			}
		}
	}
	for g := range w.groups {
		for i := range w.groups[g].chunks {
			if w.groups[g].rows >= IndexedRows {
				w.groups[g].chunks[i].offsets = w.apart(w.groups[g].chunks[i].offsetIndex())
			}
		}
	}
	footer := w.footer()
	w.write(footer)
	w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))), magic...))
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("the file is complete")
	return nil
}

// apart writes bytes and returns where they are.
func (w *Writer) apart(b []byte) place {
	at := place{w.at, len(b)}
	w.write(b)
	return at
}
