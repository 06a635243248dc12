package repo

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// newestBatches is how many of the newest batches are looked at in each poll. The others are in turn, as notes are.
const newestBatches = 20

// pollBatches looks for batches whose list of runs was replaced in place, as a checkout of another commit does: that
// does not change the folder of the day. It lists the day of such a batch again, and returns the runs that it had.
func (w *Watch) pollBatches(ctx context.Context) (again []string) {
	began := time.Now()
	if w.batches == nil {
		w.batches = w.r.batches.all()
		w.newBatches = w.batches[max(0, len(w.batches)-newestBatches):]
	}
	look := func(b *Batch) {
		if stateOf(b.runsFile()) == b.state {
			return
		}
		dir := filepath.Dir(b.Dir)
		w.r.batches.forget(dir)
		if day := w.days[dir]; day != nil {
			day.stamp = stamp{}
		}
		again = append(again, b.ids...)
	}
	for _, b := range w.newBatches {
		look(b)
	}
	for len(w.batches) > 0 && time.Since(began) < lookTime && ctx.Err() == nil {
		look(w.batches[len(w.batches)-1])
		w.batches = w.batches[:len(w.batches)-1]
	}
	if len(w.batches) == 0 || len(again) > 0 {
		w.batches = nil
	}
	for _, id := range again {
		if run := w.finals[id]; run != nil {
			run.again = true
		}
	}
	return again
}

// all returns the batches that are known, those of the newest day last.
func (s *batchStore) all() []*Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	batches := []*Batch{}
	for _, day := range s.days {
		batches = append(batches, day.batches...)
	}
	slices.SortFunc(batches, func(a, b *Batch) int { return strings.Compare(a.Day+a.Name, b.Day+b.Name) })
	return batches
}

// forget makes the next question list a day again.
func (s *batchStore) forget(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if day := s.days[dir]; day != nil {
		day.state = fileState{}
	}
}
