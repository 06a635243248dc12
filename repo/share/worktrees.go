package share

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// takeOver puts the runs of the common store that a request takes into the working tree, from which they are committed:
// the named ones, those of all worktrees, or else those of this worktree whose folder was removed. It returns their
// ids. It also gathers the notes that other worktrees have added to the runs of this one.
func takeOver(ctx context.Context, r *repo.Repository, q Request) ([]string, error) {
	ids, err := r.StoreIDs()
	if err != nil {
		return nil, err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(q.IDs))
	for _, id := range q.IDs {
		named[id] = true
	}
	var taken []string
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return taken, err
		}
		if q.IDs != nil && !named[id] || removed[id] {
			continue
		}
		if err := r.GatherNotes(id); err != nil {
			return taken, err
		}
		if q.IDs == nil && !q.AllWorktrees && !r.RecordedHere(id) {
			continue
		}
		did, err := r.Adopt(id)
		if err != nil {
			return taken, err
		}
		if did {
			taken = append(taken, id)
		}
	}
	return taken, nil
}

// settleWorktrees ends what takeOver has begun: the runs that were committed leave the common store, and those that
// were taken over but not committed leave the working tree.
func settleWorktrees(ctx context.Context, r *repo.Repository, taken []string, done *Committed) error {
	committed := map[string]bool{}
	files := map[string]bool{}
	var ids []string
	if done != nil && done.Commit != "" {
		for _, e := range done.Runs {
			committed[e.ID] = true
			ids = append(ids, e.ID)
			for _, f := range e.files {
				if path.Dir(f.Name) == "notes" {
					files[runPath(e.ID)+"/"+f.Name] = true
				}
			}
		}
	}
	var errs []error
	for _, id := range taken {
		if !committed[id] {
			errs = append(errs, r.Disown(id))
		}
	}
	errs = append(errs, dropCopies(r, ids, files))
	if done != nil {
		refreshIndex(ctx, r, done)
	}
	if done == nil || done.Commit == "" || errors.Join(errs...) != nil {
		return errors.Join(errs...)
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return err
	}
	defer trees.Close()
	days := r.LateDays()
	late, err := r.LateNotes(days...)
	if err != nil {
		return err
	}
	for _, id := range done.Removed {
		if names := late[id]; names != nil {
			if err := r.DropLate(id, names); err != nil {
				return err
			}
		}
	}
	if err := r.DropRemovals(done.Removed); err != nil {
		return err
	}
	return tidyNotes(r, trees, []string{done.Commit}, days...)
}

// refreshIndex tells Git's index the new times of the files whose copies are gone. A file that loses a hard link gets
// another change time, for which Git would take it as changed until the next `git status`: a sparse checkout would then
// leave it where it is. It is no failure of the commit if another program holds the index.
func refreshIndex(ctx context.Context, r *repo.Repository, done *Committed) {
	tree, err := r.TreePath()
	if err != nil {
		return
	}
	days := map[string]bool{}
	for _, run := range done.Runs {
		if !run.batched {
			days[path.Join(tree, format.IDDay(run.ID))] = true
		}
	}
	if len(days) > 0 {
		_ = git.RefreshIndex(ctx, r.Git, slices.Sorted(maps.Keys(days)))
	}
}

// tidyRemovals removes those removal markers from the common store that one of the commits has. A commit may be empty.
func tidyRemovals(r *repo.Repository, trees *git.Trees, at string, commits []string) error {
	ids, err := r.LateRemovals()
	if err != nil {
		return err
	}
	var held []string
	for _, id := range ids {
		for _, commit := range commits {
			if commit == "" {
				continue
			}
			_, marked, err := trees.Find(commit, path.Join(at, repo.RemovedName, id))
			if err != nil {
				return err
			}
			if marked {
				held = append(held, id)
				break
			}
		}
	}
	return r.DropRemovals(held)
}

// dropCopies removes runs that a commit holds from the common store. Notes that it may lack stay there; notes has
// those that it has, by their paths in .runs.
func dropCopies(r *repo.Repository, ids []string, notes map[string]bool) error {
	for _, id := range ids {
		held := func(name string) bool { return notes[runPath(id)+"/"+name] }
		if err := r.KeepNotes(id, held); err != nil {
			return err
		}
	}
	return r.DropCopies(ids)
}

// tidyNotes removes those late notes of some days from the common store that one of the commits has. A commit may be
// empty.
func tidyNotes(r *repo.Repository, trees *git.Trees, commits []string, days ...string) error {
	late, err := r.LateNotes(days...)
	if err != nil || len(late) == 0 {
		return err
	}
	at, err := r.TreePath()
	if err != nil {
		return err
	}
	for id, names := range late {
		var held []string
		for _, commit := range commits {
			if commit == "" {
				continue
			}
			found, err := heldNotes(trees, commit, at, id, names)
			if err != nil {
				return err
			}
			held = append(held, found...)
		}
		if len(held) == 0 {
			continue
		}
		if err := r.DropLate(id, held); err != nil {
			return err
		}
	}
	return nil
}

