package repo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lock"
)

// held are the locks of shared journals that a finish holds until it is done, so that no command-line call appends
// after the part that was read; and the machine that the user declared dead.
type held struct {
	files  map[string]*os.File
	host   string        // its processes are gone
	silent time.Duration // a journal of another machine counts as closed after this long; 0 is never

	takeover bool // nobody writes to a folder that came with git
}

func (h *held) release() {
	for _, f := range h.files {
		_ = f.Close()
	}
	h.files = nil
}

// waitForWriters waits until every journal is closed, at most for wait, and locks the shared ones. It returns the
// journals that are still open. told is called once when there is something to wait for.
func (a *Active) waitForWriters(
	ctx context.Context, h *held, wait time.Duration, told func(open []string),
) ([]string, error) {
	deadline := time.Now().Add(wait)
	pause := time.Millisecond
	for first := true; ; first = false {
		files, err := a.journals("")
		if err != nil {
			return nil, err
		}
		var open []string
		for _, f := range files {
			if h.files[f.name] != nil {
				continue
			}
			closed, err := a.closed(f, h)
			if err != nil {
				return nil, err
			}
			if !closed {
				open = append(open, f.name)
			}
		}
		if len(open) == 0 || !time.Now().Before(deadline) {
			return open, nil
		}
		if first && told != nil && wait > time.Second {
			told(open)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// quiet is how long a journal without a writer in its name must be unchanged to count as closed.
const quiet = 2 * time.Second

// closed decides whether a journal can still be written to.
//   - Its last line is the event "end": closed.
//   - Command-line calls share it: closed when its lock is ours, which h then keeps.
//   - Its writer's process is of this machine: closed when that process is gone or does not hold the file.
//   - Calls of another machine share it: closed when its lock is ours and it has been quiet, for a call is short.
//   - Another machine's process: open, for nobody here can know, unless the user does.
//   - A name that does not say: closed when nobody holds its lock and it has been quiet.
func (a *Active) closed(f journalFile, h *held) (bool, error) {
	if h.takeover || ended(f.path) {
		return true, nil
	}
	host, pid := f.writer()
	switch {
	case f.shared() && host == thisHost():
		return a.lockShared(f, h)
	case host == thisHost() && pid > 0:
		if _, alive := processStart(pid); !alive {
			return true, nil
		}
		info, err := os.Stat(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		open, known := holdsOpen(pid, info)
		return known && !open, nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist), nil
	}
	silent := time.Since(info.ModTime())
	switch {
	case pid > 0:
		return h.host != "" && host == hostName(h.host) || h.silent > 0 && silent >= h.silent, nil
	case silent < quiet:
		return false, nil
	case f.shared():
		return a.lockShared(f, h)
	}
	src, err := os.Open(f.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = src.Close() }()
	return lock.Try(src)
}

func (a *Active) lockShared(f journalFile, h *held) (bool, error) {
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	locked, err := lock.Try(file)
	if err != nil || !locked {
		_ = file.Close()
		return false, err
	}
	if h.files == nil {
		h.files = map[string]*os.File{}
	}
	h.files[f.name] = file
	return true, nil
}

// ended reports whether the last line of a journal is the event "end".
func ended(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	const reach = 256 // an end line is shorter
	tail := make([]byte, min(size, reach))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	tail, whole := bytes.CutSuffix(tail, []byte("\n"))
	if !whole {
		return false
	}
	var parser format.JournalParser
	var l format.Line
	return parser.Parse(tail[bytes.LastIndexByte(tail, '\n')+1:], &l) == nil && l.Event == format.EventEnd
}
