package share

import (
	"context"

	"github.com/gitruns/runs/repo/git"
)

// keptRef holds all runs that were ever committed in this clone, even if their branch is gone. It is never pushed.
const keptRef = "refs/runs/kept"

// keep returns the update of keptRef for the changes of a commit. Runs that the commit removes stay in the history of
// keptRef.
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
