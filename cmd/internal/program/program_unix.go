//go:build !windows

package program

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// running is a running program with its terminal, signals and output.
type running struct {
	cmd   *exec.Cmd
	pid   int // also the id of its process group
	o     Options
	pty   *os.File // our side of the pseudo-terminal; nil if there is none
	tty   *os.File // our own terminal; nil if there is none
	slave *os.File // the program's side of the pseudo-terminal, kept open to read its settings
	state *term.State

	interrupts atomic.Int32
	paused     atomic.Bool // the program and this process were stopped in the terminal
	mu         sync.Mutex
	received   string
	logErr     error
	openLine   bool
	logMu      sync.Mutex
	copies     []*outputCopy
}

func run(ctx context.Context, path string, o Options) (Result, error) {
	r := &running{o: o, cmd: &exec.Cmd{Path: path, Args: o.Args, Dir: o.Dir, Env: o.Env}}
	if o.Wrapper != nil {
		r.cmd.Path, r.cmd.Args = o.Wrapper.Wrap(path, o.Args)
	}
	after, err := r.connect()
	if err != nil {
		return Result{}, &StartError{o.Args[0], 126, err}
	}
	signals := o.Signals
	if signals == nil {
		signals = Catch()
		defer signals.Stop()
	}
	if err = r.cmd.Start(); err == nil && o.Wrapper != nil {
		if err = o.Wrapper.Began(r.cmd.Process.Pid); err != nil {
			_, _ = r.cmd.Process.Wait()
		}
	}
	for _, f := range after.child {
		_ = f.Close()
	}
	if err != nil {
		for _, f := range after.ours {
			_ = f.Close()
		}
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return Result{}, &StartError{o.Args[0], 126, err}
	}
	r.pid = r.cmd.Process.Pid
	if o.Started != nil {
		o.Started(r.pid)
	}
	defer r.restore()
	r.raw()
	var copying sync.WaitGroup
	for _, c := range r.copies {
		copying.Go(c.run)
	}
	stopInput := r.copyInput()

	ended := make(chan syscall.WaitStatus, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() { r.awaitEnd(ended) })
	status := r.handle(ctx, signals.Received(), ended)
	waiting.Wait()
	stopInput()
	_ = r.cmd.Process.Release()
	if r.slave != nil {
		_ = r.slave.Close() // this was the last open copy, so reads of our side now end
	}
	drainAll(r.copies)
	copying.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	res := Result{Received: r.received, Interrupts: int(r.interrupts.Load()), LogErr: r.logErr, OpenLine: r.openLine}
	if status.Signaled() {
		res.ExitCode, res.Signal = 128+int(status.Signal()), unix.SignalName(status.Signal())
	} else {
		res.ExitCode = status.ExitStatus()
	}
	return res, nil
}

// connections holds the files that were opened for a program. The program's own files are closed here once it has
// started.
type connections struct{ child, ours []*os.File }

// connect sets the standard files of the program. If one of our standard files is a terminal, the program gets a
// pseudo-terminal instead. It gets a pipe for each other output, and any other standard input as it is.
func (r *running) connect() (connections, error) {
	var c connections
	o := r.o
	isTTY := func(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }
	in, out, errs := isTTY(o.Stdin), isTTY(o.Stdout), isTTY(o.Stderr)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if in || out || errs {
		master, slave, err := pty.Open()
		if err != nil {
			return c, err
		}
		for _, f := range []*os.File{o.Stdout, o.Stderr, o.Stdin} {
			if isTTY(f) {
				r.tty = f
				break
			}
		}
		_ = pty.InheritSize(r.tty, master)
		r.pty, r.slave = master, slave
		c.ours = append(c.ours, master, slave)
		r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
		switch {
		case in:
		case out:
			r.cmd.SysProcAttr.Ctty = 1
		default:
			r.cmd.SysProcAttr.Ctty = 2
		}
		r.copies = append(r.copies, newCopy(r.tty, master, r.tap()))
	}
	r.cmd.Stdin = o.Stdin
	if in {
		r.cmd.Stdin = r.slave
	}
	connect := func(tty bool, ours *os.File) (*os.File, error) {
		if tty {
			return r.slave, nil
		}
		pr, pw, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		c.child, c.ours = append(c.child, pw), append(c.ours, pr)
		r.copies = append(r.copies, newCopy(ours, pr, r.tap()))
		return pw, nil
	}
	stdout, err := connect(out, o.Stdout)
	if err != nil {
		return c, err
	}
	stderr, err := connect(errs, o.Stderr)
	if err != nil {
		return c, err
	}
	r.cmd.Stdout, r.cmd.Stderr = stdout, stderr
	return c, nil
}

