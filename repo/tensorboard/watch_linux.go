package tensorboard

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// processes are the processes of a run, read from /proc, see proc(5).
type processes struct {
	want  []byte       // RUNS_DIR=… in their environment
	known map[int]bool // by pid: whether it belongs to the run
	open  map[string]bool
}

func newProcesses(pid int, runDir string) *processes {
	return &processes{want: []byte("RUNS_DIR=" + runDir), known: map[int]bool{pid: true}, open: map[string]bool{}}
}

const maxEnvironment = 1 << 20

// sample reads the processes once.
func (p *processes) sample() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		ours, known := p.known[pid]
		if !known {
			env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if err != nil || len(env) == 0 { // another user's process, or one that is just starting
				continue
			}
			env = env[:min(len(env), maxEnvironment)]
			ours = slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return bytes.Equal(v, p.want) })
			p.known[pid] = ours
		}
		if ours {
			p.files(pid)
		}
	}
}

// files records the event files that a process has open.
func (p *processes) files(pid int) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && filepath.IsAbs(path) && isEventName(filepath.Base(path)) && len(p.open) < maxRunFiles {
			p.open[path] = true
		}
	}
}

func (p *processes) report(q *Search) {
	q.Sampled = true
	for pid, ours := range p.known {
		if ours {
			q.PIDs = append(q.PIDs, pid)
		}
	}
	for path := range p.open {
		q.Open = append(q.Open, path)
	}
	slices.Sort(q.Open)
}

// alive reports whether a process with this id exists.
func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
