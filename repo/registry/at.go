package registry

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// At returns the registry of a revision. The caller must close it.
func At(ctx context.Context, r *repo.Repository, rev string) (*Registry, func(), error) {
	commit, err := r.CommitAt(ctx, rev)
	if err != nil {
		return nil, nil, err
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the models of %s: %w", rev, err)
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the models of %s: %w", rev, err)
	}
	from := &committed{trees: trees, commit: commit, at: at}
	return &Registry{repo: r, from: from, Rev: rev, commit: commit}, trees.Close, nil
}

// committed reads the files of a commit.
type committed struct {
	mu     sync.Mutex // guards trees
	trees  *git.Trees
	commit string
	at     string // .runs in the tree
}

func (c *committed) list(ctx context.Context, dir string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	folder, ok, err := c.trees.Find(c.commit, path.Join(c.at, dir))
	if err != nil || !ok || !folder.IsTree() {
		return nil, err
	}
	entries, err := c.trees.Read(folder.ID)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name[0] != '.' {
			names = append(names, e.Name)
		}
	}
	return names, ctx.Err()
}

func (c *committed) read(ctx context.Context, name string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok, err := c.trees.Find(c.commit, path.Join(c.at, name))
	if err != nil {
		return nil, err
	}
	if !ok || e.IsTree() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if e.Mode != "100644" && e.Mode != "100755" {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := c.trees.Blob(e.ID, format.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	return data, ctx.Err()
}
