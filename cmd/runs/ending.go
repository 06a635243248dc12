package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gitruns/runs/cmd/internal/program"
)

// ending protects the end of a run: no signal but SIGKILL ends this process any more. The signals stay caught after
// stop, so that none changes the exit status of a command that is done.
type ending struct {
	// hurry is done once a signal asks this process to end. What only waits, for open journals or for the hashes of
	// datasets, stops waiting then. Writing the record does not stop.
	hurry    context.Context
	stop     func()
	received *atomic.Pointer[string] // the first signal that asked this process to end, such as SIGTERM
}

// protectEnd begins to protect the end of the run with this id. It reads from signals, which the caller may have caught
// earlier, or catches them itself if signals is nil. say prints a line, or is nil.
func protectEnd(ctx context.Context, signals *program.Signals, id string, say func(string, ...any)) ending {
	if signals == nil {
		signals = program.Catch()
	}
	if say == nil {
		say = func(string, ...any) {}
	}
	hurry, cancel := context.WithCancel(ctx)
	received := new(atomic.Pointer[string])
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for n := 0; ; {
			select {
			case <-done:
				return
			case s := <-signals.Received():
				name, asks := program.AsksToEnd(s)
				if !asks {
					continue
				}
				received.CompareAndSwap(nil, &name)
				cancel()
				if n++; n == 1 {
					say("runs: received %s; finishing run %s first", name, id)
				} else if n == 3 || n%10 == 0 {
					say("runs: still writing the record of run %s; wait until it is complete", id)
				}
			}
		}
	})
	stop := sync.OnceFunc(func() {
		close(done)
		watching.Wait()
		cancel()
	})
	return ending{hurry, stop, received}
}

// signal returns the name of the signal that asked this process to end, or "".
func (e ending) signal() string {
	if name := e.received.Load(); name != nil {
		return *name
	}
	return ""
}

// exitStatus returns the error for a command that a signal interrupted: 128 + N for signal N, as a shell gives it.
func (e ending) exitStatus(err error) error {
	if n := program.SignalNumber(e.signal()); n > 0 && errors.Is(err, context.Canceled) {
		return interruptedError{err, 128 + n}
	}
	return err
}

// interruptedError is the error of a command that a signal interrupted.
type interruptedError struct {
	error
	status int
}

func (e interruptedError) Unwrap() error { return e.error }
