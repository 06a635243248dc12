package secret

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"errors"
	"io"
	"slices"

	"github.com/gitruns/runs/format/listsort"
)

// Mark is the text that replaces a secret.
const Mark = "[redacted]"

// ErrHeader reports that a secret is in those lines of a patch that contain the names of its files.
var ErrHeader = errors.New("it is in the name of a file")

// Span is a range of bytes.
type Span struct{ From, To int }

// Replace replaces the spans with Mark. The number of lines does not change: a span over several lines leaves a mark
// in each. In a patch, the first character of each line is kept, so that the result is still a patch.
func Replace(data []byte, kind Kind, spans []Span) ([]byte, error) {
	spans = slices.Clone(spans)
	listsort.Sort(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var out []byte
	at := 0
	p := &patchWalk{from: bufio.NewReader(bytes.NewReader(data))}
	lineBegin, hunk := int64(0), byte(0)
	for _, s := range spans {
		for from := max(s.From, at); from < s.To; {
			to := s.To
			if i := bytes.IndexByte(data[from:to], '\n'); i >= 0 {
				to = from + i
			}
			next := to + 1
			if kind == Patch {
				for p.at <= int64(from) {
					lineBegin = p.at
					head, err := p.next()
					if err != nil {
						return nil, errPacked
					}
					hunk = p.follow(head)
				}
				if int64(from) == lineBegin && hunk != 0 {
					from++
				}
				if hunk == 0 && from < to {
					return nil, ErrHeader
				}
			}
			if to > from && to < s.To && data[to-1] == '\r' {
				to--
			}
			if to > from {
				out = append(append(out, data[at:from]...), Mark...)
				at = to
			}
			from = next
		}
	}
	return append(out, data[at:]...), nil
}

// EachPacked yields the unpacked content of the binary parts of a patch.
func EachPacked(patch io.Reader, visit func(file string, r io.Reader) error) error {
	p := &patchWalk{from: bufio.NewReaderSize(patch, 64<<10)}
	for {
		head, err := p.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if p.follow(head) != 0 || !p.packed || !bytes.HasPrefix(head, []byte("literal ")) &&
			!bytes.HasPrefix(head, []byte("delta ")) {
			continue
		}
		lines := &packedReader{patch: p}
		z, err := zlib.NewReader(lines)
		if err != nil {
			return errPacked
		}
		if err := visit(p.file, z); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, lines); err != nil {
			return err
		}
	}
}
