package share

import (
	"context"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// unredacted lists the runs that the runs branch has as they were before a redaction that this clone has committed: a
// reset of the branch has brought the secret back, or another branch has the redaction. It leaves out the redactions
// that wait for a commit. It looks only at days that the two commits do not have in common.
func unredacted(ctx context.Context, r *repo.Repository, trees *git.Trees, local localBranch,
	waiting []WaitingRedaction,
) ([]string, error) {
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
	return ids, nil
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
