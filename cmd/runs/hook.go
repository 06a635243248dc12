package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) hookCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "hook pre-commit",
		Hidden: true,
		Short:  "Put finished runs into the commit that git is making",
		Long: `Put finished runs into the commit of code that git is making, held to the same rules as by 'runs commit'. It is called by
the hook that 'runs init --with-code' installs, and never keeps git from committing: what goes wrong is said, and the
runs wait for the next commit.`,
		Args:      arguments(1, 1, "pre-commit"),
		ValidArgs: []string{"pre-commit"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "pre-commit" {
				return usagef("hook: %q is no hook of runs; pre-commit is", args[0])
			}
			if err := a.stageForCommit(cmd.Context()); err != nil && !errors.Is(err, repo.ErrNoRepository) {
				a.progress("runs: no runs go into this commit: %s", firstLine(err.Error()))
			}
			return nil
		},
	}
}

func (a *app) stageForCommit(ctx context.Context) error {
	if err := git.HookEnvironment(); err != nil {
		return err
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	done, err := share.StageForCommit(ctx, r)
	if err != nil {
		return err
	}
	a.sayRefused(done.Refused)
	switch {
	case done.Waiting > 0:
		a.progress("runs: %s not committed: %s", plural(done.Waiting, "finished run"), done.Reason)
	case !done.Empty():
		a.progress("runs: this commit takes along: %s, %s", terminal.Clean(done.Summary()), filesAndBytes(done.Files, done.Bytes))
	}
	return nil
}

// withCode installs the hook and says where.
func (a *app) withCode(ctx context.Context, r *repo.Repository) error {
	h, changed, err := share.InstallHook(ctx, r)
	if err != nil {
		return err
	}
	where := terminal.Clean(repo.Relative(a.dir, h.Path))
	if !changed {
		a.print("nothing to do: finished runs go into the commit of the code already: %s", where)
	} else {
		a.print("finished runs go into the commit of the code from now on: %s", where)
	}
	if h.Place == git.HookOfProject && changed {
		a.progress("runs: this is a file of the project: commit it, and everyone has the hook")
	}
	if h.Tool == "pre-commit" {
		snippet, err := share.HookSnippet(r)
		if err != nil {
			return err
		}
		a.progress("runs: this is for this clone; for everyone, .pre-commit-config.yaml may say:")
		a.print("%s", terminal.CleanLines(snippet))
	}
	return nil
}

// withoutCode takes the hook out again.
func (a *app) withoutCode(ctx context.Context, dir []string) error {
	if len(dir) == 1 {
		a.dir = a.path(dir[0])
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	paths, err := share.RemoveHook(ctx, r)
	for _, path := range paths {
		a.print("removed from %s", terminal.Clean(repo.Relative(a.dir, path)))
	}
	if err == nil && len(paths) == 0 {
		a.print("nothing to do: no hook puts runs into the commit of the code")
	}
	return err
}
