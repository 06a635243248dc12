package secret

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
)

// inPatch reads a patch line by line. It finds out in which line of which file each hit is. It also searches the
// packed binary parts: whole new files, and the pieces that a delta inserts. It does not find a secret that a delta
// splits.
func (m *machine) inPatch(ctx context.Context, r io.Reader, hits []hit) ([]Find, error) {
	p := &patchWalk{from: bufio.NewReaderSize(r, 64<<10)}
	var finds []Find
	for {
		begin := p.at
		head, err := p.next()
		if errors.Is(err, io.EOF) {
			return finds, nil
		}
		if err != nil {
			return nil, err
		}
		change := p.follow(head)
		for len(hits) > 0 && hits[0].from < p.at {
			f := hits[0].find()
			f.Line, f.Column = p.line, hits[0].from-begin+1
			f.Source, f.Change = p.file, change
			switch change {
			case '-':
				f.SourceLine = p.old - 1
			case '+', ' ':
				f.SourceLine = p.new - 1
			}
			finds, hits = append(finds, f), hits[1:]
		}
		if change != 0 || !p.packed || !bytes.HasPrefix(head, []byte("literal ")) &&
			!bytes.HasPrefix(head, []byte("delta ")) {
			continue
		}
		line := p.line
		packed, err := p.unpack(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, f := range packed {
			f.Line, f.Source, f.Change, f.From, f.To = line, p.file, '+', 0, 0
			if p.parts%2 == 0 { // the second part is the reverse change
				f.Change = '-'
			}
			finds = append(finds, f)
		}
		for len(hits) > 0 && hits[0].from < p.at {
			hits = hits[1:] // a coincidence in packed data
		}
	}
}

// patchWalk keeps track of the position in a patch.
type patchWalk struct {
	from           *bufio.Reader
	at, line       int64 // the offset after the current line; the number of the line
	file           string
	old, new       int64 // numbers of the next lines
	oldLeft, nLeft int64 // lines that remain in the hunk
	packed         bool  // the file is binary
	parts          int   // binary parts of the file
}

const maxHead = 8 << 10 // bytes of a header line

// next reads a line and returns its first maxHead bytes.
func (p *patchWalk) next() ([]byte, error) {
	var head []byte
	for first := true; ; first = false {
		part, err := p.from.ReadSlice('\n')
		p.at += int64(len(part))
		if first {
			head = part[:min(len(part), maxHead)]
			if errors.Is(err, bufio.ErrBufferFull) {
				head = bytes.Clone(head)
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(part) > 0 || !first):
		case err != nil:
			return nil, err
		}
		p.line++
		return bytes.TrimSuffix(head, []byte("\n")), nil
	}
}

// follow processes a line. It returns the first character of a line in a hunk, and 0 for any other line.
func (p *patchWalk) follow(head []byte) byte {
	if p.oldLeft > 0 || p.nLeft > 0 {
		c := byte(' ')
		if len(head) > 0 {
			c = head[0]
		}
		switch c {
		case '+':
			p.new++
			p.nLeft--
			return c
		case '-':
			p.old++
			p.oldLeft--
			return c
		case ' ':
			p.old, p.new = p.old+1, p.new+1
			p.oldLeft, p.nLeft = p.oldLeft-1, p.nLeft-1
			return c
		case '\\':
			return ' '
		}
		p.oldLeft, p.nLeft = 0, 0
	}
	switch text := string(head); {
	case strings.HasPrefix(text, "diff --git "):
		p.file, p.parts, p.packed = nameOf(text[len("diff --git "):]), 0, false
	case text == "GIT binary patch":
		p.packed = true
	case strings.HasPrefix(text, "@@ -"):
		before, after, ok := strings.Cut(text[len("@@ -"):], " +")
		if !ok {
			break
		}
		after, _, _ = strings.Cut(after, " ")
		p.old, p.oldLeft = rangeOf(before)
		p.new, p.nLeft = rangeOf(after)
	}
	return 0
}

// nameOf extracts the name from the text after "diff --git", which contains the same name twice.
func nameOf(text string) string {
	if strings.HasPrefix(text, `"`) {
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			if name, err := strconv.Unquote(quoted); err == nil {
				return strings.TrimPrefix(name, "a/")
			}
		}
	}
	half := text[:len(text)/2]
	return strings.TrimPrefix(half, "a/")
}

func rangeOf(text string) (from, count int64) {
	first, rest, ok := strings.Cut(text, ",")
	from, _ = strconv.ParseInt(first, 10, 64)
	count = 1
	if ok {
		count, _ = strconv.ParseInt(rest, 10, 64)
	}
	return from, count
}

// unpack searches a binary part of the patch, which ends with an empty line.
func (p *patchWalk) unpack(ctx context.Context, m *machine) ([]Find, error) {
	p.parts++
	lines := &packedReader{patch: p}
	var finds []Find
	z, err := zlib.NewReader(lines)
	var hits []hit
	if err == nil {
		hits, err = m.search(ctx, z)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, errPacked
	}
	for _, h := range hits {
		finds = append(finds, h.find())
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		return nil, err
	}
	return finds, nil
}

// packedReader decodes Git's base 85. Each line has a letter for its length, and then five characters for every four
// bytes.
type packedReader struct {
	patch *patchWalk
	rest  []byte
	ended bool
}

var errPacked = errors.New("a binary part of the patch is damaged")

// base85 is Git's alphabet of base 85.
const base85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

func (r *packedReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		line, err := r.patch.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err != nil || len(line) == 0 {
			r.ended = true
			continue
		}
		if r.rest, err = unpackLine(line); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func unpackLine(line []byte) ([]byte, error) {
	n := 0
	switch c := line[0]; {
	case 'A' <= c && c <= 'Z':
		n = int(c-'A') + 1
	case 'a' <= c && c <= 'z':
		n = int(c-'a') + 27
	}
	text := line[1:]
	if n == 0 || len(text) != (n+3)/4*5 {
		return nil, errPacked
	}
	var data []byte
	for i := 0; i < len(text); i += 5 {
		v := uint64(0)
		for _, c := range text[i : i+5] {
			d := strings.IndexByte(base85, c)
			if d < 0 {
				return nil, errPacked
			}
			v = v*85 + uint64(d)
		}
		if v > 1<<32-1 {
			return nil, errPacked
		}
		data = append(data, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return data[:n], nil
}
