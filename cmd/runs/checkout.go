package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) checkoutCommand() *cobra.Command {
	var worktree bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "checkout RUN [DIR] [flags]",
		Short: "Restore the source of a run into a new folder",
		Long: `Restore the exact source of a run, byte for byte as git stores it, into DIR, which must not exist. The tree is rebuilt from
the commit and the patches that the run names and proved by its hash before a file is written.

    runs checkout best(rmse) ../best
    runs checkout @ --worktree

--worktree makes a linked git worktree: the commit of the run is checked out, and what was not committed stands there as
such. Without DIR it lies beside the project.`,
		Args: arguments(1, 2, "RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) == 2 {
				dir = a.path(args[1])
			} else if !worktree {
				return usagef("checkout: DIR missing: the folder to make")
			}
			return a.checkout(cmd.Context(), args[0], experiment, dir, worktree)
		},
		ValidArgsFunction: a.completeRun,
	}
	cmd.Flags().BoolVar(&worktree, "worktree", false, "make a linked git worktree")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) checkout(ctx context.Context, selector, experiment, dir string, worktree bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	e, err := a.oneRun(ctx, r, selector, experiment)
	if err != nil {
		return err
	}
	if dir == "" {
		dir = filepath.Join(filepath.Dir(r.TreeRoot()), filepath.Base(r.TreeRoot())+"-"+format.IDRandom(e.ID))
	}
	pointers := false
	if !worktree {
		if pointers, err = e.Repository().CheckOut(ctx, e.Run, dir); err != nil {
			return err
		}
	} else if commit, err := e.Repository().CheckOutWorktree(ctx, e.Run, dir); err != nil {
		return err
	} else if commit != e.Source.Commit {
		a.progress("runs: commit %.12s of the run is not in this clone: the worktree stands on %.12s, where its patches begin", e.Source.Commit, commit)
	}
	a.sayRestored(e, dir, pointers)
	return nil
}

// sayRestored says what was brought back, and what was not.
func (a *app) sayRestored(e *repo.Entry, dir string, pointers bool) {
	a.progress("runs: restored %s in %s: tree %.12s, proved", e.Title(), repo.Relative(a.dir, dir), e.Source.Proof())
	if missing := e.Source.Missing(); missing != "" {
		a.progress("runs: it is not all that ran: %s; 'runs show %s' says which", missing, format.IDRandom(e.ID))
	}
	if pointers {
		a.progress("runs: git LFS could not bring all files: their pointers stand in their place; 'git lfs fetch --all' in the project and repeat")
	}
}
