package repo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// Past begins a run that is over already: run has its ID and Started. Nothing lists it before Finish gives it its
// place; end it with that, or with Drop. Where the id is finished by then, Finish says ErrFinished. env is what it ran
// in, or nil.
func (r *Repository) Past(ctx context.Context, run *format.Run, env *format.EnvironmentFile) (*Active, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	run.Status = format.Running
	if run.Experiment == "" {
		run.Experiment = config.Experiment
	}
	owner, err := r.owner(format.OwnerProcess, os.Getpid())
	if err != nil {
		return nil, err
	}
	if env != nil {
		if err := r.storeEnvironment(run, env); err != nil {
			return nil, fmt.Errorf("taking run %s into %s: %w", run.ID, r.Dir, err)
		}
	}
	name := newPrefix + run.ID + "-" + format.RandomLetters(4)
	if err := r.createAs(ctx, run, owner, name, nil); err != nil {
		return nil, fmt.Errorf("taking run %s into %s: %w", run.ID, r.Dir, err)
	}
	return &Active{ID: run.ID, Dir: filepath.Join(r.active, name), repo: r, begun: true}, nil
}

// Drop removes a run of Past that was not finished.
func (a *Active) Drop() { _ = os.RemoveAll(a.Dir) }
