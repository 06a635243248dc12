package view

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
)

// The files of a run that a page asks for by name.
const (
	outputFile = "output.log"
	systemFile = "system.parquet"
)

// Bounds of one answer about a log.
const (
	maxLogLines   = 5000
	maxLogBytes   = 1 << 20
	maxLogLine    = 8 << 10 // bytes of a line that are shown
	maxLogMatches = 500
	shownMatch    = 400 // bytes of the line of a match
	indexedLines  = 256 // lines between two known offsets
	keptLogs      = 8   // logs whose offsets are kept
)

// RunLog says what console output a run has.
type RunLog struct {
	Bytes int64 `json:"bytes"`
	Cut   int64 `json:"cut"` // bytes that the recorder removed from its middle
}

// LogWindow is some consecutive lines of a log. Its texts are as the program printed them, with escape sequences.
type LogWindow struct {
	Lines int64    `json:"lines"` // of the whole log
	Bytes int64    `json:"bytes"`
	From  int64    `json:"from"` // number of the first line in Text, counted from 0
	Text  []string `json:"text"`
	Live  bool     `json:"live"` // more can come
}

// LogMatches is the lines of a log that contain a text.
type LogMatches struct {
	Total int64      `json:"total"` // matching lines in the whole log
	List  []LogMatch `json:"list"`  // the first of them at or after the line that was asked for, at most 500
}

// LogMatch is a line that contains the text.
type LogMatch struct {
	Line int64  `json:"line"` // counted from 0
	Text string `json:"text"` // cut near the match
}

// errNoOutput is returned for a run whose output was not captured.
func errNoOutput(e *repo.Entry) error {
	return missing("record a program with 'runs exec'",
		"the output of run %s was not captured, or is on the machine that recorded it", e.ID)
}

func logOf(e *repo.Entry) *RunLog {
	e = e.Newest()
	if e.Active == nil {
		f, ok := e.Files[outputFile]
		if !ok {
			return nil
		}
		return &RunLog{f.Bytes, f.Cut}
	}
	f, err := e.Output()
	if err != nil || f == nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil {
		return &RunLog{Bytes: info.Size()}
	}
	return nil
}

// LogLines returns lines of the log of a run: count of them from a line on, which is counted from 0 or, if it is
// negative, from the end. An answer has at most 5,000 lines and 1 MiB, and 8 KiB of each line. If the run has no log,
// the error is a *NotFoundError.
func (v *View) LogLines(ctx context.Context, run string, line, count int64) (*LogWindow, error) {
	l, err := v.openLog(ctx, run)
	if err != nil {
		return nil, err
	}
	defer l.close()
	w := &LogWindow{Lines: l.lines, Bytes: l.size, Text: []string{}, Live: l.live}
	if line < 0 {
		line += l.lines
	}
	w.From = min(max(0, line), l.lines)
	count = min(max(0, count), maxLogLines, l.lines-w.From)
	if count == 0 {
		return w, nil
	}
	bytes := 0
	err = l.each(ctx, w.From, func(_ int64, text []byte, more bool) error {
		one := strings.ToValidUTF8(string(text), "\ufffd")
		if more {
			one += " …"
		}
		w.Text = append(w.Text, one)
		if bytes += len(one); int64(len(w.Text)) >= count || bytes >= maxLogBytes {
			return errEnough
		}
		return nil
	})
	return w, err
}

// FindInLog returns the lines of the log of a run that contain a text, from a line on. Upper and lower case of ASCII
// letters are the same. Errors are as those of LogLines.
func (v *View) FindInLog(ctx context.Context, run, text string, from int64) (*LogMatches, error) {
	if text == "" {
		return &LogMatches{List: []LogMatch{}}, nil
	}
	l, err := v.openLog(ctx, run)
	if err != nil {
		return nil, err
	}
	defer l.close()
	want := bytes.ToLower([]byte(text))
	found := &LogMatches{List: []LogMatch{}}
	err = l.each(ctx, 0, func(n int64, line []byte, _ bool) error {
		at := bytes.Index(bytes.ToLower(line), want)
		if at < 0 {
			return nil
		}
		found.Total++
		if n >= from && len(found.List) < maxLogMatches {
			found.List = append(found.List, LogMatch{n, around(line, at)})
		}
		return nil
	})
	return found, err
}

// around returns the part of a line with what is at an offset.
func around(line []byte, at int) string {
	at = min(at, len(line))
	begin := max(0, at-shownMatch/4)
	end := min(len(line), begin+shownMatch)
	text := strings.ToValidUTF8(string(line[begin:end]), "\ufffd")
	if begin > 0 {
		text = "… " + text
	}
	if end < len(line) {
		text += " …"
	}
	return text
}

// LogText returns the log of a run as text of about 1 MiB at most. Of a longer one, it returns the last lines, after a
// line that says how many are left out. Errors are as those of LogLines.
func (v *View) LogText(ctx context.Context, run string) ([]byte, error) {
	l, err := v.openLog(ctx, run)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var out bytes.Buffer
	from := l.lineAt(l.size - maxLogBytes)
	if from > 0 {
		fmt.Fprintf(&out, "[the first %d lines are left out]\n", from)
	}
	err = l.each(ctx, from, func(_ int64, line []byte, more bool) error {
		out.WriteString(strings.ToValidUTF8(string(line), "\ufffd"))
		if more {
			out.WriteString(" …")
		}
		out.WriteByte('\n')
		return nil
	})
	return out.Bytes(), err
}

