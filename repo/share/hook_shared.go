package share

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// keepShared puts shared files back into the index of the commit that Git is making, and into the working tree, if that
// commit would delete them although its runs name them: 'git commit -a' takes every file along that is missing from the
// working tree. It returns a warning that names them. Of a commit that has an index of its own, it only warns: the
// user's index would keep the deletion.
func (w *writer) keepShared(ctx context.Context, commit string) (string, error) {
	kind := git.IndexOfHook(w.repo.Git)
	if commit == "" || kind == git.NoHookIndex {
		return "", nil
	}
	at, err := w.repo.TreePath()
	if err != nil {
		return "", err
	}
	needed, err := w.deletedThough(ctx, commit, at)
	if err != nil || len(needed) == 0 {
		return "", err
	}
	names := slices.Sorted(maps.Keys(needed))
	what := fmt.Sprintf("%s, which run %s names", path.Join(at, names[0]), format.IDRandom(needed[names[0]].run))
	if n := len(names) - 1; n > 0 {
		what += fmt.Sprintf(", and %s", count(n, "other shared file"))
	}
	if kind != git.OwnHookIndex {
		return fmt.Sprintf("this commit deletes %s: run '%s', and commit again", what, CheckOutMissing(names)), nil
	}
	var edits []git.Edit
	for _, name := range names {
		edits = append(edits, git.Edit{Path: path.Join(at, name), Mode: "100644", ID: needed[name].blob})
	}
	if err := w.stageShared(ctx, edits); err != nil {
		return "", err
	}
	for _, name := range names {
		if _, err := w.repo.PlaceShared(ctx, name); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("this commit would have deleted %s: it stays", what), nil
}

func (w *writer) stageShared(ctx context.Context, edits []git.Edit) (err error) {
	o, err := git.Begin(ctx, w.repo.Git, "stage", format.RandomLetters(8))
	if err != nil {
		return err
	}
	defer closeOperation(o, &err)
	if err := o.StageEntries(ctx, edits); err != nil {
		return err
	}
	return o.FinishIndex(ctx, "runs: keep shared files")
}

// neededFile is a shared file that a commit would delete.
type neededFile struct {
	blob string
	run  string // that names it
}

// deletedThough returns the shared files that a commit has, the index lacks, and the runs of the index name. It reads
// records only if a shared file was deleted.
func (w *writer) deletedThough(ctx context.Context, commit, at string) (map[string]neededFile, error) {
	was, err := readSnapshotOf(w.trees, commit, at, func(git.TreeEntry) bool { return false })
	if err != nil {
		return nil, err
	}
	deleted := was.shared
	folders := map[string]bool{}
	for name := range was.shared {
		folders[path.Dir(name)] = true
	}
	for folder := range folders {
		entries, err := git.Tracked(ctx, w.repo.Git, path.Join(at, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			delete(deleted, path.Join(folder, path.Base(e.Path)))
		}
	}
	if len(deleted) == 0 {
		return nil, nil
	}
	tree, err := git.IndexTree(ctx, w.repo.Git)
	if err != nil {
		return nil, err
	}
	now, err := readSnapshot(w.trees, tree, at)
	if err != nil {
		return nil, err
	}
	return now.naming(ctx, deleted, nil)
}
