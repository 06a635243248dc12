package repo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/format"
)

// Hashing represents datasets that are being hashed in the background.
type Hashing struct {
	root     string
	requests []DatasetRequest
	results  []hashResult // complete when done is closed
	done     chan struct{}
	cancel   context.CancelFunc
}

type hashResult struct {
	dataset format.Dataset
	warning string
	err     error
}

// HashDatasets starts to hash datasets, one after the other. The caller must call Wait until it is complete, or
// Cancel. hashed, which may be nil, gets the number of bytes of a dataset that are hashed so far, and its size.
func (r *Repository) HashDatasets(ctx context.Context, requests []DatasetRequest, hashed func(done,
	total int64),
) *Hashing {
	ctx, cancel := context.WithCancel(ctx)
	h := &Hashing{
		root: r.TreeRoot(), requests: requests, results: make([]hashResult, len(requests)), done: make(chan struct{}),
		cancel: cancel,
	}
	go func() { // ends with its work or its context
		defer close(h.done)
		for i, q := range requests {
			q.Progress = hashed
			res := &h.results[i]
			res.dataset, res.warning, res.err = r.dataset(ctx, q)
		}
	}()
	return h
}

// Done returns a channel that is closed when all datasets are hashed.
func (h *Hashing) Done() <-chan struct{} { return h.done }

// Cancel stops hashing, and waits until it has stopped.
func (h *Hashing) Cancel() {
	h.cancel()
	<-h.done
}

// Wait returns the datasets that could be hashed. complete is false if hashing takes longer than atMost; 0 is no
// limit. If a dataset of the configuration cannot be hashed, it gives a warning; any other dataset gives an error.
func (h *Hashing) Wait(ctx context.Context, atMost time.Duration) (
	datasets []format.Dataset, warnings []string, complete bool, err error,
) {
	var late <-chan time.Time
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-h.done:
	case <-late:
		return nil, nil, false, nil
	case <-ctx.Done():
		h.Cancel()
		return nil, nil, false, ctx.Err()
	}
	var errs []error
	for i, res := range h.results {
		switch q := h.requests[i]; {
		case res.err == nil:
			datasets = append(datasets, res.dataset)
			if res.warning != "" {
				warnings = append(warnings, res.warning)
			}
		case q.Named && ctx.Err() == nil:
			warnings = append(warnings, skippedDataset(q.Name, res.err))
		default:
			errs = append(errs, res.err)
		}
	}
	return datasets, warnings, true, errors.Join(errs...)
}

func skippedDataset(name string, err error) string {
	return fmt.Sprintf("dataset %s of config.toml is not recorded: %v", name, err)
}

// paths returns the paths of the datasets in the project, relative to its root.
func (h *Hashing) paths() []string {
	var paths []string
	for _, q := range h.requests {
		if rel, err := filepath.Rel(h.root, q.Path); err == nil {
			paths = append(paths, filepath.ToSlash(rel))
		}
	}
	return paths
}
