package repo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// TreeRoot returns the project root, which recorded paths are relative to: the root of the Git working tree, or
// otherwise the folder that holds .runs.
func (r *Repository) TreeRoot() string {
	if r.InGit {
		return r.Git.Root
	}
	return r.Root
}

// ownFolder returns the path of .runs in the Git working tree, with slashes, or nothing if it is elsewhere.
func (r *Repository) ownFolder() string {
	rel, err := filepath.Rel(r.TreeRoot(), r.Dir)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

// OriginRequest describes the program that runs.
type OriginRequest struct {
	Command  []string // as it was given; empty if it is not known
	Dir      string   // folder in which the program runs
	Datasets []string // paths of the recorded datasets, relative to TreeRoot

	Interpreter *capture.Interpreter // the Python that runs; nil if only the command tells
}

// Origin records the author, source, machine and environment in run. It stores the patches of the source and the
// environment. What cannot be captured is left out and gives a warning.
func (r *Repository) Origin(ctx context.Context, run *format.Run, q OriginRequest) (warnings []string, err error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	var file *format.EnvironmentFile
	var packages *capture.PackageSources
	var environment errgroup.Group
	environment.Go(func() error {
		run.Machine = capture.Machine()
		run.Environment, file, packages = capture.Environment(ctx, capture.EnvironmentRequest{
			Root: r.TreeRoot(), Dir: q.Dir, Command: q.Command, Variables: config.Environment.Variables,
			Interpreter: q.Interpreter, Config: config,
		})
		return nil
	})
	warnings, err = r.sourceOrigin(ctx, run, config, q.Datasets)
	_ = environment.Wait()
	defer packages.Close()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.storePackages(run, packages); err != nil {
		warnings = append(warnings, "the sources of editable packages are not recorded: "+err.Error())
	}
	warnings = append(warnings, packages.Warnings...)
	if err := r.storeEnvironment(run, file); err != nil {
		warnings = append(warnings, "the environment is not recorded: "+err.Error())
	}
	return warnings, nil
}

// storePackages records the sources of editable packages in a run that has a source.
func (r *Repository) storePackages(run *format.Run, packages *capture.PackageSources) error {
	if run.Source == nil {
		return nil
	}
	for _, c := range packages.Captured {
		if err := r.storePatches(c); err != nil {
			return err
		}
	}
	run.Source.Packages = packages.Packages
	return nil
}

func (r *Repository) storeEnvironment(run *format.Run, file *format.EnvironmentFile) error {
	data, digest, err := format.EncodeEnvironment(file)
	if err != nil {
		return err
	}
	if err := r.shareBytes(sharedEnvironments, digest, data); err != nil {
		return err
	}
	run.Environment.Digest = digest
	return nil
}

// OriginAgain records the author, machine and environment in run, which reproduces another. The source is known,
// because it was restored into root, and so are those of the packages in restored. env lists the variables that the
// program has in addition to our own environment. OriginAgain returns the environment.
func (r *Repository) OriginAgain(
	ctx context.Context, run *format.Run, root, dir string, command, env []string, restored []format.Package,
) (*format.EnvironmentFile, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	run.Author, _, _ = capture.Author(ctx, r.TreeRoot())
	run.Machine = capture.Machine()
	var file *format.EnvironmentFile
	var packages *capture.PackageSources
	run.Environment, file, packages = capture.Environment(ctx, capture.EnvironmentRequest{
		Root: root, Dir: dir, Command: command, Env: env, Variables: config.Environment.Variables, Config: config,
	})
	defer packages.Close()
	if run.Source != nil {
		source := *run.Source // that of the reproduced run
		run.Source = &source
		if err := r.storePackages(run, packages); err != nil {
			return nil, err
		}
		run.Source.Packages = append(run.Source.Packages, restored...)
		slices.SortFunc(run.Source.Packages, func(a, b format.Package) int { return strings.Compare(a.Name, b.Name) })
	}
	return file, r.storeEnvironment(run, file)
}

func (r *Repository) sourceOrigin(
	ctx context.Context, run *format.Run, config *format.Config, datasets []string,
) (warnings []string, err error) {
	var remote string
	var authorErr, sourceErr error
	var captured *capture.Captured
	var both errgroup.Group
	both.Go(func() error {
		run.Author, remote, authorErr = capture.Author(ctx, r.TreeRoot())
		return nil
	})
	if r.InGit {
		both.Go(func() error {
			written, rewritten := r.written()
			captured, sourceErr = capture.Source(ctx, r.Git, capture.SourceRequest{
				Config: config, Datasets: datasets, Written: written, Rewritten: rewritten,
			})
			return nil
		})
	}
	pointers := ""
	if r.InGit {
		both.Go(func() error { pointers = r.sourcePointers(ctx); return nil })
	}
	_ = both.Wait()
	if captured != nil {
		defer captured.Close()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(authorErr, git.ErrNoGit) && r.InGit:
		return []string{"git is not installed: the source is not recorded"}, nil
	case errors.Is(authorErr, git.ErrNoGit):
		return nil, nil
	case authorErr != nil:
		warnings = append(warnings, "the author is not recorded: "+git.WithHint(authorErr))
	}
	if sourceErr != nil {
		if run.Source = r.commitOnly(ctx, remote, sourceErr); run.Source != nil {
			return append(warnings, "of the source, only the commit is recorded: "+git.WithHint(sourceErr)), nil
		}
		return append(warnings, "the source is not recorded: "+git.WithHint(sourceErr)), nil
	}
	if captured == nil {
		return warnings, nil
	}
	if err := r.storeSource(ctx, captured); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return append(warnings, "the source is not recorded: "+git.WithHint(err)), nil
	}
	run.Source = &captured.Source
	run.Source.Remote = remote
	warnings = append(warnings, captured.Warnings...)
	if pointers != "" {
		warnings = append(warnings, pointers)
	}
	if missing := run.Source.Missing(); missing != "" {
		warnings = append(
			warnings, fmt.Sprintf("the source cannot be fully restored: %s; 'runs show' lists them", missing),
		)
	}
	return warnings, nil
}

// commitOnly returns what is recorded of a source that only git can capture: what is checked out. It is nil if the
// capture failed for another reason, or if there is no commit.
func (r *Repository) commitOnly(ctx context.Context, remote string, err error) *format.Source {
	if !errors.Is(err, git.ErrNoGit) {
		return nil
	}
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil || tip.Commit == "" {
		return nil
	}
	return &format.Source{Commit: tip.Commit, Branch: tip.Branch, Remote: remote, Reader: format.ReaderNative}
}

func (r *Repository) storeSource(ctx context.Context, c *capture.Captured) error {
	if err := r.storePatches(c); err != nil {
		return err
	}
	for _, sub := range c.Submodules {
		if err := r.storePatches(sub); err != nil {
			return err
		}
	}
	if c.Keep == "" {
		return nil
	}
	return git.KeepBase(ctx, r.Git, c.Keep)
}

func (r *Repository) storePatches(c *capture.Captured) error {
	for i, digest := range c.Source.Patches {
		if err := r.share(sharedSources, digest, c.Patches[i]); err != nil {
			return err
		}
	}
	return nil
}
