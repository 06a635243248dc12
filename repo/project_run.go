package repo

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// CloneRun is a run of a program in a clone of another repository, or of another commit.
type CloneRun struct {
	Description
	Clone git.Dirs // Dir of the description is in it
	Keep  git.Dirs // the repository of the user that was cloned; without a root if it was not one of the user
	Env   []string // that the program has, in addition to our own environment
}

// StartedClone is a run that was started for a program in a clone.
type StartedClone struct {
	Active   *Active
	Entry    string // absolute path of the program; empty if the command does not tell
	Warnings []string
}

// StartInClone starts a run whose source is that of a clone. The caller runs the program and finishes the run.
func (r *Repository) StartInClone(ctx context.Context, q CloneRun) (*StartedClone, error) {
	root := q.Clone.Root
	d := q.Description
	d.Params = d.Params.Clone()
	for path, v := range d.Params.Leaves() {
		if text, ok := v.(string); ok {
			_ = d.Params.Set(path, capture.Portable(root, text)) // cannot fail: the path is that of a leaf
		}
	}
	d.Command = nil
	for _, arg := range q.Command {
		d.Command = append(d.Command, capture.Portable(root, arg))
	}
	run, err := r.Describe(d)
	if err != nil {
		return nil, err
	}
	run.Cwd = ""
	if rel, err := filepath.Rel(root, q.Dir); err == nil && rel != "." {
		run.Cwd = filepath.ToSlash(rel)
	}
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	theirs := *config
	theirs.Source.Base = "" // that of another repository
	captured, err := capture.Source(ctx, q.Clone, capture.SourceRequest{Config: &theirs})
	if err != nil {
		return nil, fmt.Errorf("recording the source: %w", err)
	}
	defer captured.Close()
	for _, c := range append(captured.Submodules, captured) {
		if err := r.storePatches(c); err != nil {
			return nil, fmt.Errorf("recording the source: %w", err)
		}
	}
	if captured.Keep != "" && q.Keep.Root != "" {
		if err := git.KeepBase(ctx, q.Keep, captured.Keep); err != nil {
			return nil, fmt.Errorf("recording the source: %w", err)
		}
	}
	run.Source = &captured.Source
	if run.Source.Remote, err = capture.Remote(ctx, q.Clone); err != nil {
		return nil, fmt.Errorf("recording the source: %w", err)
	}
	started := &StartedClone{Warnings: captured.Warnings}
	if run.Source.Entry = entryPoint(root, q.Dir, q.Command); run.Source.Entry != "" {
		started.Entry = filepath.Join(root, filepath.FromSlash(run.Source.Entry))
	}
	if _, err := r.OriginAgain(ctx, run, root, q.Dir, q.Command, q.Env, nil); err != nil {
		return nil, err
	}
	if started.Active, err = r.Start(ctx, run, format.OwnerProcess); err != nil {
		return nil, err
	}
	started.Active.again = &again{dir: root, clone: true}
	return started, nil
}
