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
		Short: "Finish dead runs or restore lost ones",
		Long: `Finish, as crashed, the runs whose process no longer exists. A run that was
started on another machine is left alone unless you name it with --force,
declare that machine dead with --host, or set a limit on its silence with
--silent.

    runs recover
    runs recover --silent 6h

With --lost, restore runs that were committed in this clone, or that the history
of the branch had, but that are no longer in the working tree or on any local
branch. 'git reset --hard', 'git rebase --abort', a deleted branch, a merge or a
commit that deletes a run without 'runs rm' can do that. The runs are verified
and come back as finished, uncommitted runs. Name a run by its full id to restore
one that was removed or that only another branch has.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lost {
				if o.Force || o.Host != "" || silent != "" {
					return usagef("recover: --lost cannot be combined with --force, --host or --silent")
				}
				return a.restoreLost(cmd.Context(), args, dry)
			}
			switch {
			case len(args) > 1:
				return usagef("recover: unexpected argument %q", args[1])
			case o.Force && len(args) == 0:
				return usagef("recover: --force requires RUN")
			case dry:
				return usagef("recover: --dry-run requires --lost")
			}
			if silent != "" {
				d, err := time.ParseDuration(silent)
				if err != nil || d <= 0 {
					return usagef("recover: --silent must be a duration such as 6h, got %q", silent)
				}
				o.Silent = d
			}
			return a.recover(cmd.Context(), o, args)
		},
	}
	cmd.Flags().BoolVar(&o.Force, "force", false, "finish RUN even if its process may be alive")
	cmd.Flags().StringVar(&o.Host, "host", "", "treat every process of machine `H` as dead")
	cmd.Flags().StringVar(&silent, "silent", "",
		"treat a run of another machine as dead after `DURATION` without activity")
	cmd.Flags().BoolVar(&lost, "lost", false, "restore runs that a reset, an aborted rebase or a deleted branch removed")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "with --lost, only list what would be restored")
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
		a.progress("runs: nothing to recover: no run is in progress; use --lost to restore runs that Git removed")
	}
	failed := false
	for _, got := range all {
		failed = a.reportRecovered(got) || failed
		if got.Result != nil {
			a.commitAtFinish(ctx, r, got.Result.Run, false)
		}
	}
	if failed || o.ID != "" && len(all) > 0 && all[0].Result == nil {
		return quietError{exitFailed}
	}
	return nil
}

// finishGoneBut is like finishGone but skips runs with the given key, because a new run may resume one of them.
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

// finishGone finishes runs whose process no longer exists, with status crashed. Commands call it before they start,
// list or commit runs. It skips the runs for which except returns true; a nil except skips none. It also skips runs
// that this user cannot write, so that somebody else can finish them.
func (a *app) finishGone(ctx context.Context, r *repo.Repository, except func(id string) bool) {
	all, err := r.FinishGone(ctx, except)
	if err != nil && ctx.Err() == nil {
		a.warn("%v", err)
	}
	for _, got := range all {
		switch {
		case errors.Is(got.Err, fs.ErrPermission) || errors.Is(got.Err, syscall.EROFS):
		case got.Err != nil:
			a.warn("finishing run %s, whose process no longer exists: %v", got.ID, got.Err)
		case got.Result.Run != nil && got.Result.Run.Status != format.Crashed:
			a.progress("runs: completed the record of run %s, which ended with status %s", got.Result.Run,
				got.Result.Run.Status)
			a.reportFinished(got.Result)
		case got.Result.Run != nil:
			a.progress("runs: run %s crashed: its process no longer exists", got.Result.Run)
			a.reportFinished(got.Result)
		default:
			a.reportFinished(got.Result)
		}
	}
}

// restoreLost implements recover --lost.
func (a *app) restoreLost(ctx context.Context, selectors []string, dry bool) error {
	r, err := share.OpenLost(ctx, a.dir, dry)
	if err != nil {
		return err
	}
	a.completeInterrupted(ctx, r)
	q := share.LostRequest{DryRun: dry}
	if q.IDs, err = a.lostIDs(ctx, r, selectors); err != nil {
		return err
	}
	progress := a.term.Progress("restoring runs")
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
	a.reportLost(done, dry)
	if len(done.Refused) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// lostIDs returns the ids of the selected runs, or nil if there are no selectors. A selector that is not a full id is
// resolved among all runs that were committed in this clone.
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

func (a *app) reportLost(done *share.RestoredLost, dry bool) {
	for _, d := range done.Refused {
		a.warn("skipped: %v", d.Err)
	}
	for _, run := range done.Runs {
		a.print("%s %s", map[bool]string{true: "would restore", false: "restored"}[dry], terminal.Clean(run.String()))
	}
	switch {
	case len(done.Runs) > 0 && !dry:
		a.hint("run 'runs commit' to commit %s", verb(len(done.Runs), "it", "them"))
	case len(done.Runs) == 0 && len(done.Refused) == 0:
		a.progress("runs: nothing to restore: no run of this clone or of the history of its branch is lost")
	}
	if n := done.Deleted; n > 0 {
		a.progress("runs: %s of HEAD %s not in the working tree", plural(n, "run"), verb(n, "is", "are"))
		a.hint("run 'git checkout HEAD -- .runs' to bring %s back", verb(n, "it", "them"))
	}
	if n := done.OnOtherBranches; n > 0 {
		a.progress("runs: %s %s only on other branches", plural(n, "run"), verb(n, "is", "are"))
		a.hint("run 'runs ls --all-branches' to list %s", verb(n, "it", "them"))
	}
	if n := done.OnRemotes; n > 0 {
		a.progress("runs: %s %s only on branches of a remote, such as %s", plural(n, "run"), verb(n, "is", "are"),
			terminal.Clean(done.Remote))
		a.hint("run 'runs ls --rev %s' to list %s", terminal.Clean(done.Remote), verb(n, "it", "them"))
	}
}

// reportRecovered prints the outcome for a run and reports whether the recovery failed.
func (a *app) reportRecovered(got repo.Recovered) (failed bool) {
	switch {
	case got.Err != nil:
		a.warn("recovering run %s: %v", got.ID, got.Err)
		return true
	case got.Result == nil:
		a.progress("runs: skipped run %s: %s", got.ID, got.Reason)
		return false
	}
	if got.Result.Run != nil {
		a.reportFinished(got.Result)
		a.print("%s %s", got.ID, got.Result.Run.Status)
		return false
	}
	for _, id := range got.Result.Resumed {
		a.print("%s resumes %s", id, got.ID)
	}
	return false
}
