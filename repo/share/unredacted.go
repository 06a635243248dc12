package share

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// UnredactedRun is a run that the runs branch has as it was before a redaction that this clone has committed.
type UnredactedRun struct {
	ID string
	// Revert is the commit of the branch that took the redaction back, so that reverting it redacts the run again. It
	// is empty if the branch never had the redaction, or if a merge took it back.
	Revert string
}

// unredacted lists the runs that the runs branch has as they were before a redaction that this clone has committed: a
// reset or a revert has brought the secret back, or another branch has the redaction. It leaves out the redactions that
// wait for a commit. It looks only at days that the two commits do not have in common.
func unredacted(ctx context.Context, r *repo.Repository, trees *git.Trees, local localBranch,
	waiting []WaitingRedaction,
) ([]UnredactedRun, error) {
	kept, err := git.Resolve(ctx, r.Git, keptRef)
	if err != nil || kept == "" || local.seen == "" || kept == local.seen {
		return nil, err
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	before, after, err := readSnapshots(trees, kept, local.seen, at)
	if err != nil {
		return nil, err
	}
	var ids []string
	for id, key := range after.runs {
		known, ok := before.runs[id]
		waits := func(w WaitingRedaction) bool { return w.ID == id }
		if !ok || known == key || after.removed[id] || slices.ContainsFunc(waiting, waits) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		is, err := precedes(after, before, id)
		if isBroken(err) {
			return nil, err
		}
		if err == nil && is { // verify reports what cannot be read
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return findReverts(ctx, r, after, local.seen, ids)
}

// The history is searched for the commits that took the redactions of so many runs back, and so many changes of each.
const (
	maxReverts = 5
	maxChanges = 10
)

// findReverts finds the commits that took the redactions of these runs back. known is the snapshot of the tip.
func findReverts(ctx context.Context, r *repo.Repository, known *snapshot, tip string, ids []string,
) ([]UnredactedRun, error) {
	redacted := map[string]*snapshot{} // what the parents of such commits have
	var runs []UnredactedRun
	for _, id := range ids {
		run := UnredactedRun{ID: id}
		if len(runs) < maxReverts {
			commit, parent, err := revertOf(ctx, r, known, tip, id)
			if err != nil {
				return nil, err
			}
			if run.Revert = commit; parent != nil {
				redacted[commit] = parent
			}
			runs = append(runs, run)
			continue
		}
		for _, commit := range slices.Sorted(maps.Keys(redacted)) {
			if is, err := precedes(known, redacted[commit], id); isBroken(err) {
				return nil, err
			} else if err == nil && is {
				run.Revert = commit
			}
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// revertOf returns the commit that took the redaction of a run back, and what its parent has of that day. Without such
// a commit, the snapshot is nil.
func revertOf(ctx context.Context, r *repo.Repository, known *snapshot, tip, id string) (string, *snapshot, error) {
	name := runPath(id)
	if len(known.in[id]) > 0 {
		name = format.IDDay(id)
	}
	sameDay := func(day git.TreeEntry) bool { return day.Name == format.IDDay(id) }
	for range maxChanges {
		commit, err := git.LastChange(ctx, r.Git, tip, path.Join(known.at, name))
		if err != nil || commit == "" {
			return "", nil, err
		}
		c, err := known.trees.Commit(commit)
		if err != nil || len(c.Parents) != 1 {
			return "", nil, err
		}
		parent, err := readSnapshotOf(known.trees, c.Parents[0], known.at, sameDay)
		if err != nil {
			return "", nil, err
		}
		is, err := precedes(known, parent, id)
		if isBroken(err) {
			return "", nil, err
		}
		if err == nil && is {
			return commit, parent, nil
		}
		tip = c.Parents[0]
	}
	return "", nil, nil
}

// precedes reports whether a snapshot has a run as it was before a redaction that another one has. That one may have
// several versions of the run, in as many batches.
func precedes(was, now *snapshot, id string) (bool, error) {
	old, err := was.run(id)
	if err != nil {
		return false, err
	}
	record, err := old[repo.RecordName].read(was.trees, format.MaxRecordBytes)
	if err != nil {
		return false, err
	}
	versions := [][]*heldBatch{nil}
	for _, b := range now.in[id] {
		versions = append(versions, []*heldBatch{b})
	}
	for i, in := range versions {
		folder := ""
		if i == 0 {
			folder = now.folders[id]
		}
		files, err := filesOf(now.trees, id, folder, in)
		if isBroken(err) {
			return false, err
		}
		if redacted := files[repo.RecordName]; err == nil && redacted.ID != old[repo.RecordName].ID && redacted.ID != "" {
			if run, err := recordOf(now.trees, redacted); err == nil && repo.Precedes(record, run) {
				return true, nil
			}
		}
	}
	return false, nil
}
