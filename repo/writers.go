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
	"github.com/gitruns/runs/repo/regular"
)

// held has the locks of shared journals. A finish holds them until it is done, so that no command-line call appends
// to a journal after it was read. It also says which journals count as closed.
type held struct {
	files  map[string]*os.File
	guard  *os.File      // the lock of the finish
	host   string        // a machine that the user declared dead: its processes are gone
	silent time.Duration // a journal of another machine that is unchanged for this long counts as closed; 0 is never

	takeover bool // the folder came with Git or was copied, so no process writes to it
}

func (h *held) release() {
	for _, f := range h.files {
		_ = f.Close()
	}
	h.files = nil
}

// letGo closes a locked file that is about to be removed, if the system does not remove open files. A command that gets
// the lock then finds the run finished.
func letGo(f *os.File) {
	if f != nil && !lock.RemovesOpen {
		_ = f.Close()
	}
}

// waitForWriters waits until every journal is closed, but at most for end.Wait or until end.Hurry, and locks the shared
// ones. It returns the journals that are still open. If it has to wait, and for longer than a second, it calls
// end.Waiting once.
func (a *Active) waitForWriters(ctx context.Context, h *held, end Finish) ([]string, error) {
	deadline := time.Now().Add(end.Wait)
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
		if first && end.Waiting != nil && end.Wait > time.Second {
			end.Waiting(open)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.Hurry:
			deadline = time.Now()
			end.Hurry = nil
		case <-time.After(pause):
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// quiet is how long a journal must be unchanged to count as closed, if its name has no process of this machine.
const quiet = 2 * time.Second

// closed reports whether a journal can no longer be written to. These are the cases:
//   - Its last line is the event "end": it is closed.
//   - Command-line calls share it: it is closed if we get its lock, which h then keeps.
//   - Its writer is on this machine: it is closed if the process is gone or does not have the file open.
//   - Calls on another machine share it: it is closed if it is unchanged for quiet and we get its lock.
//   - Its writer is on another machine: it is open, unless the user says or h.silent means that it is gone.
//   - Its name has no writer: it is closed if it is unchanged for quiet and we get its lock.
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
	src, err := regular.Open(f.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = src.Close() }()
	return lock.Try(src)
}

func (a *Active) lockShared(f journalFile, h *held) (bool, error) {
	file, err := regular.OpenFile(f.path, os.O_RDWR, 0)
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
	f, err := regular.Open(path)
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
