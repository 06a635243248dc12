package share

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// unpushed returns the run commits that base, the remote's branch, lacks. If there are code commits, the error is a
// *codeCommitsError.
func unpushed(ctx context.Context, r *repo.Repository, trees *git.Trees, tip, base string) ([]*runCommit, error) {
	var others []string
	if base != "" {
		others = []string{base}
	}
	ids, err := git.CommitsNotIn(ctx, r.Git, tip, others...)
	if err != nil {
		return nil, err
	}
	var commits []*runCommit
	code := &codeCommitsError{}
	for _, id := range ids {
		c, err := readRunCommit(ctx, r.Git, trees, base, id)
		var commit *codeCommitError
		switch {
		case errors.As(err, &commit):
			code.commits = append(code.commits, commit)
			if len(code.commits) > maxNamedCommits {
				return nil, code
			}
		case err != nil:
			return nil, err
		case c != nil:
			commits = append(commits, c)
		}
	}
	if len(code.commits) > 0 {
		return nil, code
	}
	return commits, nil
}

// maxNamedCommits is how many code commits a message lists.
const maxNamedCommits = 3

// codeCommitsError means that there are code commits under or between run commits.
type codeCommitsError struct{ commits []*codeCommitError }

func (e *codeCommitsError) Error() string {
	n := len(e.commits)
	text := fmt.Sprintf("the remote lacks %s: ", count(n, "code commit"))
	if n > maxNamedCommits {
		text = fmt.Sprintf("the remote lacks more than %d code commits: ", maxNamedCommits)
	}
	for i, c := range e.commits[:min(n, maxNamedCommits)] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.10s (%s)", c.id, c.subject)
	}
	return text
}

// wrongChange returns an error with the next step for the first commit that changes runs as no command does, unless
// later commits took the change back. It may return nil.
func (e *codeCommitsError) wrongChange(ctx context.Context, r *repo.Repository, trees *git.Trees, tip string) error {
	for _, c := range e.commits {
		if c.reason == "" {
			continue
		}
		now, err := wrongSince(ctx, r.Git, trees, c.parent, tip)
		switch {
		case err != nil:
			return err
		case now == nil: // a later commit took it back
		case now.twice:
			return &repo.HintError{Err: c, Hint: "run 'runs pack' to keep one version of each run"}
		default:
			return &repo.HintError{
				Err: c,
				Hint: fmt.Sprintf("no command changes a run so: run 'runs verify --all' to see what is wrong, and "+
					"'git revert %.10s' to take it back", c.id),
			}
		}
	}
	return nil
}

// withStep adds a hint with the next step for the user, who has to publish the code.
func (e *codeCommitsError) withStep(ctx context.Context, r *repo.Repository, trees *git.Trees, local localBranch,
	base string, up git.Upstream, own bool,
) error {
	tip := local.tip
	if err := e.wrongChange(ctx, r, trees, tip); err != nil {
		return err
	}
	straight := base == ""
	if !straight {
		var err error
		if straight, err = git.IsAncestor(ctx, r.Git, base, tip); err != nil {
			return err
		}
	}
	switch {
	case !own && local.checkedOut && local.name != "":
		return &repo.HintError{Err: e, Hint: fmt.Sprintf("run 'git push -u %s %s' to publish them and the runs", up.Remote,
			local.name)}
	case straight:
		return &repo.HintError{Err: e, Hint: "run 'git push' to publish them and the runs"}
	}
	return &repo.HintError{
		Err: e,
		Hint: fmt.Sprintf("run 'git pull --rebase %s %s' and 'git push' to publish them and the runs", up.Remote,
			strings.TrimPrefix(up.Ref, "refs/heads/")),
	}
}
