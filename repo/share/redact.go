package share

import (
	"context"
	"errors"
	"fmt"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Redaction is the result of Redact, and reports where the secret still is.
type Redaction struct {
	*repo.Redacted
	Committed bool // one of the runs was committed in this clone, so Git's history has the secret
	Pending   bool // one of the redactions has to be committed; a branch may have none of the runs any more
	Pushed    bool // one of these runs is on the remote
}

// Redact replaces a secret in a finished run of the working tree, as repo.Redact does, and reports whether the secret
// is in Git's history and on the remote.
func Redact(ctx context.Context, r *repo.Repository, e *repo.Entry, ask repo.RedactRequest) (*Redaction, error) {
	switch {
	case e.Active != nil:
		return nil, &repo.HintError{
			Err:  fmt.Errorf("redacting run %s: it is still running", e.ID),
			Hint: fmt.Sprintf("run 'runs finish %s' first", e.ID),
		}
	case r.IsLeftOut(e.ID):
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, repo.LeftOutError("it"))
	case e.Repository().Dir != r.Dir:
		return nil, notInTree(ctx, r, e.ID)
	}
	if err := refuseConflict(ctx, r); err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	committed, err := CommittedIDs(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	if committed[e.ID] && !ask.DryRun {
		if err := checkPointers(ctx, r, e, ask); err != nil {
			return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
		}
	}
	done, err := r.Redact(ctx, e.ID, ask)
	if errors.Is(err, repo.ErrNothingToRedact) {
		hint := "run 'git grep -l --no-index TEXT .runs' to list the files that hold a text"
		if ask.Pattern == nil {
			hint = "run 'runs redact RUN PATTERN' for a secret that no rule finds"
		}
		return nil, &repo.HintError{Err: err, Hint: hint}
	}
	if err != nil {
		return nil, err
	}
	if !ask.DryRun {
		if _, err := KeepRedactions(ctx, r); err != nil {
			return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
		}
	}
	out := &Redaction{Redacted: done}
	pending, err := pendingRedactions(r)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	for _, run := range done.Runs {
		_, waits := pending[run.ID]
		out.Pending = out.Pending || waits
	}
	removed, err := everRemoved(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	for _, run := range done.Runs {
		if !committed[run.ID] && !removed[run.ID] {
			continue
		}
		out.Committed = true
		pushed, err := OnRemote(ctx, r, run.ID)
		if err != nil {
			return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
		}
		out.Pushed = out.Pushed || pushed
	}
	return out, nil
}

// notInTree returns the error for a run that is not in the working tree: the runs branch has it, or another worktree.
func notInTree(ctx context.Context, r *repo.Repository, id string) error {
	local, err := runsBranch(ctx, r)
	if err != nil {
		return fmt.Errorf("redacting run %s: %w", id, err)
	}
	err = fmt.Errorf("redacting run %s: it is not in the working tree", id)
	if local.checkedOut {
		return &repo.HintError{Err: err, Hint: "run 'runs redact' in the worktree of the run, or commit the run first"}
	}
	return &repo.HintError{
		Err:  err,
		Hint: fmt.Sprintf("run 'git checkout %s', which has it, and 'runs redact' there", local.name),
	}
}

// everRemoved returns the runs that a removal marker names: only a committed run has one.
func everRemoved(ctx context.Context, r *repo.Repository) (map[string]bool, error) {
	removed, err := r.RemovedIDs()
	if err != nil || !r.InGit {
		return removed, err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	d, err := openDays(ctx, r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	return removed, errors.Join(d.addRemoved(local.seen, removed), d.addRemoved(head, removed))
}

// checkPointers returns an error if the redaction would change an artifact that Git LFS stores: nobody could compare
// the pointers, and LFS keeps the artifact.
func checkPointers(ctx context.Context, r *repo.Repository, e *repo.Entry, ask repo.RedactRequest) error {
	config, err := r.Config()
	if err != nil || config.Artifacts.Store != format.StoreLFS {
		return err
	}
	ask.DryRun = true
	planned, err := r.Redact(ctx, e.ID, ask)
	if err != nil {
		return nil // Redact reports it
	}
	for _, run := range planned.Runs {
		for _, name := range run.Files {
			if isArtifact(name) {
				return &repo.HintError{
					Err: fmt.Errorf("%s holds the secret in Git LFS, where it cannot be redacted; nothing was changed", name),
					Hint: fmt.Sprintf("run 'runs rm %s', remove that object from the LFS server, and rotate the secret",
						format.IDRandom(e.ID)),
				}
			}
		}
	}
	return nil
}
