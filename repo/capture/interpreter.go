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

// WatchPython looks at the process pid and its child processes until it finds the Python that runs entry, the absolute
// path of the program, or until ctx ends. It calls found with the path of each interpreter that fits better than the
// one before. Without an entry, the first script or module counts.
func WatchPython(ctx context.Context, pid int, entry string, found func(path string)) {
	best, told := notPython, ""
	last := ""
	for pause := firstPause; ; pause = min(lastPause, pause*5/4) {
		path, fit := runningPython(pid, entry)
		if fit > best && fit > inlineText {
			best, told = fit, path
			found(path)
		}
		if fit == inlineText {
			last = path
		}
		if best == entryFile || best == someScript && (entry == "" || pause == lastPause) {
			return
		}
		select {
		case <-ctx.Done():
			if told == "" && last != "" { // the whole program is text, as in 'uv run python -c'
				found(last)
			}
			return
		case <-time.After(pause):
		}
	}
}
