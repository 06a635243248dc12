package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// datasetRequests returns the datasets in the -d flags.
func (a *app) datasetRequests(ctx context.Context, r *repo.Repository, flags []string) ([]repo.DatasetRequest, error) {
	var requests []repo.DatasetRequest
	for _, flag := range flags {
		name, path, ok := strings.Cut(flag, "=")
		if !ok || strings.ContainsAny(name, `/\`) {
			name, path = "", flag
		}
		if name != "" {
			if err := format.CheckNamed("name", name); err != nil {
				return nil, usagef("dataset %q: %v", flag, err)
			}
		}
		at := path
		if !strings.Contains(path, "://") {
			at = a.path(path)
		}
		q, err := r.FindDataset(ctx, name, at, path)
		if err != nil {
			return nil, err
		}
		requests = append(requests, q)
	}
	return requests, nil
}

// runDatasets returns the datasets of a new run, from the -d flags and from the configuration.
func (a *app) runDatasets(ctx context.Context, r *repo.Repository, flags []string) ([]repo.DatasetRequest, error) {
	requests, err := a.datasetRequests(ctx, r, flags)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, q := range requests {
		names = append(names, q.Name)
	}
	more, warnings, err := r.ConfiguredDatasets(ctx, names)
	a.warnAll(warnings)
	return append(requests, more...), err
}

// hashingProgress starts a progress line for the hashing of datasets. end removes the line.
func (a *app) hashingProgress(requests []repo.DatasetRequest) (hashed func(done, total int64), end func()) {
	if len(requests) == 0 {
		return nil, func() {}
	}
	progress := a.term.Progress("hashing " + filepath.Base(requests[0].Path))
	return progress.Bytes, progress.Done
}

// datasetLine returns the journal line of a dataset.
func datasetLine(d format.Dataset) *format.Line {
	line := format.DatasetLine(d)
	return &format.Line{Dataset: &line}
}
