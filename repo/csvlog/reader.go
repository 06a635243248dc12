package csvlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a file.
const (
	maxRowBytes = 4 << 20
	maxCells    = 20_000 // of a row
)

// reader reads the rows of a CSV file: cells between delimiters, with quotes around a cell that has a delimiter, a line
// break or a quote, which is doubled. https://www.rfc-editor.org/rfc/rfc4180
type reader struct {
	in        *bufio.Reader
	delimiter byte
	line      int // of the row that was read last, from 1
	next      int // of the next row
	bytes     []byte
	ends      []int
	cells     []string
}

// errEncoding is returned for texts in other encodings.
var errEncoding = errors.New("it is not UTF-8; save it as UTF-8")

// newReader starts with the first row. If delimiter is 0, that row decides.
func newReader(file io.Reader, delimiter byte) (*reader, error) {
	r := &reader{in: bufio.NewReaderSize(file, 1<<16), delimiter: delimiter, next: 1}
	head, err := r.in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = r.in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errEncoding
	}
	if delimiter == 0 {
		first, _ := r.in.Peek(1 << 16)
		r.delimiter = delimiterOf(first)
	}
	return r, nil
}

// delimiterOf returns the delimiter that is most frequent outside of quotes in the first line.
func delimiterOf(data []byte) byte {
	count := map[byte]int{}
	quoted := false
	for _, c := range data {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && (c == '\n' || c == '\r') {
			break
		}
		if !quoted {
			count[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if count[c] > 0 && count[c] >= count[best] {
			best = c
		}
	}
	return best
}

// row returns the cells of the next row, which are valid until the next call, or io.EOF. It passes over empty lines.
// After an error that is not of the file, the next call goes on with the next row.
func (r *reader) row() ([]string, error) {
	for {
		r.line = r.next
		r.bytes, r.ends = r.bytes[:0], r.ends[:0]
		if err := r.read(); err != nil {
			return nil, err
		}
		if len(r.ends) == 1 && len(r.bytes) == 0 {
			continue
		}
		if !utf8.Valid(r.bytes) {
			return nil, errEncoding
		}
		text := string(r.bytes)
		r.cells = r.cells[:0]
		from := 0
		for _, end := range r.ends {
			r.cells = append(r.cells, text[from:end])
			from = end
		}
		return r.cells, nil
	}
}

// read reads the bytes of a row, up to and with its line break.
func (r *reader) read() error {
	quoted, wasQuoted, began := false, false, false
	for {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			switch {
			case quoted:
				return fmt.Errorf("line %d: a quoted cell has no end", r.line)
			case !began:
				return io.EOF
			}
			return r.end()
		}
		if err != nil {
			return err
		}
		began = true
		if c == '\n' {
			r.next++
		}
		start := 0
		if n := len(r.ends); n > 0 {
			start = r.ends[n-1]
		}
		switch {
		case quoted && c == '"':
			if next, err := r.in.Peek(1); err == nil && next[0] == '"' {
				_, _ = r.in.Discard(1)
				r.bytes = append(r.bytes, '"')
			} else {
				quoted, wasQuoted = false, true
			}
		case quoted:
			r.bytes = append(r.bytes, c)
		case c == '"' && len(r.bytes) == start && !wasQuoted:
			quoted = true
		case c == r.delimiter:
			if err := r.end(); err != nil {
				return err
			}
			wasQuoted = false
		case c == '\n':
			return r.end()
		case c == '\r' && r.endsLine():
		default:
			r.bytes = append(r.bytes, c)
		}
		if len(r.bytes) > maxRowBytes {
			return fmt.Errorf("line %d: a row is longer than %d bytes", r.line, maxRowBytes)
		}
	}
}

// endsLine reports whether a line break follows.
func (r *reader) endsLine() bool {
	next, err := r.in.Peek(1)
	return err != nil || next[0] == '\n'
}

func (r *reader) end() error {
	if len(r.ends) >= maxCells {
		return fmt.Errorf("line %d: a row has more than %d cells", r.line, maxCells)
	}
	r.ends = append(r.ends, len(r.bytes))
	return nil
}

// header reads the names of the columns.
func (r *reader) header() ([]string, error) {
	cells, err := r.row()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(cells))
	seen := map[string]bool{}
	for i, cell := range cells {
		name := strings.TrimSpace(cell)
		if name == "" && i > 0 {
			return nil, fmt.Errorf("column %d has no name", i+1)
		}
		if seen[name] {
			return nil, fmt.Errorf("two columns have the name %q", name)
		}
		seen[name] = true
		names[i] = strings.Clone(name)
	}
	return names, nil
}