func (r *running) tap() tap { return tap{&r.logMu, r.o.Log, &r.logErr, &r.openLine} }

// brokenPipe holds the signal for a write to a closed pipe.
var brokenPipe = []os.Signal{syscall.SIGPIPE}

// passedOn returns the signals to pass on to the program, without those that are ignored. A scheduler announces the
// end of a job with SIGXCPU, SIGUSR1 or SIGUSR2.
func passedOn() []os.Signal {
	all := []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGXCPU,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT,
	}
	var some []os.Signal
	for _, s := range all {
		if !signal.Ignored(s) {
			some = append(some, s)
		}
	}
	return some
}

// readWaiting reads what is in a pipe or terminal without waiting for more. At its end, it returns io.EOF.
func readWaiting(src io.ReadCloser, p []byte) (n int, err error) {
	f, ok := src.(*os.File)
	if !ok {
		return 0, io.EOF
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctlErr := raw.Read(func(fd uintptr) bool {
		n, err = readReady(int(fd), p)
		return true
	})
	if err = errors.Join(ctlErr, err); err != nil || n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}

// readReady reads from a descriptor, which may be in blocking mode, only if there is something to read.
func readReady(fd int, p []byte) (int, error) {
	for {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || ready[0].Revents&unix.POLLIN == 0 {
			return 0, err
		}
		if n, err = unix.Read(fd, p); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// handle passes signals on until the program ends.
func (r *running) handle(
	ctx context.Context, signals <-chan os.Signal, ended <-chan syscall.WaitStatus,
) syscall.WaitStatus {
	done := ctx.Done()
	var kill <-chan time.Time
	for {
		select {
		case status := <-ended:
			return status
		case <-done:
			done = nil
			r.signal(syscall.SIGTERM)
			kill = time.After(killAfter)
		case <-kill:
			r.signal(syscall.SIGKILL)
		case s := <-signals:
			switch s := s.(syscall.Signal); s {
			case syscall.SIGWINCH:
				if r.pty != nil {
					_ = pty.InheritSize(r.tty, r.pty)
				}
			case syscall.SIGCONT:
				r.raw() // this process may have moved to the foreground
				if r.paused.Swap(false) {
					r.signal(syscall.SIGCONT)
				}
			case syscall.SIGINT:
				r.interrupt(true)
			default:
				r.receive(s)
				r.signal(s)
			}
		}
	}
}

// AsksToEnd returns the name of a signal, and reports whether it asks a process to end. Some only inform it.
func AsksToEnd(s os.Signal) (name string, asks bool) {
	number, ok := s.(syscall.Signal)
	if !ok {
		return "", false
	}
	switch number {
	case syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT:
	default:
		asks = true
	}
	return unix.SignalName(number), asks
}

// SignalNumber returns the number of the signal with this name, or 0.
func SignalNumber(name string) int { return int(unix.SignalNum(name)) }

func (r *running) receive(s syscall.Signal) {
	name, asks := AsksToEnd(s)
	if !asks {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.received == "" {
		r.received = name
	}
}

// interrupt handles Ctrl-C. The first Ctrl-C asks the program to end, the second kills it. send is true if the program
// has not received the signal itself.
func (r *running) interrupt(send bool) {
	r.receive(syscall.SIGINT)
	switch n := r.interrupts.Add(1); {
	case n >= 2:
		r.signal(syscall.SIGKILL)
	case send:
		r.signal(syscall.SIGINT)
	}
}

// signal sends a signal to all processes in the program's group.
func (r *running) signal(s syscall.Signal) {
	_ = syscall.Kill(-r.pid, s)
	if r.pty != nil && s != syscall.SIGKILL {
		// A shell in the pseudo-terminal may have put its program into another group.
		if group, err := unix.IoctlGetInt(int(r.slave.Fd()), unix.TIOCGPGRP); err == nil && group > 0 && group != r.pid {
			_ = syscall.Kill(-group, s)
		}
	}
}

// awaitEnd waits until the program itself ends. If the user stops the program in its terminal (Ctrl-Z), awaitEnd stops
// this process too.
func (r *running) awaitEnd(ended chan<- syscall.WaitStatus) {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(r.pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			ended <- 127 << 8
			return
		case status.Stopped():
			if r.pty != nil && r.foreground() {
				r.restore()
				r.paused.Store(true)
				_ = syscall.Kill(0, syscall.SIGSTOP) // stops the whole job; this thread may run on for a moment
			}
			continue
		}
		ended <- status
		return
	}
}

// foreground reports whether our process group may use our terminal.
func (r *running) foreground() bool {
	if r.tty == nil {
		return false
	}
	group, err := unix.IoctlGetInt(int(r.tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// raw sets our terminal to pass on every key. The program's pseudo-terminal interprets the keys.
func (r *running) raw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pty == nil || r.state != nil || !term.IsTerminal(int(r.o.Stdin.Fd())) || !r.foreground() {
		return
	}
	if state, err := term.MakeRaw(int(r.o.Stdin.Fd())); err == nil {
		r.state = state
	}
}

func (r *running) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil {
		_ = term.Restore(int(r.o.Stdin.Fd()), r.state)
		r.state = nil
	}
}

// copyInput copies keys to the program's terminal. stop ends the copying and waits until it has ended, so that the next
// reader of the terminal gets every key.
func (r *running) copyInput() (stop func()) {
	if r.pty == nil || !term.IsTerminal(int(r.o.Stdin.Fd())) {
		return func() {}
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return func() {}
	}
	var copying sync.WaitGroup
	copying.Go(func() {
		in := int(r.o.Stdin.Fd())
		buf := make([]byte, 4096)
		for {
			fds := []unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
			if !r.foreground() {
				fds[0].Fd = -1 // the system would stop a background job that reads
			}
			n, err := unix.Poll(fds, 200)
			if err != nil && !errors.Is(err, unix.EINTR) || fds[1].Revents != 0 {
				return
			}
			if n <= 0 || fds[0].Revents == 0 {
				continue
			}
			n, err = unix.Read(in, buf)
			if n <= 0 || err != nil {
				if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
					continue
				}
				return
			}
			r.countInterrupts(buf[:n])
			if _, err := r.pty.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	return func() {
		_ = waker.Close()
		copying.Wait()
		_ = wake.Close()
	}
}

// countInterrupts looks for Ctrl-C among the keys. It counts Ctrl-C only if the program's terminal turns it into a
// signal and reads whole lines. For a prompt with line editing, Ctrl-C is an ordinary key.
func (r *running) countInterrupts(keys []byte) {
	settings, err := unix.IoctlGetTermios(int(r.slave.Fd()), getTermios)
	if err != nil || settings.Lflag&unix.ISIG == 0 || settings.Lflag&unix.ICANON == 0 {
		return
	}
	for _, key := range keys {
		switch key {
		case settings.Cc[unix.VINTR]:
			r.interrupt(false)
		case settings.Cc[unix.VSUSP]:
			// The kernel ignores Ctrl-Z for a process group whose parents are all in another session.
			r.signal(syscall.SIGSTOP)
		}
	}
}
