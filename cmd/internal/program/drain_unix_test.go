//go:build !windows

package program

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestOutputBeforeTheEndIsRead: what is in a pipe or terminal when the program has ended is copied, also if the reader
// was not scheduled until the wait for it was over, and if another process keeps the other side open.
func TestOutputBeforeTheEndIsRead(t *testing.T) {
	for name, open := range map[string]func() (*os.File, *os.File, error){"pipe": os.Pipe, "terminal": pty.Open} {
		t.Run(name, func(t *testing.T) {
			src, program, err := open()
			if err != nil {
				t.Skip(err)
			}
			defer func() { _ = program.Close() }()
			text := bytes.Repeat([]byte("x"), 3000)
			if _, err := program.Write(text); err != nil {
				t.Fatal(err)
			}
			var dst bytes.Buffer
			var mu sync.Mutex
			var logErr error
			var openLine bool
			c := newCopy(&dst, src, tap{&mu, nil, &logErr, &openLine})
			finished := make(chan struct{})
			go func() {
				c.finish()
				close(finished)
			}()
			for !c.last.Load() {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(10 * time.Millisecond) // the deadline is over before the first read
			c.run()
			<-finished
			if dst.Len() != len(text) {
				t.Errorf("%d of %d bytes were copied", dst.Len(), len(text))
			}
		})
	}
}

// TestSignalsAreCaughtAfterTheProgram: a caller's signals stay caught until the caller stops them.
func TestSignalsAreCaughtAfterTheProgram(t *testing.T) {
	o := options(t, "true")
	o.Signals = Catch()
	defer o.Signals.Stop()
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range passedOn()[:4] {
		if err := self.Signal(s); err != nil {
			t.Fatal(err)
		}
		if got := <-o.Signals.Received(); got != s {
			t.Errorf("received %v, want %v", got, s)
		}
	}
}
