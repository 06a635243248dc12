// Package program runs a program as if the user had run it directly, and records its console. Arguments, standard
// input, exit status, signals and the terminal are passed on unchanged.
//
// It knows nothing of runs: whoever calls it decides what to do with the output. Begin in program.go for what every
// system does, and in program_unix.go for signals and pseudo-terminals.
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
	Log                   io.Writer // receives all output in order; its errors never disturb the program
	Started               func(pid int)
}

// Result says how a program ended.
type Result struct {
	ExitCode   int    // 128 + the number of the signal that ended it
	Signal     string // that signal, such as SIGKILL
	Received   string // the first signal that this process received and that asks for an end, such as SIGTERM
	Interrupts int    // how often Ctrl-C was pressed
	OpenLine   bool   // the output does not end with a newline
	LogErr     error  // the first error of the log
}

// StartError says that a program could not be started. Code is the exit status that a shell would return: 127 if the
// program was not found, 126 if it cannot be run.
type StartError struct {
	Name string
	Code int
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("starting %s: %v", e.Name, e.Err) }
func (e *StartError) Unwrap() error { return e.Err }

// drain is how long output is still read after the program has ended: a process that it left running may keep the pipe
// open for ever.
const drain = 500 * time.Millisecond

// killAfter is how long a program may take to end after the context is canceled.
const killAfter = 10 * time.Second

// Run runs the program and waits for it. If the context is canceled, it asks the program to end, and kills it after a
// while. If the program cannot be started, the error is a *StartError.
func Run(ctx context.Context, o Options) (Result, error) {
	if len(o.Args) == 0 {
		return Result{}, &StartError{"", 127, errors.New("no program is given")}
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

// lookPath finds the program as a shell in dir would.
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

// tap copies output to its destination and to the log.
type tap struct {
	mu   *sync.Mutex // shared by all taps of a program, so that the log keeps the order
	log  io.Writer
	err  *error
	open *bool // the last byte is not a newline
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

// outputCopy copies output of the program until it ends. If the destination is closed, the source is closed too, so
// that the program notices as if it had written there itself.
type outputCopy struct {
	dst io.Writer
	src io.ReadCloser
	tap tap

	waiting atomic.Int64 // since when a read has been waiting, in ns since 1970; 0 if none is
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

// drainAll waits until everything that the program has printed is copied. It waits for a slow reader, but not for a
// process that the program left running and that keeps a pipe open without printing.
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
