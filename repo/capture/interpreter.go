package capture

import (
	"context"
	"time"
)

// Pauses between looks at the processes of a program: short at first, for short programs, then longer.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = time.Second
)

// RunningPython is a Python that runs.
type RunningPython struct {
	Path string   // of the interpreter
	Dir  string   // working folder of the process
	Args []string // of the interpreter
}

// WatchPython looks at the process pid and its child processes until it finds the Python that runs entry, the absolute
// path of the program, or until ctx ends. It calls found with the path of each interpreter that fits better than the
// one before. Without an entry, the first script or module counts.
func WatchPython(ctx context.Context, pid int, entry string, found func(RunningPython)) {
	best, told := notPython, false
	var last RunningPython
	for pause := firstPause; ; pause = min(lastPause, pause*5/4) {
		python, fit := runningPython(pid, entry)
		if fit > best && fit > inlineText {
			best, told = fit, true
			found(python)
		}
		if fit == inlineText {
			last = python
		}
		if best == entryFile || best == someScript && (entry == "" || pause == lastPause) {
			return
		}
		select {
		case <-ctx.Done():
			if !told && last.Path != "" { // the whole program is text, as in 'uv run python -c'
				found(last)
			}
			return
		case <-time.After(pause):
		}
	}
}
