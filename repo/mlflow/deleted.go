package mlflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
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
	// Each call of a run asks, so that a file is read only if it is another one than before.
	info, err := os.Lstat(filepath.Join(s.repo.Dir, filepath.FromSlash(format.ExperimentFile(experiment))))
	if err != nil {
		return false
	}
	stamp := index.StampOf(info)
	if known, ok := s.stages.Load(experiment); ok && known.(stage).stamp == stamp {
		return known.(stage).deleted
	}
	e, err := s.repo.Experiment(experiment)
	deleted := err == nil && !e.Deleted.IsZero()
	s.stages.Store(experiment, stage{stamp, deleted})
	return deleted
}

// stage is what the file of an experiment says, with the stamp that it had before it was read.
type stage struct {
	stamp   index.Stamp
	deleted bool
}

// deletedExperiments returns our names of the deleted experiments.
func (s *Service) deletedExperiments() map[string]bool {
	deleted := map[string]bool{}
	all, _ := s.repo.Experiments() // 'runs verify' names damaged files
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
