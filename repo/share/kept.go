package share

import (
	"context"
	"path"

	"github.com/gitruns/runs/repo"
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
// history of keptRef. The tree has their removal markers, because the batch of such a run stays in it; an added run
// loses its marker. added are the runs that the changes add besides those of the plan.
func (w *writer) keep(ctx context.Context, p *plan, edits []git.Edit, added ...string) (keptTree, error) {
	old, err := git.Resolve(ctx, w.repo.Git, keptRef)
	k := keptTree{old: old}
	if err != nil || len(edits)+len(p.Runs) == 0 {
		return k, err
	}
	marked, err := removedIn(w.trees, old, p.at)
	if err != nil {
		return k, err
	}
	for _, run := range p.Runs {
		added = append(added, run.ID)
	}
	for _, id := range added {
		if marked[id] {
			edits = append(edits, git.Edit{Path: path.Join(p.at, repo.RemovedName, id)})
		}
	}
	if k.tree, err = w.edit(p, old, edits); err == nil && k.tree == "" {
		k.tree, err = w.trees.Empty()
	}
	return k, err
}

// removedIn returns the runs that a commit, which may be empty, marks as removed.
func removedIn(trees *git.Trees, commit, at string) (map[string]bool, error) {
	ids := map[string]bool{}
	removed, ok, err := trees.Find(commit, path.Join(at, repo.RemovedName))
	if err != nil || !ok || !removed.IsTree() {
		return ids, err
	}
	entries, err := trees.Read(removed.ID)
	for _, e := range entries {
		ids[e.Name] = true
	}
	return ids, err
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
