package mlflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// A run is deleted, for MLflow, if a program has deleted it or its experiment. It can be read, and not changed.

// inactive is the error of a call that would change a deleted run.
func inactive(id string) error {
	return invalid("The run %s must be in the 'active' state. Current state is deleted.", oneLine(cut(id, maxName)))
}

// inactiveExperiment is the error of a call that would change a deleted experiment.
func inactiveExperiment(id string) error {
	return invalid("The experiment %s must be in the 'active' state. Current state is deleted.", oneLine(cut(id, maxName)))
}

func noExperiment(id string) error {
	return notFound("No Experiment with id=%s exists", oneLine(cut(id, maxName)))
}

// inDeleted reports whether the experiment with a name of ours is deleted. That of runs without one is not.
func (s *Service) inDeleted(experiment string) bool {
	if experiment == "" {
		return false
	}
	if e := s.branch.read(s.repo)[experiment]; e != nil {
		return !e.Deleted.IsZero()
	}
	// Each call of a run asks, so that a file is read only if it is another one than before.
	info, err := os.Lstat(filepath.Join(s.repo.Dir, filepath.FromSlash(format.ExperimentFile(experiment))))
	if err != nil {
		return false
	}
	stamp := index.StampOf(info)
	if known, ok := s.stages.Load(experiment); ok && known.(stage).stamp == stamp {
		return known.(stage).deleted
	}
	e, err := s.repo.ExperimentHere(experiment)
	deleted := err == nil && e != nil && !e.Deleted.IsZero()
	s.stages.Store(experiment, stage{stamp, deleted})
	return deleted
}

// ofBranch are the experiments of the runs branch that count more than the files of the working tree, remembered for a
// moment: each call of a run asks.
type ofBranch struct {
	mu    sync.Mutex
	until time.Time
	all   map[string]*format.Experiment
}

func (b *ofBranch) read(r *repo.Repository) map[string]*format.Experiment {
	b.mu.Lock()
	defer b.mu.Unlock()
	if began := time.Now(); !began.Before(b.until) {
		ctx, cancel := context.WithTimeout(context.Background(), maxBranchRead)
		defer cancel()
		if all, err := r.ExperimentsOfBranch(ctx); err == nil {
			b.all = all
		}
		b.until = time.Now().Add(max(remembered, 10*time.Since(began)))
	}
	return b.all
}

// maxBranchRead is how long experiments of the runs branch are read at most. After that, what was known counts.
const maxBranchRead = 10 * time.Second

// forget reads them anew the next time. A file of the working tree was written.
func (b *ofBranch) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Time{}
}

// stage is what the file of an experiment says, with the stamp that it had before it was read.
type stage struct {
	stamp   index.Stamp
	deleted bool
}

// deletedExperiments returns our names of the deleted experiments.
func (s *Service) deletedExperiments(ctx context.Context) map[string]bool {
	deleted := map[string]bool{}
	all, _ := s.repo.Experiments(ctx) // 'runs verify' names damaged files
	for name, e := range all {
		if !e.Deleted.IsZero() {
			deleted[name] = true
		}
	}
	return deleted
}

// isDeleted reports whether an open run is deleted. The caller holds the lock of the run.
func (s *Service) isDeleted(run *openRun) bool { return run.deleted || s.inDeleted(run.experiment) }

// changeable returns a run that is not open, for a change of its name, tags or status.
func (s *Service) changeable(ctx context.Context, id string) (*stored, error) {
	e, err := s.entry(ctx, id)
	if err != nil && s.inTrash(id) != nil || err == nil && s.inDeleted(e.Experiment) {
		return nil, inactive(id)
	}
	return e, err
}

// mark tells programs that write to journals of their own whether the run is deleted. The caller holds the lock of the
// run.
func (s *Service) mark(run *openRun) error { return run.active.MarkDeleted(s.isDeleted(run)) }

// markOpen does so for the open runs of an experiment, by our name of it.
func (s *Service) markOpen(experiment string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, run := range s.open {
		run.mu.Lock()
		if run.experiment == experiment {
			errs = append(errs, s.mark(run))
		}
		run.mu.Unlock()
	}
	return errors.Join(errs...)
}
