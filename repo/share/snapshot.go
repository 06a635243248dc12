package share

import (
	"context"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// snapshot lists the runs of one commit. It is read from file names alone.
type snapshot struct {
	trees   *git.Trees
	at      string            // the path of the .runs folder
	tree    string            // the id of the .runs folder; empty if there is none
	runs    map[string]string // by id: equal if the runs have the same files
	folders map[string]string // by id: the tree of the folder of the run
	removed map[string]bool
	shared  map[string]string // blobs, by path relative to .runs
	files   map[string]bool   // names of the files directly in .runs
}

// readSnapshot reads the .runs folder at the path at of a commit or tree. tree may be empty.
func readSnapshot(trees *git.Trees, tree, at string) (*snapshot, error) {
	c := &snapshot{
		trees: trees, at: at, runs: map[string]string{}, folders: map[string]string{}, removed: map[string]bool{}, shared: map[string]string{},
		files: map[string]bool{},
	}
	e, ok, err := trees.Find(tree, at)
	if err != nil || !ok || !e.IsTree() {
		return c, err
	}
	c.tree = e.ID
	folders, err := trees.Read(c.tree)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		switch {
		case !folder.IsTree():
			c.files[folder.Name] = true
		case format.CheckDay(folder.Name) == nil:
			err = c.each(folder, func(e git.TreeEntry) {
				if e.IsTree() && format.CheckID(e.Name) == nil && format.IDDay(e.Name) == folder.Name {
					c.runs[e.Name], c.folders[e.Name] = e.ID, e.ID
				}
			})
		case folder.Name == repo.RemovedName:
			err = c.each(folder, func(e git.TreeEntry) {
				if format.CheckID(e.Name) == nil {
					c.removed[e.Name] = true
				}
			})
		default:
			err = c.each(folder, func(e git.TreeEntry) {
				if name := path.Join(folder.Name, e.Name); strings.HasPrefix(e.Mode, "100") && repo.IsShared(name) {
					c.shared[name] = e.ID
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *snapshot) each(folder git.TreeEntry, visit func(git.TreeEntry)) error {
	entries, err := c.trees.Read(folder.ID)
	for _, e := range entries {
		visit(e)
	}
	return err
}

// run returns the files of a run by their names in its folder.
func (c *snapshot) run(id string) (runFiles, error) {
	files := runFiles{}
	err := c.trees.Walk(c.folders[id], "", func(name string, e git.TreeEntry) error {
		files[name] = runFile{e}
		return nil
	})
	return files, err
}

// runPath returns the folder of a run, relative to .runs.
func runPath(id string) string { return path.Join(format.IDDay(id), id) }

// CommittedIDs returns the ids of the runs in the commit that is checked out, on the runs branch, and at the tip of
// keptRef.
func CommittedIDs(ctx context.Context, r *repo.Repository) (map[string]bool, error) {
	ids := map[string]bool{}
	if !r.InGit {
		return ids, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	for _, ref := range []string{"HEAD", "refs/heads/" + local.name, keptRef} {
		commit, err := git.Resolve(ctx, r.Git, ref)
		if err != nil {
			return nil, err
		}
		c, err := readSnapshot(trees, commit, at)
		if err != nil {
			return nil, err
		}
		for id := range c.runs {
			ids[id] = true
		}
	}
	return ids, nil
}
