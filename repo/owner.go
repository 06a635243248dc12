package repo

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// thisHost is the machine as far as journals and owners name it: its host name in lower case, with what no file name
// may hold replaced.
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

// self describes a process of this machine as the owner of a run whose finished folder goes to runs.
func self(kind string, pid int, runs string) *format.Owner {
	w := &format.Owner{Kind: kind, Host: thisHost(), Runs: runs, Since: now()}
	if kind == format.OwnerProcess {
		w.PID = int64(pid)
		w.Start, _ = processStart(pid)
	}
	w.Boot, w.Namespace = bootID(), pidNamespace()
	return w
}

// Life says whether the process that owns a run is there.
type Life int

// What can be known of an owner.
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

// life decides as SPEC says: a process is gone only when machine, boot and pid namespace are ours and no process has
// its pid and its start time.
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

// now is the time as records hold it, UTC in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Process is a process of this machine, told from a later one of the same number.
type Process struct {
	pid   int
	start string
	there bool
}

// WatchProcess remembers the process that has the number now.
func WatchProcess(pid int) Process {
	start, there := processStart(pid)
	return Process{pid, start, there}
}

// Alive reports whether it is still there.
func (p Process) Alive() bool {
	start, there := processStart(p.pid)
	return p.there && there && (p.start == "" || start == "" || p.start == start)
}
