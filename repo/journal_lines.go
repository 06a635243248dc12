package repo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/regular"
)

// sortJournals sorts journals into reading order: by the time of the first valid line, and then by name.
func sortJournals(files []journalFile) {
	for i := range files {
		files[i].first = firstTime(files[i].path)
	}
	sortByFirst(files)
}

// sortByFirst is sortJournals for journals whose first times are known.
func sortByFirst(files []journalFile) {
	listsort.Stable(files, func(a, b journalFile) int {
		if a.first != b.first {
			if a.first < b.first {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
}

// firstTime returns the time of a journal's first valid line, in µs. A journal without one comes last.
func firstTime(path string) int64 {
	src, err := regular.Open(path)
	if err != nil {
		return math.MaxInt64
	}
	defer func() { _ = src.Close() }()
	lines := lineReader{r: bufio.NewReader(src)}
	var parser format.JournalParser
	var l format.Line
	for range 1000 { // if none of these lines is valid, the journal is ordered by its name
		text, whole, err := lines.next()
		if err != nil || !whole {
			return math.MaxInt64
		}
		if parser.Parse(text, &l) == nil {
			return l.Time
		}
	}
	return math.MaxInt64
}

// lineReader reads a journal line by line. It limits the length of a line.
type lineReader struct {
	r      *bufio.Reader
	buf    []byte
	number int
	cut    bool  // the line is longer than the limit, and only its beginning is returned
	size   int64 // bytes of the line, newline included
}

// next returns the next line without its newline, valid until the next call, or io.EOF. whole is false if the file ends
// before the newline.
func (l *lineReader) next() (text []byte, whole bool, err error) {
	l.number++
	l.cut = false
	text, err = l.r.ReadSlice('\n')
	l.size = int64(len(text))
	if err == nil {
		return text[:len(text)-1], true, nil
	}
	l.buf = append(l.buf[:0], text...)
	for errors.Is(err, bufio.ErrBufferFull) {
		text, err = l.r.ReadSlice('\n')
		l.size += int64(len(text))
		if len(l.buf)+len(text) > format.MaxLineBytes+1 {
			l.cut = true
			text = text[:max(0, min(len(text), maxAsideText-len(l.buf)))]
		}
		l.buf = append(l.buf, text...)
	}
	if l.cut {
		l.buf = l.buf[:min(len(l.buf), maxAsideText)]
	}
	switch {
	case err == nil:
		return bytes.TrimSuffix(l.buf, []byte("\n")), true, nil
	case errors.Is(err, io.EOF) && len(l.buf) > 0:
		return l.buf, false, nil
	}
	return nil, false, err
}
