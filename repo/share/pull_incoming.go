package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/repo"
)

// checkBatches refuses what a pull is about to bring if a batch is damaged, or has a run otherwise than a commit may
// change it: the files of a batch cannot be taken back run by run. What the branch here has already does not count.
func (p *puller) checkBatches(ctx context.Context, before, after *snapshot, next string) error {
	fresh := map[string]bool{}
	isNew := func(batch string) (bool, error) {
		was, here, err := p.trees.Find(p.local.tip, path.Join(after.at, batch))
		if err != nil || !here {
			return !here, err
		}
		is, _, err := p.trees.Find(next, path.Join(after.at, batch))
		return is.ID != was.ID, err
	}
	for _, batch := range slices.Sorted(maps.Keys(after.damaged)) {
		came, err := isNew(batch)
		if err != nil {
			return err
		}
		if came {
			return &damagedBatchError{path.Join(after.at, batch), after.damaged[batch]}
		}
	}
	for _, batch := range slices.Sorted(maps.Keys(after.batches)) {
		came, err := isNew(batch)
		if err == nil && came {
			fresh[batch] = true
			if wrong := after.batches[batch].check(p.trees); wrong != nil {
				return &damagedBatchError{path.Join(after.at, batch), wrong}
			}
		}
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
	return p.checkBatchedChanges(ctx, before, after, next, fresh)
}

// checkBatchedChanges refuses changes of the runs of new batches that 12.5.1 of the specification does not allow.
func (p *puller) checkBatchedChanges(ctx context.Context, before, after *snapshot, next string, fresh map[string]bool,
) error {
	for _, batch := range slices.Sorted(maps.Keys(fresh)) {
		for _, id := range after.batches[batch].ids {
			if before.runs[id] == "" || before.runs[id] == after.runs[id] || after.removed[id] {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if slices.Contains(p.done.Replaced, id) {
				if base := p.base[id]; base == nil || p.follows(base, after, id) {
					continue
				}
			}
			_, wrong := changeBetween(p.trees, p.local.tip, next, after.at, id)
			if isBroken(wrong) {
				return wrong
			}
			if wrong == nil {
				continue
			}
			if taken, err := p.takesBack(ctx, after, id); err == nil && taken {
				continue
			}
			return &damagedBatchError{path.Join(after.at, batch), fmt.Errorf("run %s: %w", id, wrong)}
		}
	}
	return nil
}

// damagedBatchError means that commits bring a damaged batch.
type damagedBatchError struct {
	path string // from the root of the working tree
	err  error
}

func (e *damagedBatchError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.path, e.err) }

func (e *damagedBatchError) Unwrap() error { return e.err }

// refused adds to the error of checkBatches what to do.
func (p *puller) refused(err error) error {
	var damaged *damagedBatchError
	if !errors.As(err, &damaged) {
		return err
	}
	return &repo.HintError{
		Err: fmt.Errorf("%w; nothing was changed", err),
		Hint: fmt.Sprintf("ask whoever pushed it to put %s back as it was, or run 'runs pull --runs-only %s %s' to add only "+
			"the runs that are as recorded", path.Base(damaged.path), p.remote, p.branch),
	}
}
