package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) checkoutCommand() *cobra.Command {
	var worktree bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "checkout RUN [DIR] [flags]",
		Short: "Restore the source of a run",
		Long: `Restore the exact source of a run into DIR, which must not exist: byte for byte as
Git stores it. The source is rebuilt from the commit and the patches that the run
names, and verified by its hash before a file is written.

    runs checkout best=rmse ../best
    runs checkout @ --worktree

With --worktree, make a linked Git worktree: the commit of the run is checked out,
and what was not committed appears as uncommitted changes. Without DIR, the
worktree is next to the project.`,
		Args: arguments(1, 2, "RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) == 2 {
				dir = a.path(args[1])
			} else if !worktree {
				return usageError{&repo.HintError{
					Err: errors.New("checkout: missing DIR"), Hint: "name a folder that does not exist yet",
				}}
			}
			return a.checkout(cmd.Context(), args[0], experiment, dir, worktree)
		},
	}
	a.storeFlags(cmd)
	cmd.Flags().BoolVar(&worktree, "worktree", false, "make a linked Git worktree")
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
	commit := ""
	var done repo.Restored
	if worktree {
		commit, done, err = e.Repository().CheckOutWorktree(ctx, e.Run, dir)
	} else {
		done, err = e.Repository().CheckOut(ctx, e.Run, dir)
	}
	if err != nil {
		return err
	}
	if worktree && commit != e.Source.Commit {
		a.warn("commit %.12s of the run is not in this clone; the worktree is at its base commit %.12s",
			e.Source.Commit, commit)
	}
	a.printRestored(ctx, e, dir, done)
	a.printMissingData(ctx, e, dir)
	return nil
}

// printMissingData warns about data of a run that this machine does not have, and says how the other data gets to the
// restored source.
func (a *app) printMissingData(ctx context.Context, e *repo.Entry, dir string) {
	missing, elsewhere := e.Repository().MissingData(ctx, e.Run, dir)
	for i, m := range missing {
		if i == shownChanges {
			a.warn("%d more datasets are not on this machine", len(missing)-i)
			break
		}
		a.warn("the source is restored, but %s; 'runs reproduce' finds it by %s", m, m.Variable())
	}
	if len(elsewhere) > 0 {
		a.hint("the data is not part of the source: %s; 'runs reproduce %s' copies it",
			firstNames(elsewhere), format.IDRandom(e.ID))
	}
}

// printRestored prints what was restored and warns about what was not.
func (a *app) printRestored(ctx context.Context, e *repo.Entry, dir string, done repo.Restored) {
	modules := ""
	if n := len(e.Source.Submodules) - len(done.Submodules); n > 0 {
		modules = ", with " + terminal.Count(int64(n), "submodule")
	}
	a.progress("runs: restored %s in %s: tree %.12s, verified%s", e.Title(), repo.Relative(a.dir, dir),
		e.Source.Proof(), modules)
	for _, err := range done.Submodules {
		a.warn("this is not the full source: %v", err)
		var hint *repo.HintError
		if errors.As(err, &hint) {
			a.hint("%s", hint.Hint)
		}
	}
	if missing := e.Source.Missing(); missing != "" {
		a.warn("this is not the full source: %s; see 'runs show %s'", missing, format.IDRandom(e.ID))
	}
	if unknown := e.UnknownInputs(); unknown != "" {
		a.warn("the source is restored, but perhaps not all data of the run: %s", unknown)
		if files := e.Source.Rewritten(); len(files) > 0 {
			a.hint("if the program reads %s, commit it before the next run, or record with --trace syscalls", firstNames(files))
		}
	}
	for i, missing := range e.Repository().MissingPackages(ctx, e.Run) {
		if i == shownChanges {
			a.warn("more packages are missing; see 'runs verify %s'", format.IDRandom(e.ID))
			break
		}
		a.warn("the source is restored, but %s", missing)
	}
	if missing := e.MissingArtifactOfCommand(ctx); missing != "" {
		a.warn("the source is restored, but %s", missing)
	}
	if done.Pointers != nil {
		a.warn("%v; pointers of Git LFS were written instead", done.Pointers)
		var hint *repo.HintError
		if errors.As(done.Pointers, &hint) {
			a.hint("%s", hint.Hint)
		}
	}
}
