// Package program runs a program as if the user had run it directly, and records its console output. Arguments,
// standard input, exit status, signals and the terminal are passed on unchanged.
//
// It knows nothing of runs: the caller decides what to do with the output. Start reading in program.go, which has what
// all systems share. program_unix.go handles signals and pseudo-terminals.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options describe the program to run.
type Options struct {
	Args                  []string // the program and its arguments
	Dir                   string
	Env                   []string
	Stdin, Stdout, Stderr *os.File
	Log                   io.Writer // receives all output in order; its errors do not affect the program
	Started               func(pid int)
	Wrapper               Wrapper  // may be nil
	Signals               *Signals // if nil, Run catches the signals itself, until the program has ended
}

// Wrapper starts a program through another process, which then becomes the program.
type Wrapper interface {
	// Wrap returns the path and the arguments of what to start.
	Wrap(path string, args []string) (string, []string)
	// Began waits until the process has become the program. If it could not, it returns the error of the system.
	Began(pid int) error
}

// Signals receives the signals that ask this process to end, from Catch to Stop. A caller that has more to do after its
// program has ended catches them before it starts the program, so that no signal ends this process meanwhile.
type Signals struct {
	c      chan os.Signal
	broken chan os.Signal
}

// Catch begins to receive signals. It leaves out those that this process was started to ignore, such as SIGHUP under
// nohup, because the program must ignore them too.
func Catch() *Signals {
	s := &Signals{c: make(chan os.Signal, 64), broken: make(chan os.Signal, 1)}
	signal.Notify(s.c, passedOn()...)
	if len(brokenPipe) > 0 {
		// Caught instead of ignored: a closed output must not end this process, but the program must start with the
		// default handling, and it would inherit an ignored signal.
		signal.Notify(s.broken, brokenPipe...)
	}
	return s
}

// Received returns the channel of the signals. Run reads from it until its program has ended.
func (s *Signals) Received() <-chan os.Signal { return s.c }

// Stop restores the default handling of the signals.
func (s *Signals) Stop() {
	signal.Stop(s.c)
	signal.Stop(s.broken)
}

// Result describes how a program ended.
type Result struct {
	ExitCode   int    // the exit status, or 128 + the number of the signal that ended the program
	Signal     string // the signal that ended the program, such as SIGKILL
	Received   string // the first signal that asked this process to end, such as SIGTERM
	Interrupts int    // how often Ctrl-C was pressed
	OpenLine   bool   // whether the output ends without a newline
	LogErr     error  // the first error from Log
}

// StartError reports that a program could not be started. Code is the exit status that a shell would return: 127 if the
// program was not found, 126 if it cannot be run.
type StartError struct {
	Name string
	Code int
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("starting %s: %v", e.Name, e.Err) }
func (e *StartError) Unwrap() error { return e.Err }

// idle is how long a pipe must be silent, after the program has ended, until the reading of it ends. A process that the
// program left running may keep it open for ever. What is in the pipe by then is always read.
const idle = 500 * time.Millisecond

// killAfter is how long a program has to end after the context is canceled.
const killAfter = 10 * time.Second

// Run runs the program and waits until it ends. If the context is canceled, Run asks the program to end, and kills it
// after killAfter. If the program cannot be started, the error is a *StartError.
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

// lookPath finds a program as a shell in the folder dir would.
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
	mu   *sync.Mutex // shared by all taps of a program, so that the log keeps the order of the output
	log  io.Writer
	err  *error
	open *bool // whether the output so far ends without a newline
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

// outputCopy copies output of the program until the output ends. If the destination is closed, outputCopy closes the
// source too. The program then gets the same error as if it had written to the destination itself.
type outputCopy struct {
	dst io.Writer
	src io.ReadCloser
	tap tap

	waiting atomic.Int64 // when the current read began, in ns since 1970; 0 if no read is waiting
	last    atomic.Bool  // the program has ended and the pipe was silent: read what is there, and no more
	done    chan struct{}
}

func newCopy(dst io.Writer, src io.ReadCloser, t tap) *outputCopy {
	return &outputCopy{dst: dst, src: src, tap: t, done: make(chan struct{})}
}

func (c *outputCopy) run() {
	defer close(c.done)
	defer func() { _ = c.src.Close() }()
	buf := make([]byte, 32<<10)
	read := c.src.Read
	for {
		c.waiting.Store(time.Now().UnixNano())
		n, err := read(buf)
		c.waiting.Store(0)
		if n > 0 {
			c.tap.note(buf[:n])
			if _, err := c.dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && c.last.Load() {
			read = func(p []byte) (int, error) { return readWaiting(c.src, p) }
			continue
		}
		if err != nil {
			return
		}
	}
}

// finish ends the copying after what is in the pipe now.
func (c *outputCopy) finish() {
	c.last.Store(true)
	d, ok := c.src.(interface{ SetReadDeadline(time.Time) error })
	if !ok || d.SetReadDeadline(time.Now()) != nil {
		_ = c.src.Close()
	}
	<-c.done
}

// drainAll waits until all output of the program is copied. It waits for a slow reader. It does not wait for a process
// that the program left running and that keeps a pipe open without printing. A pipe counts as silent only from the end
// of the program on: a read that began long before may not have been woken yet.
func drainAll(copies []*outputCopy) {
	ended := time.Now()
	for _, c := range copies {
		for open := true; open; {
			select {
			case <-c.done:
				open = false
			case <-time.After(10 * time.Millisecond):
				since := c.waiting.Load()
				if since != 0 && time.Since(time.Unix(0, since)) > idle && time.Since(ended) > idle {
					c.finish()
				}
			}
		}
	}
}
