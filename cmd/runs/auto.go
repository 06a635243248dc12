package main

import (
	"context"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// commitAtFinish commits a run that has just finished if commit.auto is set. If the commit fails, it only prints a
// warning.
func (a *app) commitAtFinish(ctx context.Context, r *repo.Repository, run *format.Run, quiet bool) {
	done, err := share.CommitFinished(ctx, r, run)
	switch {
	case err != nil:
		a.warn("run %s is recorded but not committed; run 'runs commit': %s", run.ID, firstLine(err.Error()))
		return
	case done == nil:
		return
	}
	a.reportAllowed(done)
	switch {
	case len(done.Refused) > 0:
		a.warnRefused(done.Refused)
	case !done.Empty() && !quiet:
		a.progress("runs: committed %s%s", done.Commit[:10], onBranch(done.Branch))
		a.reportNotUploaded(r, done)
	}
}

// onBranch returns " on " and the name of the branch, or "" if branch is empty.
func onBranch(branch string) string {
	if branch == "" {
		return ""
	}
	return " on " + terminal.Clean(branch)
}
