package share

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// destination decides where a branch is pushed. own reports whether that is the upstream of the local branch.
func destination(ctx context.Context, r *repo.Repository, local localBranch, ask PushRequest) (up git.Upstream,
	own bool, err error,
) {
	if local.name == "" && ask.Branch == "" {
		return up, false, &repo.HintError{
			Err:  errors.New("no branch is checked out (detached HEAD)"),
			Hint: "run 'git switch BRANCH', or name the remote's branch with 'runs push --branch NAME'",
		}
	}
	up, own, err = git.UpstreamOf(ctx, r.Git, local.name)
	if err != nil {
		return up, false, err
	}
	if !own || ask.Remote != "" && ask.Remote != up.Remote {
		if err := checkRemotes(ctx, r, ask.Remote); err != nil {
			return up, false, err
		}
	}
	remote := ask.Remote
	if remote == "" {
		remote = up.Remote
	}
	if remote == "" {
		if remote, err = git.DefaultRemote(ctx, r.Git); err != nil {
			return up, false, err
		}
	}
	own = own && remote == up.Remote
	switch {
	case ask.Branch != "":
		branch := git.BranchName(ask.Branch)
		if err := git.CheckBranch(ctx, r.Git, branch); err != nil {
			return up, false, err
		}
		named := git.UpstreamNamed(remote, branch)
		return named, own && named.Ref == up.Ref, nil
	case own:
		return up, true, nil
	}
	named := git.UpstreamNamed(remote, local.name)
	if !local.checkedOut { // a branch of runs alone: pushing it publishes no code
		return named, true, nil
	}
	if seen, err := git.Resolve(ctx, r.Git, named.Tracking); err != nil || seen != "" && ask.Remote != "" {
		return named, false, err
	}
	return up, false, &repo.HintError{
		Err: fmt.Errorf("branch %s has no upstream", local.name),
		Hint: fmt.Sprintf("run 'git push -u %s %s' to publish it with its code, or 'runs push --branch NAME' to push "+
			"only the runs", remote, local.name),
	}
}

// checkRemotes returns an error if there is no remote, or none with this name. The name may be empty.
func checkRemotes(ctx context.Context, r *repo.Repository, name string) error {
	remotes, err := git.Remotes(ctx, r.Git)
	switch {
	case err != nil:
		return err
	case len(remotes) == 0:
		return &repo.HintError{Err: errors.New("no remote is configured"), Hint: "run 'git remote add origin URL'"}
	case name != "" && !slices.Contains(remotes, name):
		return &repo.HintError{
			Err:  fmt.Errorf("there is no remote %q", name),
			Hint: "name one of: " + strings.Join(remotes, ", "),
		}
	}
	return nil
}
