package main

import (
	"os"
	"runtime"
	"runtime/debug"
	gcmetrics "runtime/metrics"
	"sync"
	"sync/atomic"
)

// calmHeap is the memory that the program may use before garbage is collected more often than usual. A few megabytes of
// TOML become a hundred of garbage, and a repository can have many such files.
const calmHeap = 152 << 20

// calmServerHeap is the same for a command that stays: it reads no file twice, and its garbage would stay with it.
const calmServerHeap = 112 << 20

// calm is the one that counts.
var calm atomic.Int64

// lateHeap is the memory that a list may use before garbage is collected for the first time. The columns of 100,000
// runs fit into it and stay until the end, so collecting would take a fifth of the time of the list for nothing.
const lateHeap = 52 << 20

// Percentages as for debug.SetGCPercent: the usual one, and one for records, which are small and stay in memory, so
// that collecting would take a third of the time of reading many.
const (
	usualPercent = 100
	lessPercent  = 400
)

// collecting says how often garbage is collected.
var collecting struct {
	sync.Mutex
	late    bool // nothing was collected yet, and nothing is below lateHeap
	percent int  // after the first collection
}

// collectLess makes garbage collection less frequent until the returned function is called. The first collection is
// late, also after that.
func collectLess() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {} // the user has decided
	}
	collecting.Lock()
	defer collecting.Unlock()
	collecting.percent = lessPercent
	if calm.Load() == calmHeap {
		collecting.late = true
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(lateHeap)
	} else {
		debug.SetGCPercent(lessPercent)
	}
	return func() {
		collecting.Lock()
		defer collecting.Unlock()
		if collecting.percent = usualPercent; !collecting.late {
			debug.SetGCPercent(usualPercent)
		}
	}
}

// collectedFirst ends what collectLess has begun, after a collection.
func collectedFirst() {
	collecting.Lock()
	defer collecting.Unlock()
	if collecting.late {
		collecting.late = false
		debug.SetGCPercent(collecting.percent)
	}
}

// collected is an object that nothing refers to: its finalizer runs after each collection.
type collected struct{ live []gcmetrics.Sample }

// boundGarbage keeps garbage from doubling the memory of a command that reads large or hostile files. A command that
// holds much on purpose may still use 1.6 times what it holds.
func boundGarbage() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return // the user has decided
	}
	calm.Store(calmHeap)
	debug.SetMemoryLimit(calmHeap)
	c := &collected{[]gcmetrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	runtime.SetFinalizer(c, (*collected).adjust)
}

// adjust sets the limit by what the last collection left.
func (c *collected) adjust() {
	collectedFirst()
	gcmetrics.Read(c.live)
	if v := c.live[0].Value; v.Kind() == gcmetrics.KindUint64 {
		if limit := max(calm.Load(), int64(v.Uint64()/5*8)); limit != debug.SetMemoryLimit(-1) {
			debug.SetMemoryLimit(limit)
		}
	}
	runtime.SetFinalizer(c, (*collected).adjust)
}

// calmServer bounds the garbage of a command that stays. It is called before the command reads runs.
func calmServer() {
	if calm.Swap(calmServerHeap) == calmHeap { // otherwise the user has decided
		debug.SetMemoryLimit(calmServerHeap)
	}
}

// holdLess gives the memory back that reading many records has taken, and keeps the process small until the returned
// function is called.
func holdLess() (end func()) {
	percent := debug.SetGCPercent(50)
	var returning sync.WaitGroup
	returning.Go(debug.FreeOSMemory)
	return func() {
		returning.Wait()
		debug.SetGCPercent(percent)
	}
}
