package secret

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind says how the input is read.
type Kind int

// The kinds.
const (
	Plain Kind = iota
	Patch      // a Git patch: its lines belong to other files, and its binary parts are packed
)

// Find says where a secret is. It does not contain the secret.
type Find struct {
	Rule        string
	Line        int64  // from 1; for a binary part of a patch, the line where the part begins
	Column      int64  // from 1, in bytes; 0 in a binary part
	Source      string // in a patch: the file that it changes
	SourceLine  int64  // in that file, from 1; for a removed line, its former number; 0 in a binary file
	Change      byte   // in a patch: the first character of the line, '+', '-' or ' '; 0 elsewhere
	Fingerprint string // 16 hex digits, the same wherever the secret is
	From, To    int64  // its bytes; both 0 if they are packed or in another encoding
}

// maxHits bounds the number of finds in one file. If there are this many, a complete list is of no use.
const maxHits = 10_000

// Search searches size bytes. A text that begins with a byte order mark of UTF-16 is read as UTF-16.
func Search(ctx context.Context, r io.ReaderAt, size int64, kind Kind) ([]Find, error) {
	m := compiled()
	var mark [2]byte
	if n, err := r.ReadAt(mark[:], 0); n < len(mark) && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	open := func() io.Reader { return io.NewSectionReader(r, 0, size) }
	wide := kind == Plain && (mark == [2]byte{0xff, 0xfe} || mark == [2]byte{0xfe, 0xff})
	if wide {
		open = func() io.Reader { return newWideReader(io.NewSectionReader(r, 0, size), mark[0] == 0xff) }
	}
	hits, err := m.search(ctx, open())
	if err != nil {
		return nil, err
	}
	if kind == Patch {
		return m.inPatch(ctx, open(), hits)
	}
	finds, err := locate(open(), hits)
	if wide {
		for i := range finds {
			finds[i].From, finds[i].To = 0, 0
		}
	}
	return finds, err
}

func (h hit) find() Find {
	return Find{Rule: h.rule, Fingerprint: h.fingerprint, From: h.from, To: h.to}
}

// locate reads the input again up to the last hit, to count lines.
func locate(r io.Reader, hits []hit) ([]Find, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	var finds []Find
	line, column := int64(1), int64(1)
	at := int64(0)
	b := make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(r, b)
		rest := b[:n]
		for len(hits) > 0 && hits[0].from < at+int64(len(rest)) {
			line, column = advance(rest[:hits[0].from-at], line, column)
			rest, at = rest[hits[0].from-at:], hits[0].from
			f := hits[0].find()
			f.Line, f.Column = line, column
			finds, hits = append(finds, f), hits[1:]
		}
		if len(hits) == 0 {
			return finds, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the file changed while it was searched: %w", err)
		}
		line, column = advance(rest, line, column)
		at += int64(len(rest))
	}
}

func advance(b []byte, line, column int64) (int64, int64) {
	if n := bytes.Count(b, []byte("\n")); n > 0 {
		return line + int64(n), int64(len(b) - bytes.LastIndexByte(b, '\n'))
	}
	return line, column + int64(len(b))
}

// wideReader converts UTF-16 to UTF-8.
type wideReader struct {
	from   *bufio.Reader
	little bool
	rest   []byte
}

func newWideReader(r io.Reader, little bool) *wideReader {
	return &wideReader{from: bufio.NewReaderSize(r, 64<<10), little: little}
}

func (r *wideReader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(r.from, b[:]); err != nil {
		return 0, io.EOF // an incomplete unit is dropped
	}
	if r.little {
		return rune(b[0]) | rune(b[1])<<8, nil
	}
	return rune(b[1]) | rune(b[0])<<8, nil
}

func (r *wideReader) Read(p []byte) (int, error) {
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	for n < len(p) && len(r.rest) == 0 {
		c, err := r.unit()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if utf16.IsSurrogate(c) {
			low, err := r.unit()
			if err != nil {
				continue
			}
			c = utf16.DecodeRune(c, low)
		}
		if c < utf8.RuneSelf {
			p[n] = byte(c)
			n++
			continue
		}
		r.rest = utf8.AppendRune(nil, c)
		k := copy(p[n:], r.rest)
		n, r.rest = n+k, r.rest[k:]
	}
	return n, nil
}
