package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Recover says which runs in progress to finish as crashed.
type Recover struct {
	ID     string        // only this one
	Force  bool          // with ID: whatever is known of its process
	Host   string        // a machine whose processes the user declared gone
	Silent time.Duration // a run of another machine counts as gone after this long without activity
}

// Recovered is one run that a recovery looked at.
type Recovered struct {
	ID     string
	Result *Result // nil if the run was left alone
	Reason string  // why it was left alone
	Err    error
}

// RecoverRuns finishes the runs whose process is known to be gone, as crashed, and clears what interrupted finishes
// left behind. It never guesses about another machine.
func (r *Repository) RecoverRuns(ctx context.Context, o Recover) ([]Recovered, error) {
	names, folders, err := r.activeEntries()
	if err != nil {
		return nil, fmt.Errorf("recovering runs: %w", err)
	}
	var all []Recovered
	add := func(got Recovered) {
		if got.Result != nil || got.Err != nil || got.Reason != "" {
			all = append(all, got)
		}
	}
	for _, a := range r.othersInActive() { // those of other worktrees only if they are named or their worktree is gone
		if o.ID == a.ID || o.ID == "" && a.other.Gone {
			add(a.recover(ctx, o))
		}
	}
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		if strings.HasPrefix(name.Name(), newPrefix) {
			removeStale(folders[i], name)
			continue
		}
		id := name.Name()
		if !name.IsDir() || format.CheckID(id) != nil || o.ID != "" && o.ID != id {
			continue
		}
		a := &Active{ID: id, Dir: filepath.Join(folders[i], id), repo: r}
		if a.elsewhere() {
			continue
		}
		add(a.recover(ctx, o))
	}
	return all, nil
}

// removeStale removes the incomplete folder of a run whose start died more than an hour ago.
func removeStale(folder string, entry fs.DirEntry) {
	if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
		_ = os.RemoveAll(filepath.Join(folder, entry.Name()))
	}
}

func (a *Active) recover(ctx context.Context, o Recover) Recovered {
	got := Recovered{ID: a.ID}
	foreign := a.Foreign()
	if foreign && (o.ID == "" || !o.Force) {
		got.Reason = "it was not started in this clone: its folder came with Git or was copied"
		return got
	}
	switch err := a.check(); {
	case errors.Is(err, ErrFinished) && foreign:
		got.Err = withHint(
			fmt.Errorf("it is finished, and %s came with Git or was copied", Relative(a.repo.Root, a.Dir)),
			"remove that folder",
		)
		return got
	case errors.Is(err, ErrFinished):
		lock, err := a.lockFinish()
		if err != nil {
			got.Reason = "another process is finishing it"
			return got
		}
		defer func() { _ = lock.Close() }()
		h := held{guard: lock, host: o.Host, silent: o.Silent}
		defer h.release()
		resumed, err := a.settle(ctx, &h, nil)
		got.Err = err
		if len(resumed) > 0 {
			got.Result = &Result{Resumed: resumed, Dir: a.repo.RunDir(a.ID)}
		}
		return got
	case err != nil:
		return got // its clearing died after the record was removed; there is nothing to recover
	}
	e, err := a.Entry(ctx)
	if err != nil {
		got.Err = err
		return got
	}
	l, err := a.Life(o.Host)
	if err != nil {
		got.Err = err
		return got
	}
	silent := time.Since(e.Silent)
	named := o.ID != "" && o.Force
	switch {
	case l == Alive && !named:
		got.Reason = "its process is alive"
		return got
	case l == Detached && !named:
		got.Reason = "it was started by 'runs start' and has no process of its own; use 'runs finish' to finish it"
		return got
	case l == Elsewhere && !named && (o.Silent == 0 || silent < o.Silent):
		got.Reason = "its process is on another machine, boot or container"
		return got
	}
	end := Finish{
		Status: format.Crashed, Ended: e.Silent, host: o.Host, silent: o.Silent, takeover: foreign, recovered: true,
	}
	got.Result, got.Err = a.Finish(ctx, end)
	return got
}
