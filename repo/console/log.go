// Package console keeps the output of a program as a readable log. It collapses redrawn progress bars, removes colors
// and bounds the size. The log is written to disk while the program runs.
//
// It handles only bytes and files; it knows neither runs nor the user's terminal. screen.go interprets control
// sequences, and log.go stores the log.
package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/regular"
)

// Log is a log that is being written. Its file is at most a quarter of a second behind.
//
// A log of more than max bytes keeps its first max/2 bytes and its end. The output after the first max/2 bytes goes to
// segments named <path>.tail-<offset>, of max/4 bytes each, and only the last two segments are kept. Join joins the
// file and the segments.
type Log struct {
	mu     sync.Mutex
	path   string
	max    int64
	screen *screen

	file      *os.File
	start     int64 // offset of the file's first byte in the whole text
	committed int64 // offset after the last line that can no longer change
	buf       []byte
	previous  string // the segment before the current one
	tail      bool
	dirty     bool
	flushed   time.Time
	err       error

	stop    chan struct{}
	flusher sync.WaitGroup
}

const flushEvery = 250 * time.Millisecond

// Create begins a log at path, or continues the log that exists there. The log has at most about max bytes.
func Create(path string, max int64) (*Log, error) {
	f, err := regular.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	// If the run is resumed, the log exists and is continued.
	if _, err := Join(path); err != nil {
		return nil, err
	}
	f, err = regular.OpenFile(path, os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	l := &Log{path: path, max: max, file: f, committed: size, stop: make(chan struct{})}
	l.screen = newScreen(func(line string) { l.buf = append(append(l.buf, line...), '\n') })
	l.flusher.Go(l.flushing)
	return l, nil
}

// flushing keeps the file up to date, even while the program prints nothing.
func (l *Log) flushing() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			l.mu.Lock()
			l.flush()
			l.mu.Unlock()
		}
	}
}

// Write adds output of the program. It always succeeds, so that a full disk does not end the program. Close returns
// the error instead.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.screen.write(p)
	l.dirty = true
	if len(l.buf) > 256<<10 || time.Since(l.flushed) > flushEvery {
		l.flush()
	}
	return len(p), nil
}

// flush writes the lines that can no longer change, and then those that still may.
func (l *Log) flush() {
	if !l.dirty || l.err != nil {
		return
	}
	for len(l.buf) > 0 {
		room := l.max/2 - (l.committed - l.start)
		if l.tail {
			room = l.max/4 - (l.committed - l.start)
		}
		n := len(l.buf)
		if int64(n) > room {
			n = bytes.LastIndexByte(l.buf[:max(0, min(int64(n), room))], '\n') + 1
			if n == 0 && l.committed == l.start {
				n = bytes.IndexByte(l.buf, '\n') + 1 // one line longer than a whole segment
			}
		}
		if n > 0 {
			if !l.writeAt(l.buf[:n]) {
				return
			}
			l.committed += int64(n)
			l.buf = l.buf[:copy(l.buf, l.buf[n:])]
		}
		if len(l.buf) > 0 && !l.nextSegment() {
			return
		}
	}
	pending := []byte(l.screen.pending())
	if l.writeAt(pending) {
		l.fail(l.file.Truncate(l.committed - l.start + int64(len(pending))))
	}
	l.dirty, l.flushed = false, time.Now()
}

func (l *Log) writeAt(p []byte) bool {
	_, err := l.file.WriteAt(p, l.committed-l.start)
	return l.fail(err)
}

func (l *Log) fail(err error) bool {
	if err != nil && l.err == nil {
		l.err = err
	}
	return err == nil
}

func (l *Log) nextSegment() bool {
	err := l.file.Truncate(l.committed - l.start)
	err = errors.Join(err, l.file.Close())
	if !l.fail(err) {
		return false
	}
	name := l.path + tailMark + strconv.FormatInt(l.committed, 10)
	f, err := regular.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if !l.fail(err) {
		return false
	}
	if l.previous != "" {
		l.fail(os.Remove(l.previous))
	}
	l.previous = ""
	if l.tail {
		l.previous = l.file.Name()
	}
	l.file, l.start, l.tail = f, l.committed, true
	return true
}

// Close writes the rest and joins the parts of the log. It returns the first error of any write.
func (l *Log) Close() error {
	close(l.stop)
	l.flusher.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.screen.partial) > 0 {
		l.screen.put('\ufffd')
	}
	l.dirty = true
	l.flush()
	err := errors.Join(l.err, l.file.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(l.path), err)
	}
	_, err = Join(l.path)
	return err
}

const (
	tailMark = ".tail-"
	cutMark  = ".cut"
)

// Join joins the parts of a log whose writer has ended or died. It returns how many bytes were cut from the middle. It
// may be called again, even if an earlier call was interrupted.
func Join(path string) (cut int64, err error) {
	tails, err := segments(path)
	if err != nil {
		return 0, err
	}
	if len(tails) == 0 {
		return readCut(path)
	}
	head, err := regular.ReadFile(path)
	if err != nil {
		return 0, err
	}
	last, err := regular.ReadFile(tails[len(tails)-1].name)
	if err != nil {
		return 0, err
	}
	joined, err := readCut(path)
	if err != nil {
		return 0, err
	}
	if joined == 0 || !bytes.HasSuffix(head, last) {
		cut = tails[0].start - int64(len(head))
		out := head
		if cut > 0 {
			out = fmt.Appendf(out, "[runs: %d bytes of output cut here]\n", cut)
		}
		for _, t := range tails[:len(tails)-1] {
			data, err := regular.ReadFile(t.name)
			if err != nil {
				return 0, err
			}
			out = append(out, data...)
		}
		out = append(out, last...)
		if err := os.WriteFile(path+cutMark, strconv.AppendInt(nil, max(cut, 0), 10), 0o666); err != nil {
			return 0, err
		}
		if err := replace(path, out); err != nil {
			return 0, err
		}
		joined = max(cut, 0)
	}
	for _, t := range tails {
		if err := os.Remove(t.name); err != nil {
			return 0, err
		}
	}
	return joined, nil
}

type segment struct {
	name  string
	start int64
}

// segments lists the segments of a log in the order of their offsets.
func segments(path string) ([]segment, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var found []segment
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+tailMark); ok {
			if start, err := strconv.ParseInt(rest, 10, 64); err == nil && start >= 0 && e.Type().IsRegular() {
				found = append(found, segment{filepath.Join(filepath.Dir(path), e.Name()), start})
			}
		}
	}
	listsort.Sort(found, func(a, b segment) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return found, nil
}

func readCut(path string) (int64, error) {
	data, err := regular.ReadFile(path + cutMark)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(data), 10, 64)
}

func replace(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return os.Rename(tmp, path)
}
