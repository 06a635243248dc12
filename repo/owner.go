package repo

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// thisHost returns the name of this machine in journals and owner files: the host name in lower case, with characters
// replaced that a file name must not contain.
var thisHost = sync.OnceValue(func() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	return hostName(name)
})

func hostName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.':
			return r
		}
		return '_'
	}, strings.ToLower(name))
	return name[:min(len(name), 63)]
}

// self describes a process of this machine as the owner of a run. runs is the .runs folder that the finished run goes
// to.
func self(kind string, pid int, runs string) *format.Owner {
	w := &format.Owner{Kind: kind, Host: thisHost(), Runs: runs, Since: now()}
	if kind == format.OwnerProcess {
		w.PID = int64(pid)
		w.Start, _ = processStart(pid)
	}
	w.Boot, w.Namespace = bootID(), pidNamespace()
	return w
}

// Life says whether the process that owns a run still exists.
type Life int

// The possible states of an owner.
const (
	Alive     Life = iota
	Gone           // certain: same boot, same namespace, no such process
	Detached       // the run has no process of its own
	Elsewhere      // on another machine, boot or namespace: unknown
	Foreign        // it was not started in this clone
)

func (l Life) String() string {
	return [...]string{"alive", "gone", "detached", "elsewhere", "foreign"}[l]
}

// life follows SPEC.md: a process is gone only if its machine, boot and pid namespace are ours and no process has its
// pid and start time.
func life(w *format.Owner) Life {
	if w.Kind == format.OwnerDetached {
		return Detached
	}
	if w.Host != thisHost() || w.Boot != bootID() || w.Namespace != pidNamespace() {
		return Elsewhere
	}
	start, ok := processStart(int(w.PID))
	if ok && (w.Start == "" || start == "" || start == w.Start) {
		return Alive
	}
	return Gone
}

// now returns the current time as records store it, in UTC and with microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Process identifies a process of this machine. A later process with the same pid is another one.
type Process struct {
	pid   int
	start string
	there bool
}

// WatchProcess returns the process that has this pid now.
func WatchProcess(pid int) Process {
	start, there := processStart(pid)
	return Process{pid, start, there}
}

// Alive reports whether the process still exists.
func (p Process) Alive() bool {
	start, there := processStart(p.pid)
	return p.there && there && (p.start == "" || start == "" || p.start == start)
}
