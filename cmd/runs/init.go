package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
			r, made, created, err := a.initAt(args)
			if err != nil {
				return err
			}
			var store *string
			if cmd.Flags().Changed("artifacts") {
				store = &artifacts
			}
			if err := a.initWith(ctx, r, made, created, store, withCode); err != nil {
				return err
			}
			a.warnUnknown(r)
			return misspelt(r)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&withCode, "with-code", false, "add finished runs to code commits, by a pre-commit hook")
	flags.StringVar(&artifacts, "artifacts", "", "keep large artifacts in `STORE`: lfs, or a URL")
	flags.BoolVar(&withoutCode, "without-code", false, "remove the hook that --with-code installed")
	return cmd
}

// initAt sets up a repository. created lists the files that were missing in one that existed.
func (a *app) initAt(dir []string) (r *repo.Repository, made bool, created []string, err error) {
	if len(dir) == 0 {
		return repo.InitProject(a.dir)
	}
	_, statErr := os.Stat(filepath.Join(a.path(dir[0]), repo.DirName))
	r, created, err = repo.Init(a.path(dir[0]))
	return r, errors.Is(statErr, fs.ErrNotExist), created, err
}

// warnUnknown warns about keys of config.toml that misspelt does not return.
func (a *app) warnUnknown(r *repo.Repository) {
	config, err := r.Config()
	if err != nil {
		return // misspelt returns it
	}
	for _, u := range config.Unknown {
		if u.Near == "" || len(config.Requires.Entries) > 0 {
			a.warn("%s", u)
		}
	}
}

// misspeltInCI is misspelt in a CI job, where nobody reads a warning.
func misspeltInCI(r *repo.Repository) error {
	if ci := os.Getenv("CI"); ci == "" || ci == "false" {
		return nil
	}
	return misspelt(r)
}

// misspelt returns an error if config.toml has a key that this version does not know and that is close to one that it
// knows, unless the file requires something, because then a newer version may have written it.
func misspelt(r *repo.Repository) error {
	config, err := r.Config()
	if err != nil || len(config.Requires.Entries) > 0 {
		return err
	}
	for _, u := range config.Unknown {
		if u.Near != "" {
			return &repo.HintError{
				Err:  fmt.Errorf("checking the settings: %s", u),
				Hint: "correct the key; recording goes on without it",
			}
		}
	}
	return nil
}

// initWith applies the chosen settings and prints what was done. store is nil if no artifact store is to be set.
func (a *app) initWith(ctx context.Context, r *repo.Repository, made bool, created []string, store *string,
	withCode bool,
) error {
	where := repo.Relative(a.dir, r.Dir)
	switch {
	case made:
		a.print("set up %s", where)
		a.warnOutsideGit(r)
	case len(created) > 0:
		a.print("created %s in %s", strings.Join(created, ", "), where)
	case store == nil && !withCode:
		a.print("nothing to do: %s is already set up", where)
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
