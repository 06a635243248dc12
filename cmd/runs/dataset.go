package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
)

// datasetRequests are what -d flags name, [NAME=]PATH, and what the config names for every run. Data of a flag that is not
// there is an error; data of the config is left out with a word, so that training begins.
func (a *app) datasetRequests(ctx context.Context, r *repo.Repository, flags []string, fromConfig bool) ([]repo.DatasetRequest, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	var requests []repo.DatasetRequest
	for _, flag := range flags {
		q, err := a.datasetFlag(ctx, r, config, flag)
		if err != nil {
			return nil, err
		}
		requests = append(requests, q)
	}
	if !fromConfig {
		return requests, nil
	}
	for _, name := range slices.Sorted(maps.Keys(config.Datasets)) {
		if slices.ContainsFunc(requests, func(q repo.DatasetRequest) bool { return q.Name == name }) {
			continue
		}
		q, err := configured(ctx, r, config, name)
		if err == nil {
			err = capture.CheckDataset(q.Path)
		}
		if err != nil {
			a.progress("runs: dataset %s of config.toml is not recorded: %v", name, err)
			continue
		}
		requests = append(requests, q)
	}
	return requests, nil
}

// datasetFlag reads [NAME=]PATH. A name alone is one that the config or this machine knows.
func (a *app) datasetFlag(ctx context.Context, r *repo.Repository, config *format.Config, flag string) (repo.DatasetRequest, error) {
	name, path, ok := strings.Cut(flag, "=")
	if !ok || strings.ContainsAny(name, `/\`) {
		name, path = "", flag
	}
	if name != "" {
		if err := format.CheckKey(name); err != nil {
			return repo.DatasetRequest{}, usagef("dataset %q: %v", flag, err)
		}
	}
	if strings.Contains(path, "://") {
		return repo.DatasetRequest{}, capture.CheckDataset(path)
	}
	set := config.Datasets[name]
	q := repo.DatasetRequest{Name: name, Path: a.path(path), Listing: set.Hash == format.HashListing, Role: set.Role}
	err := capture.CheckDataset(q.Path)
	if err != nil && name == "" {
		known, knownErr := configured(ctx, r, config, path)
		if knownErr == nil && capture.CheckDataset(known.Path) == nil {
			return known, nil
		}
		var refused *repo.HintError
		if errors.As(knownErr, &refused) {
			return q, knownErr
		}
		err = &repo.HintError{Err: err, Hint: "give a file or a folder, or set RUNS_DATA_<NAME> to where it lies"}
	}
	return q, err
}

// configured is the data that goes by a name: where this machine says that it lies, else where the config does.
func configured(ctx context.Context, r *repo.Repository, config *format.Config, name string) (repo.DatasetRequest, error) {
	set := config.Datasets[name]
	place, err := r.DataPlace(ctx, name)
	if err != nil {
		return repo.DatasetRequest{}, err
	}
	named := place == ""
	if named {
		if place = set.Path; place == "" {
			return repo.DatasetRequest{}, fmt.Errorf("nobody says where %s lies", name)
		}
		if !filepath.IsAbs(place) && !strings.Contains(place, "://") {
			place = filepath.Join(r.Root, filepath.FromSlash(place))
		}
		// The config comes with git: whoever wrote it does not choose among the files of this machine.
		if rel, err := filepath.Rel(r.TreeRoot(), place); !strings.Contains(place, "://") && (err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator))) {
			return repo.DatasetRequest{}, &repo.HintError{
				Err:  fmt.Errorf("dataset %s: %s of config.toml leads out of the project", name, set.Path),
				Hint: "say in .runs/local.toml, under [data], where it lies on this machine",
			}
		}
	}
	return repo.DatasetRequest{Name: name, Path: place, Named: named, Listing: set.Hash == format.HashListing, Role: set.Role}, nil
}

// hashing is data that is being hashed, beside whatever else goes on.
type hashing struct {
	requests []repo.DatasetRequest
	results  []hashResult
	done     chan struct{} // closed when all are there
	quiet    func()        // takes the progress line away
	cancel   func()
}

type hashResult struct {
	dataset format.Dataset
	err     error
	leftOut bool // of the config, which stops nothing
}

// hash begins to hash. Its owner waits for done, or cancels it.
func (a *app) hash(ctx context.Context, r *repo.Repository, requests []repo.DatasetRequest) *hashing {
	ctx, cancel := context.WithCancel(ctx)
	h := &hashing{requests: requests, results: make([]hashResult, len(requests)), done: make(chan struct{}), cancel: cancel, quiet: func() {}}
	if len(requests) == 0 {
		close(h.done)
		return h
	}
	progress := a.term.Progress("hashing " + filepath.Base(requests[0].Path))
	h.quiet = progress.Done
	go func() { // ends with its work or its context; done says so
		defer close(h.done)
		defer progress.Done()
		for i, q := range requests {
			q.Progress = progress.Bytes
			h.results[i].dataset, h.results[i].err = r.Dataset(ctx, q)
			if q.Named && h.results[i].err != nil && ctx.Err() == nil {
				h.quiet()
				a.progress("runs: dataset %s of config.toml is not recorded: %v", q.Name, h.results[i].err)
				h.results[i] = hashResult{leftOut: true}
			}
		}
	}()
	return h
}

// finish waits at most so long and returns what was hashed, or false when it takes longer.
func (h *hashing) finish(ctx context.Context, atMost time.Duration) ([]format.Dataset, bool, error) {
	var late <-chan time.Time
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-h.done:
	case <-late:
		h.quiet()
		return nil, false, nil
	case <-ctx.Done():
		h.cancel()
		<-h.done
		return nil, false, ctx.Err()
	}
	var datasets []format.Dataset
	var errs []error
	for _, res := range h.results {
		if res.err != nil {
			errs = append(errs, res.err)
		}
		if res.err != nil || res.leftOut {
			continue
		}
		datasets = append(datasets, res.dataset)
	}
	return datasets, true, errors.Join(errs...)
}

// paths are where the data lies in the project, for the capture of its source.
func (h *hashing) paths(root string) []string {
	var paths []string
	for _, q := range h.requests {
		if rel, err := filepath.Rel(root, q.Path); err == nil {
			paths = append(paths, filepath.ToSlash(rel))
		}
	}
	return paths
}

// datasetLine is the journal's record of data that has been hashed.
func datasetLine(d format.Dataset) *format.Line {
	line := format.DatasetLine(d)
	return &format.Line{Dataset: &line}
}
