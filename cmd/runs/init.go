package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) initCommand() *cobra.Command {
	var withCode, withoutCode bool
	var artifacts string
	cmd := &cobra.Command{
		Use:   "init [DIR] [flags]",
		Short: "Set up a repository of runs",
		Long: `Set up .runs in DIR, or at the root of the git project: config.toml, .gitignore and .gitattributes, the same bytes
everywhere. It may be repeated and never overwrites an edit. Recording a run does it by itself.

With --with-code finished runs go into the very commit of the code: a call is added to git's pre-commit hook, beside what
is there, also with core.hooksPath, husky and the pre-commit framework.

With --artifacts large artifacts get a store: 'lfs' is git LFS, set up for this clone; else a URL like s3://bucket/prefix or
file:///shared/folder.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if withCode && withoutCode {
				return usagef("init: --with-code and --without-code cannot be combined")
			}
			ctx := cmd.Context()
			if withoutCode {
				return a.withoutCode(ctx, args)
			}
			var r *repo.Repository
			var made bool
			var err error
			if len(args) == 1 {
				r, made, err = repo.Init(a.path(args[0]))
			} else {
				r, made, err = a.initHere()
			}
			if err != nil {
				return err
			}
			word := "nothing to do: set up already:"
			if made {
				word = "set up"
			}
			a.print("%s %s", word, repo.Relative(a.dir, r.Dir))
			if made {
				a.sayOutsideGit(r)
			}
			if made && r.InGit {
				a.progress("runs: git shows metrics in its diffs after: git config diff.runs-metrics.textconv 'runs textconv'")
			}
			switch {
			case artifacts == "lfs" || artifacts == format.StoreLFS:
				err = r.UseLFS(ctx)
			case cmd.Flags().Changed("artifacts"):
				err = r.UseStore(artifacts)
			}
			if err != nil {
				return err
			}
			a.sayGitProblems(ctx, r)
			if artifacts != "" {
				a.progress("runs: large artifacts go to %s: commit .runs/config.toml and .runs/.gitattributes", artifacts)
			}
			if withCode {
				return a.withCode(ctx, r)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&withCode, "with-code", false, "finished runs go into the commit of the code, by a pre-commit hook")
	cmd.Flags().StringVar(&artifacts, "artifacts", "", "large artifacts go to `STORE`: lfs, or a URL")
	cmd.Flags().BoolVar(&withoutCode, "without-code", false, "take that hook out again")
	return cmd
}

// initHere completes the repository that is there, or sets one up.
func (a *app) initHere() (*repo.Repository, bool, error) {
	r, made, err := repo.Setup(a.dir)
	if err != nil || made {
		return r, made, err
	}
	return repo.Init(r.Root)
}

// sayOutsideGit says of a folder that was set up what it cannot record.
func (a *app) sayOutsideGit(r *repo.Repository) {
	if !r.InGit {
		a.progress("runs: no git here: the source is not recorded; 'git init' and a commit make runs reproducible")
	}
}

// sayGitProblems warns where git would not treat runs as it must.
func (a *app) sayGitProblems(ctx context.Context, r *repo.Repository) {
	wrong, err := r.CheckGit(ctx)
	for _, w := range wrong {
		a.progress("runs: %s", w)
	}
	if err != nil && ctx.Err() == nil {
		a.progress("runs: %v", fmt.Errorf("git could not be asked about %s: %w", repo.DirName, err))
	}
}
