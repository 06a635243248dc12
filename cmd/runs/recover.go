package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) recoverCommand() *cobra.Command {
	var o repo.Recover
	var silent string
	var lost, dry bool
	cmd := &cobra.Command{
		Use:   "recover [RUN] [flags] | recover --lost [RUN…]",
		Short: "Finish runs whose process is gone, bring back lost ones",
		Long: `Finish as crashed the runs whose process is known to be gone. Nothing is guessed about another machine: name the run
with --force, say with --host that a machine's processes are gone, or with --silent how long a run may give no sign.

With --lost, bring back runs that were committed in this clone and that neither the working tree nor any local branch has
any more, after 'git reset --hard', 'git rebase --abort' or a deleted branch: as finished runs that are not committed. They
come from the local ref refs/runs/kept and are checked first. RUN names some of them; by its full id also a run that was
removed, or one that only another branch has. A run that was never committed is not there.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lost {
				if o.Force || o.Host != "" || silent != "" {
					return usagef("recover: --lost stands without --force, --host and --silent")
				}
				return a.bringBack(cmd.Context(), args, dry)
			}
			switch {
			case len(args) > 1:
				return usagef("runs recover: unexpected argument %q", args[1])
			case o.Force && len(args) == 0:
				return usagef("recover: --force needs a run")
			case dry:
				return usagef("recover: --dry-run goes with --lost")
			}
			if silent != "" {
				d, err := time.ParseDuration(silent)
				if err != nil || d <= 0 {
					return usagef("recover: --silent %q is no length of time, like 6h", silent)
				}
				o.Silent = d
			}
			return a.recover(cmd.Context(), o, args)
		},
	}
	cmd.Flags().BoolVar(&o.Force, "force", false, "finish RUN whatever is known of its process")
	cmd.Flags().StringVar(&o.Host, "host", "", "the processes of machine `H` are gone")
	cmd.Flags().StringVar(&silent, "silent", "", "a run of another machine counts as gone after `DURATION` without a sign, like 6h")
	cmd.Flags().BoolVar(&lost, "lost", false, "bring back runs that a reset, an aborted rebase or a dropped branch took away")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "with --lost: only say what would come back")
	return cmd
}

func (a *app) recover(ctx context.Context, o repo.Recover, args []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		active, err := a.activeRun(ctx, args[0])
		if err != nil {
			return err
		}
		o.ID = active.ID
	}
	all, err := r.RecoverRuns(ctx, o)
	if err != nil {
		return err
	}
	if len(all) == 0 && o.ID == "" {
		a.progress("runs: nothing to recover: no run is in progress; --lost looks for runs that git has taken away")
	}
	failed := false
	for _, got := range all {
		failed = a.sayRecovered(got) || failed
		if got.Result != nil {
			a.commitAtFinish(ctx, r, got.Result.Run, false)
		}
	}
	if failed || o.ID != "" && len(all) > 0 && all[0].Result == nil {
		return quietError{exitFailed}
	}
	return nil
}

// finishGoneBut is finishGone that leaves the runs with a key to the one that goes on with the newest of them.
func (a *app) finishGoneBut(ctx context.Context, r *repo.Repository, key string) {
	if key == "" {
		a.finishGone(ctx, r, nil)
		return
	}
	a.finishGone(ctx, r, func(id string) bool {
		e, err := r.Read(ctx, id)
		return err != nil || e.Key == key
	})
}

// finishGone finishes as crashed the runs whose processes are gone, before a command starts, lists or commits runs. except
// tells which to leave alone; nil is none. Where this user may not write, whoever may does it.
func (a *app) finishGone(ctx context.Context, r *repo.Repository, except func(id string) bool) {
	all, err := r.FinishGone(ctx, except)
	if err != nil && ctx.Err() == nil {
		a.progress("runs: %v", err)
	}
	for _, got := range all {
		switch {
		case errors.Is(got.Err, fs.ErrPermission) || errors.Is(got.Err, syscall.EROFS):
		case got.Err != nil:
			a.progress("runs: finishing run %s, whose process is gone: %v", got.ID, got.Err)
		case got.Result.Run != nil:
			a.progress("runs: run %s crashed: its process is gone", got.Result.Run)
			a.sayFinished(got.Result)
		default:
			a.sayFinished(got.Result)
		}
	}
}

// bringBack is recover --lost.
func (a *app) bringBack(ctx context.Context, selectors []string, dry bool) error {
	r, err := share.OpenLost(ctx, a.dir, dry)
	if err != nil {
		return err
	}
	a.settle(ctx, r)
	q := share.LostRequest{DryRun: dry}
	if q.IDs, err = a.lostIDs(ctx, r, selectors); err != nil {
		return err
	}
	progress := a.term.Progress("bringing back runs")
	defer progress.Done()
	q.Progress = func(done, total int) { progress.Count(int64(done), int64(total)) }
	done, err := share.RestoreLost(ctx, r, q)
	progress.Done()
	if errors.Is(err, share.ErrNeverCommitted) {
		return &query.NotFoundError{Selector: selectors[0], Reason: err.Error()}
	}
	if err != nil {
		return err
	}
	a.sayBroughtBack(done, dry)
	if len(done.Refused) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// lostIDs are the ids of the runs that are named, nil where none is. What is no full id is looked for among all runs that
// were committed in this clone.
func (a *app) lostIDs(ctx context.Context, r *repo.Repository, selectors []string) ([]string, error) {
	var ids []string
	var c *catalog.Catalog
	for _, selector := range selectors {
		if format.CheckID(selector) == nil {
			ids = append(ids, selector)
			continue
		}
		if c == nil {
			working, err := a.collect(ctx, r, "")
			if err != nil {
				return nil, err
			}
			if c, err = working.At(ctx, share.KeptRevision); ctx.Err() != nil {
				return nil, ctx.Err()
			} else if err != nil {
				return nil, &query.NotFoundError{Selector: selector, Reason: "no run was ever committed in this clone"}
			}
		}
		entries, _, err := c.Select(ctx, selector)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (a *app) sayBroughtBack(done *share.RestoredLost, dry bool) {
	for _, d := range done.Refused {
		a.progress("runs: left out: %v", d.Err)
	}
	for _, run := range done.Runs {
		a.print("%s %s", map[bool]string{true: "would restore", false: "restored"}[dry], terminal.Clean(run.String()))
	}
	switch {
	case len(done.Runs) > 0 && !dry:
		a.progress("runs: 'runs commit' commits them")
	case len(done.Runs) == 0 && len(done.Refused) == 0:
		a.progress("runs: nothing is lost that was committed in this clone")
	}
	if n := done.OnOtherBranches; n > 0 {
		a.progress("runs: %s on other branches only: 'runs ls --all-branches' shows them", plural(n, "run"))
	}
}

// sayRecovered reports one run and whether it failed.
func (a *app) sayRecovered(got repo.Recovered) (failed bool) {
	switch {
	case got.Err != nil:
		a.progress("runs: recovering run %s: %v", got.ID, got.Err)
		return true
	case got.Result == nil:
		a.progress("runs: left alone run %s: %s", got.ID, got.Reason)
		return false
	}
	if got.Result.Run != nil {
		a.sayFinished(got.Result)
		a.print("%s %s", got.ID, got.Result.Run.Status)
		return false
	}
	for _, id := range got.Result.Resumed {
		a.print("%s resumes %s", id, got.ID)
	}
	return false
}
