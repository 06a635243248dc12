package repo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// StartImported starts a run that another tool recorded and that has ended. run must have its ID and Started; env is
// its environment, or nil. The run is not listed until Finish moves it to its day. The caller ends it with Finish or
// Drop. If a run with this id has been finished meanwhile, Finish returns ErrFinished.
func (r *Repository) StartImported(ctx context.Context, run *format.Run, env *format.EnvironmentFile) (*Active, error) {
	config, err := r.Config()
	if err == nil {
		err = config.Writable()
	}
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
			return nil, fmt.Errorf("importing run %s into %s: %w", run.ID, r.Dir, err)
		}
	}
	name := newPrefix + run.ID + "-" + format.RandomLetters(4)
	if err := r.createAs(ctx, run, owner, name, nil); err != nil {
		return nil, fmt.Errorf("importing run %s into %s: %w", run.ID, r.Dir, err)
	}
	return &Active{ID: run.ID, Dir: filepath.Join(r.active, name), repo: r, begun: true}, nil
}

// Drop removes an imported run that was not finished.
func (a *Active) Drop() { _ = os.RemoveAll(a.Dir) }
