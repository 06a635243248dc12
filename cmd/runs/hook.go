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
		Short:  "Add finished runs to the commit that Git makes",
		Long: `Add finished runs to the code commit that Git is making, under the same rules as
'runs commit'. The hook that 'runs init --with-code' installs calls it:

    runs hook pre-commit

It also searches the files of the registry of models that the commit takes for
secrets, and reports them.

It never blocks the commit. If something fails, it reports the problem and
leaves the runs for the next commit.`,
		Args: arguments(1, 1, "pre-commit"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "pre-commit" {
				return usagef("hook: the hook must be pre-commit, got %q", args[0])
			}
			if err := a.stageForCommit(cmd.Context()); err != nil && !errors.Is(err, repo.ErrNoRepository) {
				a.warn("this commit includes no runs: %s", firstLine(git.WithHint(err)))
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
	a.searchStagedModels(ctx, r)
	done, err := share.StageForCommit(ctx, r)
	if err != nil {
		return err
	}
	a.warnRefused(done.Refused)
	a.warnAll(done.Warnings)
	switch {
	case done.Waiting.Finished > 0:
		a.progress("runs: %s: %s", notCommitted(done.Waiting), done.Reason)
	case !done.Empty():
		a.progress("runs: this commit also includes: %s, %s",
			terminal.Clean(done.Summary()), filesAndBytes(done.Files, done.Bytes))
	}
	return nil
}

// searchStagedModels reports secrets in files of the registry that the user has added to the commit.
func (a *app) searchStagedModels(ctx context.Context, r *repo.Repository) {
	findings, err := share.StagedModelSecrets(ctx, r)
	if err != nil {
		a.warn("%v", err)
	}
	if len(findings) == 0 {
		return
	}
	a.warn("this commit takes %s into the history", plural(len(findings), "secret"))
	_ = a.reportFindings(findings, false, nil)
	a.hint("take it out of the file, 'git add' it, run 'git commit --amend' before you push, and rotate the secret")
}

// withCode installs the Git hook that adds finished runs to code commits.
func (a *app) withCode(ctx context.Context, r *repo.Repository) error {
	h, changed, err := share.InstallHook(ctx, r)
	if err != nil {
		return err
	}
	where := terminal.Clean(repo.Relative(a.dir, h.Path))
	if !changed {
		a.print("nothing to do: finished runs already go into code commits: %s", where)
	} else {
		a.print("finished runs now go into code commits: %s", where)
	}
	if h.Place == git.HookOfProject && changed {
		a.progress("runs: the hook file belongs to the project; commit it to share it")
	}
	if h.Tool == "pre-commit" {
		snippet, err := share.HookSnippet(r)
		if err != nil {
			return err
		}
		a.progress("runs: the hook is for this clone only; to share it, add to .pre-commit-config.yaml:")
		a.print("%s", terminal.CleanLines(snippet))
	}
	return nil
}

// withoutCode removes the Git hook that adds finished runs to code commits.
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
		a.print("nothing to do: no hook adds runs to code commits")
	}
	return err
}
