// Package ingest decides which importer reads a folder: that of .runs folders, which is in repo/share, or that of a
// tracker's logs, which is a package of its own. It is where a new importer is added to the list. It knows no terminal.
package ingest

import (
	"context"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/tensorboard"
	"github.com/gitruns/runs/repo/wandb"
)

// Tracker is a tracker whose logs can be imported.
type Tracker struct {
	Kind    string // its name
	Content string // what a log must have to become a run, for messages
	found   func(ctx context.Context, path string) bool
	read    func(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error)
}

// Import makes finished runs of the logs under a folder. See importer.Import.
func (t *Tracker) Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	return t.read(ctx, r, q)
}

var trackers = []*Tracker{
	{"tensorboard", "a point, text, image or param", tensorboard.Found, tensorboard.Import},
	{"wandb", "a run", wandb.Found, wandb.Import},
}

// Kinds are the kinds of folders that can be imported.
func Kinds() []string {
	kinds := slices.Clone(share.ImportKinds)
	for _, t := range trackers {
		kinds = append(kinds, t.Kind)
	}
	return kinds
}

// Of returns the tracker that wrote the logs in a folder, nil if the folder is one of runs or of no known kind. kind is
// one of Kinds, or empty: then the names of files decide, and runs win.
func Of(ctx context.Context, kind, path string) *Tracker {
	for _, t := range trackers {
		if kind == t.Kind || kind == "" && share.CheckImport(path) != nil && t.found(ctx, path) {
			return t
		}
	}
	return nil
}
