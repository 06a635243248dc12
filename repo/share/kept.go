package share

import (
	"context"

	"github.com/gitruns/runs/repo/git"
)

// keptRef holds all runs that were ever committed in this clone, even if their branch is gone. It is never pushed.
const keptRef = "refs/runs/kept"

// keptTree is what the next commit of keptRef will have.
type keptTree struct {
	old  string // the commit of keptRef
	tree string // empty: it stays as it is
}

// keep makes the tree of keptRef with the new runs of a plan and these changes. Runs that the plan removes stay in the
// history of keptRef.
func (w *writer) keep(ctx context.Context, p *plan, edits []git.Edit) (keptTree, error) {
	old, err := git.Resolve(ctx, w.repo.Git, keptRef)
	k := keptTree{old: old}
	if err != nil || len(edits)+len(p.Runs) == 0 {
		return k, err
	}
	if k.tree, err = w.edit(p, old, edits); err == nil && k.tree == "" {
		k.tree, err = w.trees.Empty()
	}
	return k, err
}

// commit stores the commit and returns the update of keptRef.
func (k keptTree) commit(ctx context.Context, dirs git.Dirs) (git.RefUpdate, error) {
	u := git.RefUpdate{Ref: keptRef, Old: k.old, New: k.old}
	if k.tree == "" {
		return u, nil
	}
	c := git.CommitObject{Tree: k.tree, Message: "runs kept by this clone\n"}
	if k.old != "" {
		c.Parents = []string{k.old}
	}
	var err error
	u.New, err = git.WriteCommit(ctx, dirs, c)
	return u, err
}
