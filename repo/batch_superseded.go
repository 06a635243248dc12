package repo

import (
	"context"
	"errors"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// dropSuperseded removes batches of the working tree that Git does not have and that others make needless: those have
// each of their runs with the same record or a later redaction, or the run was removed. A redaction writes such a
// batch, and a pull or a merge then brings one with what others have redacted: with both, a commit could take the
// former bytes. ids are runs of the days to look at.
func (r *Repository) dropSuperseded(ctx context.Context, ids []string) error {
	if !r.InGit {
		return nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil // .runs is outside the working tree
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return err
	}
	days := map[string]bool{}
	for _, id := range ids {
		days[format.IDDay(id)] = true
	}
	for day := range days {
		r.batches.relist()
		batches := append([]*Batch{}, r.batchesIn(Home{Dir: r.Dir}, day, nil)...)
		// Of two that differ by a removed run, the one that has it goes.
		slices.SortStableFunc(batches, func(a, b *Batch) int { return len(b.ids) - len(a.ids) })
		for i := 0; i < len(batches) && len(batches) > 1; i++ {
			needless, err := r.superseded(batches[i], batches, removed)
			if err != nil || !needless {
				continue // what cannot be read is reported elsewhere
			}
			name := path.Join(day, batches[i].Name)
			tracked, err := git.Tracked(ctx, r.Git, path.Join(at, name))
			if errors.Is(err, git.ErrNoGit) {
				return nil
			}
			if err != nil {
				return err
			}
			if len(tracked) > 0 {
				continue
			}
			if err := r.RemoveBatch(name); err != nil {
				return err
			}
			batches = append(batches[:i], batches[i+1:]...)
			i--
		}
	}
	return nil
}

// superseded reports whether others have each run of a batch with the same record or a later one.
func (r *Repository) superseded(b *Batch, others []*Batch, removed map[string]bool) (bool, error) {
	for _, id := range b.ids {
		if removed[id] {
			continue
		}
		own, err := r.batchRun(b, id)
		if err != nil {
			return false, err
		}
		found := false
		for _, other := range others {
			if other == b || !other.has(id) || found {
				continue
			}
			run, err := r.batchRun(other, id)
			if err != nil {
				return false, err
			}
			if found = run.SHA256 == own.SHA256; found {
				continue
			}
			later, err := decodeFinished(RecordName, id, run.Record)
			if err != nil {
				return false, err
			}
			found = Precedes(own.Record, later)
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}
