// Package program runs a program as if it were run directly, and listens to its console: arguments, standard input, exit
// status, signals and terminal are passed on unchanged.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what to run.
type Options struct {
	Args                  []string // the program and its arguments
	Dir                   string
	Env                   []string
	Stdin, Stdout, Stderr *os.File
	Log                   io.Writer // gets all output in the order in which it came; its errors never disturb the program
	Started               func(pid int)
}

// Result says how a program ended.
type Result struct {
	ExitCode   int    // 128 + the number of the signal that ended it
	Signal     string // that signal, like SIGKILL
	Received   string // the first signal that we got and that asks to end, like SIGTERM
	Interrupts int    // how often Ctrl-C was pressed
	OpenLine   bool   // the output does not end with a newline
	LogErr     error  // the first error of the log
}

// StartError says that a program did not start. Code is what a shell returns then: 127 where it was not found, 126 where
// it cannot be run.
type StartError struct {
	Name string
	Code int
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("starting %s: %v", e.Name, e.Err) }
func (e *StartError) Unwrap() error { return e.Err }

// drain is how long output is still read once the program has ended: what it left running may hold the pipe for ever.
const drain = 500 * time.Millisecond

// killAfter is how long a program has to end when the context is cancelled.
const killAfter = 10 * time.Second

// Run runs the program and waits for it. A cancelled context asks it to end and kills it after a while.
func Run(ctx context.Context, o Options) (Result, error) {
	if len(o.Args) == 0 {
		return Result{}, &StartError{"", 127, errors.New("no program is named")}
	}
	path, err := lookPath(o.Args[0], o.Dir)
	if err != nil {
		code := 127
		if errors.Is(err, fs.ErrPermission) {
			code = 126
		}
		var lookup *exec.Error
		if errors.As(err, &lookup) {
			err = lookup.Err
		}
		return Result{}, &StartError{o.Args[0], code, err}
	}
	return run(ctx, path, o)
}

// lookPath finds the program as a shell in dir does.
func lookPath(name, dir string) (string, error) {
	if filepath.Base(name) != name && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) {
		err = nil
	}
	return path, err
}

// tap copies output to where it belongs and to the log.
type tap struct {
	mu   *sync.Mutex // one for all taps of a program: the log keeps the order
	log  io.Writer
	err  *error
	open *bool // the last byte was no newline
}

func (t tap) note(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.open = p[len(p)-1] != '\n'
	if t.log == nil {
		return
	}
	if _, err := t.log.Write(p); err != nil && *t.err == nil {
		*t.err = err
	}
}

// outputCopy copies output of the program until it ends. When the place that it goes to is closed, the source is closed
// too, so that the program learns of it as it would without us.
type outputCopy struct {
	dst io.Writer
	src io.ReadCloser
	tap tap

	waiting atomic.Int64 // since when a read waits, in ns since 1970; 0 while one does not
	done    chan struct{}
}

func newCopy(dst io.Writer, src io.ReadCloser, t tap) *outputCopy {
	return &outputCopy{dst: dst, src: src, tap: t, done: make(chan struct{})}
}

func (c *outputCopy) run() {
	defer close(c.done)
	defer func() { _ = c.src.Close() }()
	buf := make([]byte, 32<<10)
	for {
		c.waiting.Store(time.Now().UnixNano())
		n, err := c.src.Read(buf)
		c.waiting.Store(0)
		if n > 0 {
			c.tap.note(buf[:n])
			if _, err := c.dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// drainAll waits until all that the program has printed is copied. What it left running may keep a pipe open: when nothing
// has come for a while, that is not waited for. A slow reader of ours is.
func drainAll(copies []*outputCopy) {
	for _, c := range copies {
		for open := true; open; {
			select {
			case <-c.done:
				open = false
			case <-time.After(10 * time.Millisecond):
				if since := c.waiting.Load(); since != 0 && time.Since(time.Unix(0, since)) > drain {
					_ = c.src.Close()
					<-c.done
				}
			}
		}
	}
}
