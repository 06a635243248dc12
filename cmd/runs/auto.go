package main

import (
	"context"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// commitAtFinish commits a run that has just finished where commit.auto says so. What is recorded is recorded: a commit that
// fails is one line, and the run waits for the next 'runs commit'.
func (a *app) commitAtFinish(ctx context.Context, r *repo.Repository, run *format.Run, quiet bool) {
	if run == nil || run.Status != format.Finished {
		return
	}
	config, err := r.Config()
	if err == nil && !config.Commit.Auto {
		return
	}
	var done *share.Committed
	if err == nil {
		done, err = share.Commit(ctx, r, share.Request{IDs: []string{run.ID}, Branch: config.Commit.Branch})
	}
	if err == nil {
		a.sayAllowed(done)
	}
	switch {
	case err != nil:
		a.progress("runs: run %s is recorded and not committed, 'runs commit' takes it: %s", run.ID, firstLine(err.Error()))
	case len(done.Refused) > 0:
		a.sayRefused(done.Refused)
	case !done.Empty() && !quiet:
		where := ""
		if done.Branch != "" {
			where = " on " + done.Branch
		}
		a.progress("runs: committed %s%s", done.Commit[:10], terminal.Clean(where))
	}
}
