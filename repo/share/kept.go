package share

import (
	"context"

	"github.com/gitruns/runs/repo/git"
)

// keptRef holds the runs that were ever committed in this clone, whatever became of the branches. It is local.
const keptRef = "refs/runs/kept"

// keep returns the update that extends the ref by what a commit adds. What a commit removes stays only in the ref's
// history.
func (w *writer) keep(ctx context.Context, edits []git.Edit) (git.RefUpdate, error) {
	old, err := git.Resolve(ctx, w.repo.Git, keptRef)
	if err != nil {
		return git.RefUpdate{}, err
	}
	u := git.RefUpdate{Ref: keptRef, Old: old, New: old}
	if len(edits) == 0 {
		return u, nil
	}
	tree, err := w.trees.Edit(old, edits)
	if err != nil {
		return u, err
	}
	if tree == "" {
		if tree, err = w.trees.Empty(); err != nil {
			return u, err
		}
	}
	c := git.CommitObject{Tree: tree, Message: "runs kept by this clone\n"}
	if old != "" {
		c.Parents = []string{old}
	}
	u.New, err = git.WriteCommit(ctx, w.repo.Git, c)
	return u, err
}
