package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
)

// TableOfBranch returns the columns of the runs that ListBranch reads. What it has read of the folder of a day of the
// branch, the index keeps. Both results are nil if there are no runs; otherwise the caller closes the revision.
func (r *Repository) TableOfBranch(ctx context.Context, known func(id string) bool) (*Table, *Revision, error) {
	if os.Getenv(IndexVariable) == IndexOff {
		v, entries, damage, err := r.ListBranch(ctx, known)
		if v == nil || err != nil {
			return nil, nil, err
		}
		return v.tableOf(entries, damage), v, nil
	}
	name, commit, err := r.RunsBranch(ctx)
	if err != nil || commit == "" {
		return nil, nil, err
	}
	t, v, err := r.tableOfBranch(ctx, commit, known)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the runs of branch %s: %w", name, err)
	}
	return t, v, nil
}

func (r *Repository) tableOfBranch(ctx context.Context, commit string, known func(id string) bool) (
	*Table, *Revision, error,
) {
	tree, err := r.TreePath()
	if err != nil {
		return nil, nil, err
	}
	removed, err := r.removedIn(ctx, commit, tree)
	if err != nil {
		return nil, nil, err
	}
	v := r.revision(commit, tree, nil, func(string) bool { return true })
	v.late, v.ctx, v.fetched = r, ctx, map[string]bool{}
	t := &Table{repo: v.Repository, at: v, entries: map[string]*Entry{}}
	blocks, err := r.blocksAt(ctx, t, commit, tree)
	if err != nil {
		return nil, nil, err
	}
	out := func(id string) bool { return removed[id] || known(id) }
	t.Damage = slices.DeleteFunc(t.Damage, func(d Damage) bool { return out(d.ID) })
	t.Table = index.NewTable(blocks, func(id string) bool { return !out(id) })
	noted, err := r.notedHere(t)
	if err != nil {
		return nil, nil, err
	}
	if len(noted) > 0 {
		if blocks, err = t.readAgain(ctx, noted, blocks); err != nil {
			return nil, nil, err
		}
		t.Table = index.NewTable(blocks, func(id string) bool {
			return !out(id) && (!noted[id] || t.entries[id] != nil)
		})
	}
	if t.Len() == 0 && len(t.Damage) == 0 {
		v.Close()
		return nil, nil, nil
	}
	return t, v, nil
}

// removedIn returns the runs with a removal marker in the working tree or in a commit.
func (r *Repository) removedIn(ctx context.Context, commit, tree string) (map[string]bool, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	names, err := git.Names(ctx, r.Git, commit, path.Join(tree, RemovedName))
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		removed[path.Base(n.Path)] = true
	}
	return removed, nil
}

// notedHere returns the runs of a table that have notes in the working tree or in the common store. They say more than
// the blocks of the commit.
func (r *Repository) notedHere(t *Table) (map[string]bool, error) {
	noted := map[string]bool{}
	folders := []string{r.Dir}
	if late, ok := r.lateHome(); ok {
		folders = append(folders, late.Dir)
	}
	for _, dir := range folders {
		for _, day := range dayNames(dir) { // a sparse checkout may leave the folder out
			ids, err := readNames(filepath.Join(dir, day))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, id := range ids {
				if _, ok := t.Row(id); ok && exists(filepath.Join(dir, day, id, notesName)) {
					noted[id] = true
				}
			}
		}
	}
	return noted, nil
}

// readAgain reads the records of runs of a revision, with the notes that are not in it. It returns blocks with one
// more in front that has them.
func (t *Table) readAgain(ctx context.Context, ids map[string]bool, blocks []*index.Block) ([]*index.Block, error) {
	var list []string
	for id := range ids {
		list = append(list, id)
	}
	if err := t.at.load(ctx, list); err != nil {
		return nil, err
	}
	var read []*format.Run
	for _, id := range list {
		e, err := t.load(ctx, id)
		switch {
		case err == nil:
			t.entries[id] = e
			read = append(read, e.Run)
		case isDamage(err):
			t.Damage = append(t.Damage, Damage{id, err})
		}
	}
	return append([]*index.Block{index.NewBlock(read)}, blocks...), nil
}
