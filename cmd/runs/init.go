package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) initCommand() *cobra.Command {
	var withCode, withoutCode bool
	var artifacts string
	cmd := &cobra.Command{
		Use:   "init [DIR] [flags]",
		Short: "Set up runs in a project",
		Long: `Set up .runs in DIR, or at the root of the Git project: config.toml, .gitignore and
.gitattributes. Files that exist are left as they are. This also happens
automatically when you record a run.

    runs init
    runs init --artifacts lfs

With --artifacts, set the artifact store, which holds large artifacts: 'lfs' for
Git LFS, or a URL such as s3://bucket/prefix or file:///shared/folder. With
Git LFS, run 'runs init --artifacts lfs' once in each clone. See
'runs help stores'.

With --with-code, finished runs become part of your code commits: init adds a call
to Git's pre-commit hook and keeps what is there. This also works with
core.hooksPath, husky and the pre-commit framework.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case withCode && withoutCode:
				return usagef("init: --with-code and --without-code cannot be combined")
			case withoutCode:
				return a.withoutCode(ctx, args)
			}
			r, made, err := a.initAt(args)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("artifacts") {
				return a.initWith(ctx, r, made, nil, withCode)
			}
			return a.initWith(ctx, r, made, &artifacts, withCode)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&withCode, "with-code", false, "add finished runs to code commits, by a pre-commit hook")
	flags.StringVar(&artifacts, "artifacts", "", "keep large artifacts in `STORE`: lfs, or a URL")
	flags.BoolVar(&withoutCode, "without-code", false, "remove the hook that --with-code installed")
	return cmd
}

func (a *app) initAt(dir []string) (r *repo.Repository, made bool, err error) {
	if len(dir) == 1 {
		return repo.Init(a.path(dir[0]))
	}
	return repo.InitProject(a.dir)
}

// initWith applies the chosen settings and prints what was done. store is nil if no artifact store is to be set.
func (a *app) initWith(ctx context.Context, r *repo.Repository, made bool, store *string, withCode bool) error {
	where := repo.Relative(a.dir, r.Dir)
	if made {
		a.print("set up %s", where)
		a.warnOutsideGit(r)
	}
	if made && r.InGit {
		a.progress("runs: to see metrics in Git diffs, run: git config diff.runs-metrics.textconv 'runs textconv'")
	}
	if store != nil {
		allowed := r.StoreAllowed(*store)
		set, err := r.UseArtifactStore(ctx, *store)
		if err != nil {
			return err
		}
		switch {
		case set:
			a.print("set the artifact store to %s", *store)
			a.progress("runs: commit .runs/config.toml and .runs/.gitattributes to share it")
		case *store == "lfs" || *store == format.StoreLFS:
			a.print("set up Git LFS in this clone")
		case !allowed:
			a.print("allowed the artifact store %s in this clone", *store)
		default:
			a.print("nothing to do: the artifact store is already %s", *store)
		}
	} else if !made {
		a.print("nothing to do: %s is already set up", where)
	}
	a.warnGitProblems(ctx, r)
	if withCode {
		return a.withCode(ctx, r)
	}
	return nil
}

// warnOutsideGit warns that the source is not recorded if the repository is not in Git.
func (a *app) warnOutsideGit(r *repo.Repository) {
	if !r.InGit {
		a.warn("this is not a Git repository; the source is not recorded until you run 'git init' and commit")
	}
}

// warnGitProblems warns if Git would not handle the files of runs correctly.
func (a *app) warnGitProblems(ctx context.Context, r *repo.Repository) {
	problems, err := r.CheckGit(ctx)
	for _, p := range problems {
		a.warn("%s", p)
	}
	if err != nil && ctx.Err() == nil {
		a.warn("asking Git how it treats %s: %v", repo.DirName, err)
	}
}
