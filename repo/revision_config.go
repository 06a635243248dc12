package repo

import (
	"bytes"
	"context"
	"fmt"
	"path"

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
	entries, err := git.FilesIn(ctx, r.Git, commit, tree)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", commit, err)
	}
	for _, e := range entries {
		if e.Path != name {
			continue
		}
		var data bytes.Buffer
		if err := git.ReadBlob(ctx, r.Git, e.ID, format.MaxConfigBytes, &data); err != nil {
			return nil, fmt.Errorf("reading the configuration of %s: %w", commit, err)
		}
		return format.DecodeConfig(name, data.Bytes())
	}
	return format.DefaultConfig(), nil
}
