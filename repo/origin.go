package repo

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// TreeRoot is the folder that recorded paths are relative to: the working tree of git, else the folder that holds .runs.
func (r *Repository) TreeRoot() string {
	if r.InGit {
		return r.Git.Root
	}
	return r.Root
}

// Origin writes into run who runs which code: author and source. The patches of the source are stored. What cannot be
// captured is said in warnings: recording goes on without. datasets are the paths, relative to TreeRoot, of what is
// recorded as data.
func (r *Repository) Origin(ctx context.Context, run *format.Run, datasets []string) (warnings []string, err error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
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
			captured, sourceErr = capture.Source(ctx, r.Git, config, datasets)
			return nil
		})
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
		warnings = append(warnings, "the author is not recorded: "+authorErr.Error())
	}
	if sourceErr != nil {
		return append(warnings, "the source is not recorded: "+sourceErr.Error()), nil
	}
	if captured == nil {
		return warnings, nil
	}
	if err := r.storeSource(ctx, captured); err != nil {
		return warnings, err
	}
	run.Source = &captured.Source
	run.Source.Remote = remote
	warnings = append(warnings, captured.Warnings...)
	if missing := run.Source.Missing(); missing != "" {
		warnings = append(warnings, fmt.Sprintf("the source cannot be fully restored: %s; 'runs show' says which", missing))
	}
	return warnings, nil
}

func (r *Repository) storeSource(ctx context.Context, c *capture.Captured) error {
	for i, digest := range c.Source.Patches {
		if err := r.share(sharedSources, digest, c.Patches[i]); err != nil {
			return err
		}
	}
	if c.Keep == "" {
		return nil
	}
	return git.Keep(ctx, r.Git, c.Keep)
}
