package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// CheckOut writes the source of a run into dir, a new folder, and proves it by its tree hash before a file is written. dir
// appears whole or not at all. Where git LFS cannot fetch a file its pointer is written, and pointers is true.
func (r *Repository) CheckOut(ctx context.Context, run *format.Run, dir string) (pointers bool, err error) {
	if exists(dir) {
		return false, withHint(fmt.Errorf("restoring run %s: %s exists", run.ID, dir), "name a folder that does not exist yet")
	}
	if err := r.fetchBase(ctx, run); err != nil {
		return false, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	scratch, err := r.rebuild(ctx, run)
	if err != nil {
		return false, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	defer scratch.Close()
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return false, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	tmp := filepath.Join(filepath.Dir(dir), newPrefix+filepath.Base(dir)+"-"+format.RandomLetters(8))
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return false, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	pointers, err = scratch.CheckOut(ctx, tmp)
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return false, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	return pointers, nil
}

// CheckOutWorktree makes a linked git worktree at dir: the commit of the run is checked out, and what was not committed
// stands there as such. commit is the one that it found; the run's own may be gone from the clone.
func (r *Repository) CheckOutWorktree(ctx context.Context, run *format.Run, dir string) (commit string, err error) {
	if exists(dir) {
		return "", withHint(fmt.Errorf("restoring run %s: %s exists", run.ID, dir), "name a folder that does not exist yet")
	}
	if err := r.fetchBase(ctx, run); err != nil {
		return "", fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	scratch, err := r.rebuild(ctx, run)
	if err != nil {
		return "", fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	defer scratch.Close()
	commit = run.Source.Commit
	if commit == "" || !scratch.Has(ctx, commit) {
		commit = run.Source.Base
	}
	if commit == "" {
		return "", withHint(fmt.Errorf("restoring run %s: it was recorded before the first commit, and a worktree needs one", run.ID),
			"'runs checkout %s DIR' makes a plain folder", format.IDRandom(run.ID))
	}
	if err := scratch.AddWorktree(ctx, dir, commit); err != nil {
		return "", fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	return commit, nil
}

// fetchBase asks the remote for the commit where the patches begin, where this clone lacks it. That it cannot be had is for
// rebuild to say.
func (r *Repository) fetchBase(ctx context.Context, run *format.Run) error {
	if !r.InGit || run.Source == nil || run.Source.Base == "" {
		return nil
	}
	if _, err := git.Commit(ctx, r.Git, run.Source.Base); err == nil {
		return nil
	}
	_ = git.FetchBase(ctx, r.Git, "", run.Source.Base)
	return ctx.Err()
}

// rebuild makes the recorded tree from its base and its patches, in a temporary index and object folder, and proves it.
func (r *Repository) rebuild(ctx context.Context, run *format.Run) (*git.Scratch, error) {
	s := run.Source
	switch {
	case s == nil || s.Tree == "":
		return nil, withHint(errors.New("its source was not recorded"), "it ran outside git, or git could not be asked: 'runs show %s'", format.IDRandom(run.ID))
	case !r.InGit:
		return nil, withHint(errors.New("this is no git repository"), "go to a clone of %s", or(s.Remote, "the project"))
	}
	scratch, err := git.NewScratch(r.Git)
	if err != nil {
		return nil, err
	}
	scratch.AllowNetwork()
	if err := r.rebuildIn(ctx, scratch, s); err != nil {
		scratch.Close()
		return nil, err
	}
	return scratch, nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

var errRedacted = errors.New("a secret was redacted from its patches, which do not apply any more")

func (r *Repository) rebuildIn(ctx context.Context, scratch *git.Scratch, s *format.Source) error {
	if s.Proof() == "" {
		return errRedacted
	}
	tree, err := r.applyPatches(ctx, scratch, s)
	if err != nil {
		return err
	}
	if want := s.Proof(); tree != want {
		return fmt.Errorf("base and patches make tree %s, not %s as recorded: the run or its patches were changed", tree, want)
	}
	return nil
}

// applyPatches makes what base and patches make, whatever was recorded.
func (r *Repository) applyPatches(ctx context.Context, scratch *git.Scratch, s *format.Source) (tree string, err error) {
	start, err := r.restorable(ctx, scratch, s)
	if err != nil {
		return "", err
	}
	if err := scratch.ReadTree(ctx, start); err != nil {
		return "", err
	}
	for _, digest := range s.Patches {
		file, remove, err := r.shared(ctx, sharedSources, digest)
		if err != nil {
			return "", err
		}
		err = git.CheckPatch(file)
		if err == nil {
			err = scratch.Apply(ctx, file)
		}
		remove()
		if err != nil {
			return "", fmt.Errorf("patch %s: %w", digest[:12], err)
		}
	}
	return scratch.WriteTree(ctx)
}

var errLacksBase = errors.New("the clone lacks commit")

// restorable returns the tree that the patches begin at.
func (r *Repository) restorable(ctx context.Context, scratch *git.Scratch, s *format.Source) (string, error) {
	if s.Base == "" {
		return scratch.EmptyTree(ctx)
	}
	if !scratch.Has(ctx, s.Base) {
		hint := "git fetch origin " + s.Base
		if r.Git.Shallow() {
			hint = "git fetch --unshallow"
		}
		return "", withHint(fmt.Errorf("%w %s, where its patches begin", errLacksBase, s.Base), "'%s' brings it, where the remote still has it", hint)
	}
	return scratch.Strip(ctx, s.Base)
}
