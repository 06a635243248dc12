package program

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
)

// run does less on Windows than on other systems. It has no pseudo-terminal, so the program gets pipes even if this
// process has a console. The console itself sends Ctrl-C to the program. The second Ctrl-C kills the program, but not
// the processes that it has started.
func run(ctx context.Context, path string, o Options) (Result, error) {
	cmd := &exec.Cmd{Path: path, Args: o.Args, Dir: o.Dir, Env: o.Env, Stdin: o.Stdin}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return Result{}, &StartError{o.Args[0], 126, err}
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return Result{}, &StartError{o.Args[0], 126, err}
	}
	signals := o.Signals
	if signals == nil {
		signals = Catch()
		defer signals.Stop()
	}
	if err := cmd.Start(); err != nil {
		return Result{}, &StartError{o.Args[0], 126, err}
	}
	if o.Started != nil {
		o.Started(cmd.Process.Pid)
	}
	var mu sync.Mutex
	var res Result
	var copying sync.WaitGroup
	t := tap{&mu, o.Log, &res.LogErr, &res.OpenLine}
	copies := []*outputCopy{newCopy(o.Stdout, stdout, t), newCopy(o.Stderr, stderr, t)}
	for _, c := range copies {
		copying.Go(c.run)
	}
	stop := make(chan struct{})
	var interrupts atomic.Int32
	var watching sync.WaitGroup
	watching.Go(func() {
		done := ctx.Done()
		for {
			select {
			case <-stop:
				return
			case <-done:
				done = nil
				_ = cmd.Process.Kill()
			case <-signals.Received():
				if interrupts.Add(1) > 1 {
					_ = cmd.Process.Kill()
				}
			}
		}
	})
	state, waitErr := cmd.Process.Wait()
	drainAll(copies)
	copying.Wait()
	close(stop)
	watching.Wait()
	if res.Interrupts = int(interrupts.Load()); res.Interrupts > 0 {
		res.Received = "SIGINT"
	}
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return res, waitErr
	}
	res.ExitCode = state.ExitCode()
	return res, nil
}

var brokenPipe []os.Signal

func passedOn() []os.Signal { return []os.Signal{os.Interrupt} }

// AsksToEnd returns the name of a signal, and reports whether it asks a process to end.
func AsksToEnd(os.Signal) (name string, asks bool) { return "SIGINT", true }

// SignalNumber returns the number of the signal with this name, or 0.
func SignalNumber(name string) int {
	if name == "SIGINT" {
		return 2
	}
	return 0
}

// readWaiting reads nothing: a read from a pipe cannot be kept from waiting.
func readWaiting(io.ReadCloser, []byte) (int, error) { return 0, io.EOF }
