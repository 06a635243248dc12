package tensorboard

import (
	"context"
	"sync"
	"time"
)

// Watcher samples the processes of a run in progress: their ids, and the event files that they have open.
type Watcher struct {
	stop      context.CancelFunc
	reader    sync.WaitGroup
	processes *processes
}

// Pauses between samples: short at first, for short programs, then longer.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Watch samples the process pid, and all processes that have runDir as RUNS_DIR in their environment, until Stop is
// called or the context ends.
func Watch(ctx context.Context, pid int, runDir string) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{stop: cancel, processes: newProcesses(pid, runDir)}
	w.reader.Go(func() {
		for pause := firstPause; ; pause = min(lastPause, pause*5/4) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			w.processes.sample()
		}
	})
	return w
}

// Stop ends the sampling and adds its result to a search.
func (w *Watcher) Stop(q *Search) {
	w.stop()
	w.reader.Wait()
	w.processes.report(q)
}
