// Package stall ends operations that make no progress. It knows nothing of stores: whoever moves bytes calls Moved with
// the context of the operation. Start reading at With.
package stall

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errStalled is the cause of a context that ended because nothing moved.
var errStalled = errors.New("no progress")

type watchKey struct{}

// watch is the clock of one operation. Waiting for other operations does not count, because these have their own.
type watch struct {
	limit time.Duration
	end   context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	waiting int // goroutines of the operation that wait for other operations
	streams int // connections that the operation uses
}

// With returns a context that ends if Moved is not called for limit. The caller must call stop. Without a limit, the
// context ends only with its parent.
func With(parent context.Context, limit time.Duration) (ctx context.Context, stop func()) {
	ctx, end := context.WithCancelCause(parent)
	if limit <= 0 {
		return ctx, func() { end(nil) }
	}
	w := &watch{limit: limit, end: end}
	w.timer = time.AfterFunc(limit, func() { end(errStalled) })
	return context.WithValue(ctx, watchKey{}, w), func() {
		w.mu.Lock()
		w.waiting++ // nothing starts the timer again
		w.streams = 0
		w.timer.Stop()
		w.mu.Unlock()
		end(nil)
	}
}

// Stalled reports whether the context ended because nothing moved.
func Stalled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStalled) }

// Moved notes that bytes have moved, or that a server has answered.
func Moved(ctx context.Context) { change(ctx, 0, 0) }

// Waiting stops the clock until done is called, unless the operation uses a connection meanwhile.
func Waiting(ctx context.Context) (done func()) {
	change(ctx, 1, 0)
	return func() { change(ctx, -1, 0) }
}

// Streaming notes that the operation uses a connection until done is called.
func Streaming(ctx context.Context) (done func()) {
	change(ctx, 0, 1)
	return func() { change(ctx, 0, -1) }
}

func change(ctx context.Context, waiting, streams int) {
	w, _ := ctx.Value(watchKey{}).(*watch)
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting += waiting
	w.streams += streams
	if w.waiting > 0 && w.streams <= 0 {
		w.timer.Stop()
	} else if ctx.Err() == nil {
		w.timer.Reset(w.limit)
	}
}