// heldNotes returns those of a run's notes that a commit has.
func heldNotes(trees *git.Trees, commit, at, id string, names []string) ([]string, error) {
	var held []string
	for _, name := range names {
		_, ok, err := trees.Find(commit, path.Join(at, runPath(id), name))
		if err != nil {
			return nil, err
		}
		if ok {
			held = append(held, name)
		}
	}
	return held, nil
}

// gatherLate adds the notes of committed runs that only the common store has to the working tree, if the request takes
// their runs. It returns the ids with those of the runs.
func (w *writer) gatherLate(ids []string, known *snapshot, removed map[string]bool) ([]string, error) {
	late, err := w.repo.LateNotes(w.repo.LateDays()...)
	if err != nil || len(late) == 0 {
		return ids, err
	}
	for id := range late {
		_, committed := known.runs[id]
		if !committed || known.removed[id] || removed[id] ||
			w.request.IDs != nil && !slices.Contains(w.request.IDs, id) {
			continue
		}
		if err := w.repo.GatherLate(id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Tidy makes the common store hold the runs of this working tree that no commit holds, and no others: it copies runs
// that an earlier version recorded, or whose copy could not be made, and removes runs that keptRef and a branch hold. A
// run that only keptRef holds stays: the hook has staged it for a commit that was not made. Tidy looks only at the days
// that changed since it looked last, and stops after a time; the next call goes on.
func Tidy(ctx context.Context, r *repo.Repository, limit time.Duration) error {
	if !r.InGit {
		return nil
	}
	kept, err := git.Resolve(ctx, r.Git, keptRef)
	if err != nil {
		return err
	}
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return err
	}
	t, err := r.OpenTidying(kept + " " + head)
	if err != nil || t.Nothing() {
		return err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return err
	}
	defer trees.Close()
	at, err := r.TreePath()
	if err != nil {
		return err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return err
	}
	if t.Removals {
		if err := tidyRemovals(r, trees, at, []string{head, local.seen}); err != nil {
			return err
		}
	}
	began := time.Now()
	late := func() bool { return time.Since(began) > limit || ctx.Err() != nil }
	for i, day := range t.Days() {
		if i > 0 && late() {
			break
		}
		if err := day.Read(); err != nil {
			return err
		}
		inKept, err := committedOn(trees, []string{kept}, at, day.Name)
		if err != nil {
			return err
		}
		onBranch, err := committedOn(trees, []string{head, local.seen}, at, day.Name)
		if err != nil {
			return err
		}
		maps.DeleteFunc(inKept, func(id string, _ bool) bool { return !onBranch[id] })
		if err := dropCopies(r, day.Stored(inKept), nil); err != nil {
			return err
		}
		if day.Late {
			if err := tidyNotes(r, trees, []string{head, local.seen}, day.Name); err != nil {
				return err
			}
		}
		if len(day.Missing) == 0 {
			t.Done(day)
			continue
		}
		known, err := committedOn(trees, []string{kept, head, local.seen}, at, day.Name)
		if err != nil {
			return err
		}
		left := false
		for _, id := range day.Missing {
			if known[id] {
				continue
			}
			if left = late(); left {
				break
			}
			if err := r.KeepCopy(id); err != nil {
				return err
			}
		}
		if !left {
			t.Done(day)
		}
	}
	return t.Close()
}

// committedOn returns the runs of a day that any of the commits holds, with their records. A commit may be empty.
func committedOn(trees *git.Trees, commits []string, at, day string) (map[string]bool, error) {
	held := map[string]bool{}
	for _, commit := range commits {
		if commit == "" {
			continue
		}
		folder, ok, err := trees.Find(commit, path.Join(at, day))
		if err != nil {
			return nil, err
		}
		if !ok || !folder.IsTree() {
			continue
		}
		entries, err := trees.Read(folder.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsTree() || format.CheckID(e.Name) != nil {
				continue
			}
			// The folder of a run may have nothing but its annotations.
			if _, ok, err := trees.Find(e.ID, repo.RecordName); err != nil {
				return nil, err
			} else if ok {
				held[e.Name] = true
			}
		}
		for _, id := range batchedOn(trees, day, entries) {
			held[id] = true
		}
	}
	return held, nil
}

// batchedOn returns the runs of the batches of a day. A batch that cannot be read has none.
func batchedOn(trees *git.Trees, day string, entries []git.TreeEntry) []string {
	var ids []string
	for _, e := range entries {
		if e.IsTree() && format.IsBatchName(e.Name) {
			if b, err := readBatch(trees, day, e); err == nil {
				ids = append(ids, b.ids...)
			}
		}
	}
	return ids
}
