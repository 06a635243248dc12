package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// FindDataset returns the request for data at path, which is absolute or a URL, under a name, which may be empty. If
// there is no such path and no name, word may be the name of a dataset of the configuration or of this machine.
func (r *Repository) FindDataset(ctx context.Context, name, path, word string) (DatasetRequest, error) {
	config, err := r.Config()
	if err != nil {
		return DatasetRequest{}, err
	}
	set := config.Datasets[name]
	q := DatasetRequest{Name: name, Path: path, Listing: set.Hash == format.HashListing, Role: set.Role}
	err = capture.CheckDataset(path)
	switch {
	case err == nil, name != "", errors.Is(err, capture.ErrURL):
		return q, err
	}
	known, knownErr := r.namedDataset(ctx, config, word)
	if knownErr == nil && capture.CheckDataset(known.Path) == nil {
		return known, nil
	}
	if hint := new(HintError); errors.As(knownErr, &hint) {
		return q, knownErr
	}
	return q, withHint(err, "name a file or a folder, or set RUNS_DATA_<NAME> to its path")
}

// ConfiguredDatasets returns the requests for the datasets that the configuration lists for every run, except those
// whose names are in except. A dataset that cannot be found gives a warning.
func (r *Repository) ConfiguredDatasets(ctx context.Context, except []string) (requests []DatasetRequest,
	warnings []string, err error,
) {
	config, err := r.Config()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(config.Datasets)) {
		if slices.Contains(except, name) {
			continue
		}
		q, err := r.namedDataset(ctx, config, name)
		if err == nil {
			err = capture.CheckDataset(q.Path)
		}
		if err != nil {
			warnings = append(warnings, skippedDataset(name, err))
			continue
		}
		requests = append(requests, q)
	}
	return requests, warnings, nil
}

// namedDataset returns the request for the dataset with this name, at its place on this machine, or otherwise at the
// path in the configuration.
func (r *Repository) namedDataset(ctx context.Context, config *format.Config, name string) (DatasetRequest, error) {
	set := config.Datasets[name]
	q := DatasetRequest{Name: name, Listing: set.Hash == format.HashListing, Role: set.Role}
	var err error
	if q.Path, err = r.DataPlace(ctx, name); err != nil || q.Path != "" {
		return q, err
	}
	if set.Path == "" {
		return q, fmt.Errorf("the path of dataset %s is not known", name)
	}
	q.Named, q.Path = true, set.Path
	if strings.Contains(set.Path, "://") {
		return q, nil
	}
	if !filepath.IsAbs(set.Path) {
		q.Path = filepath.Join(r.Root, filepath.FromSlash(set.Path))
	}
	// The configuration comes with Git: its author must not choose among the files of this machine.
	rel, err := filepath.Rel(r.TreeRoot(), q.Path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return q, withHint(
			fmt.Errorf("dataset %s: the path %s in config.toml is outside the project", name, set.Path),
			"set its path on this machine under [data] in .runs/local.toml",
		)
	}
	return q, nil
}
