package view

import (
	"context"
	"slices"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Bounds of the points of runs in progress that are kept in memory.
const (
	maxLiveRuns   = 64
	maxLivePoints = 4_000_000 // of all of them: 96 MB
)

// liveRuns keeps the points of the runs in progress that a page draws, so that a new point is read without those
// before it, and once for all metrics. It is safe for concurrent use; the zero value is empty.
type liveRuns struct {
	mu   sync.Mutex
	runs []*liveRun // the most recently used last
}

type liveRun struct {
	id string

	mu     sync.Mutex
	points *repo.LivePoints
	count  int // of the points, as of the last reading; guarded by the mutex of liveRuns
}

// take returns the place of a run.
func (l *liveRuns) take(a *repo.Active) *liveRun {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.runs, func(r *liveRun) bool { return r.id == a.ID })
	var r *liveRun
	if i >= 0 {
		r = l.runs[i]
		l.runs = slices.Delete(l.runs, i, i+1)
	} else {
		r = &liveRun{id: a.ID, points: a.LivePoints()}
	}
	l.runs = append(l.runs, r)
	return r
}

// keep notes how many points a run has, and forgets those that were used least recently if there are too many.
func (l *liveRuns) keep(r *liveRun, count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.count = count
	sum := 0
	for _, other := range l.runs {
		sum += other.count
	}
	for len(l.runs) > 0 && (sum > maxLivePoints || len(l.runs) > maxLiveRuns) {
		sum -= l.runs[0].count
		l.runs = slices.Delete(l.runs, 0, 1)
	}
}

// read returns the points of a metric of a run in progress, without those of the runs that it resumes.
func (l *liveRuns) read(ctx context.Context, a *repo.Active, metric string) ([]format.Point, error) {
	r := l.take(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.points.Read(ctx)
	l.keep(r, r.points.Count())
	if err != nil {
		return nil, err
	}
	return r.points.Points(metric), nil
}