var errEnough = errors.New("enough")

// logIndex knows where lines of a log begin. It grows with the log of a run in progress.
type logIndex struct {
	mu      sync.Mutex
	size    int64 // bytes that were looked at
	lines   int64 // of them, also the last one if no newline ends it
	open    bool  // no newline ends the last line
	offsets []int64
	changed time.Time // of the file, when its digest was verified; zero for a run in progress
}

// logIndexes keeps the indexes of the logs that were read last, by run.
type logIndexes struct {
	mu   sync.Mutex
	byID map[string]*logIndex
	ids  []string // the oldest first
}

func (l *logIndexes) of(id string) *logIndex {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index := l.byID[id]; index != nil {
		return index
	}
	if l.byID == nil {
		l.byID = map[string]*logIndex{}
	}
	if len(l.ids) == keptLogs {
		delete(l.byID, l.ids[0])
		l.ids = l.ids[1:]
	}
	index := &logIndex{}
	l.byID[id] = index
	l.ids = append(l.ids, id)
	return index
}

// openedLog is the log of a run, as it was when it was opened.
type openedLog struct {
	f           *os.File
	size, lines int64
	offsets     []int64 // of every indexedLines-th line
	live        bool
}

func (l *openedLog) close() { _ = l.f.Close() }

// openLog opens the log of a run, and verifies its digest unless it did so before and the file has not changed.
func (v *View) openLog(ctx context.Context, run string) (*openedLog, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	e = e.Newest()
	index := v.logs.of(e.ID)
	index.mu.Lock()
	defer index.mu.Unlock()
	f, info, err := index.file(e)
	if err != nil {
		return nil, err
	}
	if err := index.grow(ctx, f, info.Size()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("reading the output of run %s: %w", e.ID, err)
	}
	return &openedLog{f: f, size: index.size, lines: index.lines, offsets: index.offsets, live: e.Active != nil}, nil
}

// file opens the log. It forgets what it knows of another file. A log whose digest was verified is not read again for
// that until its file changes.
func (x *logIndex) file(e *repo.Entry) (*os.File, os.FileInfo, error) {
	path := filepath.Join(e.Dir, outputFile)
	if info, err := os.Lstat(path); err == nil && e.Active == nil && info.Mode().IsRegular() &&
		info.Size() == x.size && info.ModTime().Equal(x.changed) {
		if f, err := regular.Open(path); err == nil {
			return f, info, nil
		}
	}
	f, err := e.Output()
	if err != nil {
		return nil, nil, unreadable("reading the output", err)
	}
	if f == nil {
		return nil, nil, errNoOutput(e)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	if info.Size() < x.size || e.Active == nil {
		x.size, x.lines, x.open, x.offsets, x.changed = 0, 0, false, nil, time.Time{}
	}
	if e.Active == nil {
		x.changed = info.ModTime()
	}
	return f, info, nil
}

// grow looks at the bytes up to size.
func (x *logIndex) grow(ctx context.Context, f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for x.size < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt(block[:min(int64(len(block)), size-x.size)], x.size)
		if n == 0 {
			return err
		}
		for at := 0; at < n; {
			if !x.open {
				if x.lines%indexedLines == 0 {
					x.offsets = append(x.offsets, x.size+int64(at))
				}
				x.lines++
				x.open = true
			}
			next := bytes.IndexByte(block[at:n], '\n')
			if next < 0 {
				break
			}
			at += next + 1
			x.open = false
		}
		x.size += int64(n)
	}
	return nil
}

// lineAt returns the number of the first line with a known offset at or after an offset.
func (l *openedLog) lineAt(offset int64) int64 {
	for i, at := range l.offsets {
		if at >= offset {
			return int64(i) * indexedLines
		}
	}
	return max(0, l.lines-indexedLines)
}

// each calls yield with each line from a number on, without its newline and cut to 8 KiB; more says that it was cut.
// If yield returns errEnough, each returns nil.
func (l *openedLog) each(ctx context.Context, from int64, yield func(n int64, line []byte, more bool) error) error {
	if from >= l.lines {
		return nil
	}
	block := from / indexedLines
	at := l.offsets[block]
	in := bufio.NewReaderSize(io.NewSectionReader(l.f, at, l.size-at), 64<<10)
	var line []byte
	for n := block * indexedLines; n < l.lines; n++ {
		if n%indexedLines == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var more bool
		var err error
		if line, more, err = readLine(in, line[:0]); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n < from {
			continue
		}
		if err := yield(n, line, more); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// readLine reads a line into b, which gets at most 8 KiB of it, without the newline and a carriage return before it.
func readLine(in *bufio.Reader, b []byte) (line []byte, more bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		ended := err == nil
		if ended {
			part = bytes.TrimSuffix(part[:len(part)-1], []byte("\r"))
		}
		if room := maxLogLine - len(b); len(part) > room {
			part, more = part[:room], true
		}
		b = append(b, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return b, more, err
		}
	}
}
