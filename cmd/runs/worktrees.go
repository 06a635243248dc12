package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/share"
)

// How long a command may take to copy runs into the common store that have no copy there. One command can remove a
// linked worktree with all its runs.
const (
	tidyTime       = 50 * time.Millisecond
	tidyTimeLinked = 2 * time.Second
)

// tidyStore completes the common store of the worktrees. A user who may not write there can still use the command.
func (a *app) tidyStore(ctx context.Context, r *repo.Repository) {
	limit := tidyTime
	if r.InGit && r.Git.Linked() {
		limit = tidyTimeLinked
	}
	err := share.Tidy(ctx, r, limit)
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, git.ErrNoGit), errors.Is(err, fs.ErrPermission),
		errors.Is(err, syscall.EROFS):
	default:
		a.warn("%v", err)
	}
}

// listedRun is a run as JSON with the worktree that has recorded it.
type listedRun struct {
	run      *format.Run
	worktree *repo.Worktree
}

// AppendJSON appends the record with two more keys, if the run is of another worktree: worktree has the name of its
// folder, or null, and worktree_gone says whether it was removed.
func (l listedRun) AppendJSON(b []byte) []byte {
	b = format.AppendJSON(b, l.run)
	if l.worktree == nil {
		return b
	}
	b = append(b[:len(b)-1], `,"worktree":`...)
	b = format.AppendJSON(b, orNull(l.worktree.Name()))
	b = append(b, `,"worktree_gone":`...)
	return append(format.AppendJSON(b, l.worktree.Gone), '}')
}

// listedRuns returns entries for JSON.
func listedRuns(entries []*repo.Entry) []listedRun {
	runs := make([]listedRun, len(entries))
	for i, e := range entries {
		runs[i] = listedRun{e.Run, e.Worktree()}
	}
	return runs
}
