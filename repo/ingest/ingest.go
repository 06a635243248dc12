// Package ingest decides which importer reads a folder. The importer of .runs folders is in repo/share, and each
// tracker has an importer in a package of its own. Add a new importer to the list in this package. The package uses
// no terminal.
package ingest

import (
	"context"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/csvlog"
	"github.com/gitruns/runs/repo/dvclive"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow/stored"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/tensorboard"
	"github.com/gitruns/runs/repo/trackio"
	"github.com/gitruns/runs/repo/wandb"
)

// Tracker is a tracker whose logs can be imported.
type Tracker struct {
	Kind    string // name of the tracker
	Content string // what a log must contain to become a run, for messages
	File    bool   // its logs may be a file; otherwise they are in a folder
	found   func(ctx context.Context, path string) bool
	read    func(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error)
}

// Import makes finished runs from the logs in a folder and its subfolders. See importer.Import.
func (t *Tracker) Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	return t.read(ctx, r, q)
}

var trackers = []*Tracker{
	// A folder of MLflow's may have event files among its artifacts, so it comes first.
	{"mlflow", "a run", true, stored.Found, stored.Import},
	{"tensorboard", "a point, text, image or param", false, tensorboard.Found, tensorboard.Import},
	{"wandb", "a run", false, wandb.Found, wandb.Import},
	{dvclive.Kind, "a point, param or file", false, dvclive.Found, dvclive.Import},
	{trackio.Kind, "a point, param or file", true, trackio.Found, trackio.Import},
	{"csv", "a cell", true, csvlog.Found, csvlog.Import},
}

// Kinds returns the kinds of folders that can be imported.
func Kinds() []string {
	kinds := slices.Clone(share.ImportKinds)
	for _, t := range trackers {
		kinds = append(kinds, t.Kind)
	}
	return kinds
}

// Of returns the tracker that wrote the logs in a folder, or nil if the folder is a .runs folder or of no known kind.
// kind is one of Kinds. If it is empty, the names of the files decide, and a .runs folder comes first.
func Of(ctx context.Context, kind, path string) *Tracker {
	for _, t := range trackers {
		if kind == t.Kind || kind == "" && share.CheckImport(path) != nil && t.found(ctx, path) {
			return t
		}
	}
	return nil
}
