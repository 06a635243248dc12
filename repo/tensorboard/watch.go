package tensorboard

import (
	"context"
	"sync"
	"time"
)

// Watcher looks at the processes of a run while it is in progress: which there are, and which event files they have open.
type Watcher struct {
	stop context.CancelFunc
	done sync.WaitGroup
	look *processes
}

// How often processes are looked for: often at first, for short programs, then seldom.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Watch looks at the process pid and all that have runDir as RUNS_DIR in their environment, until Stop.
func Watch(ctx context.Context, pid int, runDir string) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{stop: cancel, look: newProcesses(pid, runDir)}
	w.done.Go(func() {
		for pause := firstLook; ; pause = min(lastLook, pause*5/4) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			w.look.sample()
		}
	})
	return w
}

// Stop ends the watching and adds what was seen to a request.
func (w *Watcher) Stop(q *Request) {
	w.stop()
	w.done.Wait()
	w.look.report(q)
}
