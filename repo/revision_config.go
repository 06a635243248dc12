package repo

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// ConfigAt returns the settings of the project in a commit. If the commit has no config.toml, they are the defaults.
func (r *Repository) ConfigAt(ctx context.Context, commit string) (*format.Config, error) {
	commit, tree, err := r.commitOf(ctx, commit)
	if err != nil {
		return nil, err
	}
	name := path.Join(tree, "config.toml")
	entries, err := git.Names(ctx, r.Git, commit, tree) // not the files of all runs
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", commit, err)
	}
	if !slices.Contains(entries, git.Name{Path: name}) {
		return format.DefaultConfig(), nil
	}
	var data bytes.Buffer
	if err := git.ReadBlob(ctx, r.Git, commit+":"+name, format.MaxConfigBytes, &data); err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", commit, err)
	}
	return format.DecodeConfig(name, data.Bytes())
}
