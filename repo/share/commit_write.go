package share

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// write stores the trees and two commits: one for the branch, and one for keptRef, which keeps the runs. It returns the
// updates of both refs. The caller sets the ref of the first.
func (w *writer) write(ctx context.Context, p *plan, base string, entries []git.Entry) ([]git.RefUpdate, error) {
	edits, kept, err := p.edits(entries)
	if err != nil {
		return nil, err
	}
	shared, err := w.sharedBefore(p, base)
	if err != nil {
		return nil, err
	}
	kept = append(kept, shared...)
	message := w.request.Message
	if message == "" {
		config, err := w.repo.Config()
		if err != nil {
			return nil, err
		}
		message = p.message(config)
	}
	if p.Commit, err = w.commit(ctx, base, edits, message); err != nil {
		return nil, err
	}
	updates := []git.RefUpdate{{Old: base, New: p.Commit}}
	keep, err := w.keep(ctx, kept)
	if err == nil && keep.New != keep.Old {
		updates = append(updates, keep)
	}
	return updates, err
}

// sharedBefore returns the shared files of new runs that base already has. They are kept with the runs, so that the
// kept runs are complete.
func (w *writer) sharedBefore(p *plan, base string) ([]git.Edit, error) {
	var edits []git.Edit
	seen := map[string]bool{}
	for _, run := range p.Runs {
		for _, name := range repo.SharedNames(run.Run) {
			if seen[name] {
				continue
			}
			seen[name] = true
			at := path.Join(p.at, name)
			e, ok, err := w.trees.Find(base, at)
			if err != nil {
				return nil, err
			}
			if ok && !e.IsTree() {
				edits = append(edits, git.Edit{Path: at, Mode: "100644", ID: e.ID})
			}
		}
	}
	return edits, nil
}

// edits returns the changes of the tree, and those of them that also go to keptRef. entries are the files that Git has
// stored.
func (p *plan) edits(entries []git.Entry) (edits, kept []git.Edit, err error) {
	byPath := make(map[string]git.Entry, len(entries))
	for _, e := range entries {
		byPath[e.Path] = e
	}
	for _, name := range p.remove {
		edits = append(edits, git.Edit{Path: path.Join(p.at, name)})
		kept = append(kept, git.Edit{Path: path.Join(p.at, name)})
	}
	for _, name := range p.paths {
		e, ok := byPath[path.Join(p.at, name)]
		if !ok {
			return nil, nil, fmt.Errorf("%s was not stored by Git", name)
		}
		if err := p.sameBytes(name, e); err != nil {
			return nil, nil, err
		}
		edit := git.Edit{Path: e.Path, Mode: "100644", ID: e.ID}
		edits = append(edits, edit)
		if strings.Contains(name, "/") && path.Dir(name) != repo.RemovedName {
			kept = append(kept, edit)
		}
	}
	return edits, kept, nil
}

// commit stores a commit that changes base, which may be empty.
func (w *writer) commit(ctx context.Context, base string, edits []git.Edit, message string) (string, error) {
	tree, err := w.trees.Edit(base, edits)
	if err != nil {
		return "", err
	}
	c := git.CommitObject{Tree: tree, Message: message, Sign: git.Signs(ctx, w.repo.Git)}
	if base != "" {
		c.Parents = []string{base}
	}
	return git.WriteCommit(ctx, w.repo.Git, c)
}

// sameBytes verifies that Git has stored a file's own bytes and not the output of a filter. Only artifacts may have a
// filter, that of Git LFS.
func (p *plan) sameBytes(name string, e git.Entry) error {
	if isArtifact(name) {
		return nil
	}
	f, err := regular.Open(filepath.Join(p.repo.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	id, err := git.BlobID(e.ID, info.Size(), f)
	if err != nil {
		return err
	}
	if id != e.ID {
		return &repo.HintError{
			Err: fmt.Errorf("the bytes of %s are changed by Git attributes", e.Path),
			Hint: "run 'git check-attr -a " + e.Path +
				"' to see which, and 'runs init' to see what .runs/.gitattributes must contain",
		}
	}
	return nil
}
