package share

import (
	"context"
	"errors"
	"fmt"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// localBranch is the local branch that a command commits to, pushes or updates.
type localBranch struct {
	name       string
	tip        string
	seen       string // the tip; if the branch is only at a remote, its commit there as last fetched
	checkedOut bool
}

// runsBranch returns the runs branch: the one of commit.branch, otherwise the one that is checked out.
func runsBranch(ctx context.Context, r *repo.Repository) (localBranch, error) {
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return localBranch{}, err
	}
	config, err := r.Config()
	if err != nil {
		return localBranch{}, err
	}
	if name := config.Commit.Branch; name != "" && name != tip.Branch {
		commit, err := git.Resolve(ctx, r.Git, "refs/heads/"+name)
		seen := commit
		if err == nil && commit == "" { // in a fresh clone
			seen, _, err = git.FindBranch(ctx, r.Git, name)
		}
		return localBranch{name, commit, seen, false}, err
	}
	return localBranch{tip.Branch, tip.Commit, tip.Commit, true}, nil
}

// needLocal returns an error if the branch is only at a remote, where only a push may change it.
func (b localBranch) needLocal() error {
	if b.tip != "" || b.seen == "" {
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("branch %s is not in this clone yet", b.name),
		Hint: "run 'runs pull' first",
	}
}

// moveLocal moves a local branch. If it cannot, stayed gives the reason, and mine reports whether the reason is the
// user's own changes.
func moveLocal(ctx context.Context, r *repo.Repository, local localBranch, tip, reason string) (stayed string,
	mine bool, err error,
) {
	if tip == local.tip {
		return "", false, nil
	}
	if name, _ := r.Git.InProgress(); local.checkedOut && name != "" {
		return name + " is in progress", false, nil
	}
	if !local.checkedOut {
		if at, err := git.CheckedOut(ctx, r.Git, local.name); err != nil || at != "" {
			return "it is checked out in " + at, false, err
		}
		err = git.UpdateRefs(ctx, r.Git, reason, git.RefUpdate{Ref: "refs/heads/" + local.name, Old: local.tip, New: tip})
	} else {
		err = git.MoveBranch(ctx, r.Git, local.tip, tip, reason, format.RandomLetters(8))
	}
	var inTheWay *git.InTheWayError
	switch {
	case errors.As(err, &inTheWay):
		return inTheWay.Error(), true, nil
	case errors.Is(err, git.ErrMoved):
		return "it has moved in the meantime", false, nil
	case errors.Is(err, git.ErrLocked):
		return err.Error(), false, nil
	}
	return "", false, err
}
