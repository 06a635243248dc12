package view

import (
	"context"
	"strings"
)

// maxManifestFiles is how many files of a dataset are listed at once.
const maxManifestFiles = 1000

// Manifest is a part of the files of a dataset.
type Manifest struct {
	Name  string        `json:"name"`
	Total int           `json:"total"` // files that match
	From  int           `json:"from"`  // index of the first in List, among those that match
	List  []DatasetFile `json:"list"`
}

// DatasetFile is a file of a dataset.
type DatasetFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // empty if only names and sizes were recorded
	Rows   *int64 `json:"rows"`
}

// Manifest lists files of the dataset of a run at an index of its datasets, at most 1,000: those whose path contains
// find, starting with the one at from. If there is no such dataset, or its list of files is not in this clone, the
// error is a *NotFoundError.
func (v *View) Manifest(ctx context.Context, run string, dataset int, find string, from int) (*Manifest, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	if dataset < 0 || dataset >= len(e.Datasets) || e.Datasets[dataset].Manifest == "" {
		return nil, missing("", "run %s has no list of files of dataset %d", e.ID, dataset)
	}
	entries, err := e.Repository().Manifest(ctx, e.Datasets[dataset])
	if err != nil {
		return nil, unreadable("reading the files of a dataset", err)
	}
	m := &Manifest{Name: e.Datasets[dataset].Name, From: max(0, from), List: []DatasetFile{}}
	for _, f := range entries {
		if !strings.Contains(f.Path, find) {
			continue
		}
		if m.Total++; m.Total > m.From && len(m.List) < maxManifestFiles {
			m.List = append(m.List, DatasetFile{f.Path, f.Bytes, f.SHA256, f.Rows})
		}
	}
	return m, nil
}
