package mlflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// The states of a run in MLflow.
const (
	StatusRunning   = "RUNNING"
	StatusScheduled = "SCHEDULED"
	StatusFinished  = "FINISHED"
	StatusFailed    = "FAILED"
	StatusKilled    = "KILLED"
)

var statuses = []string{StatusRunning, StatusScheduled, StatusFinished, StatusFailed, StatusKilled}

// End finishes the runs of the program, except for the one that records the program, and returns how that one ends.
// MLflow's word for a run counts only where it is worse than what the exit of the program says: a script that fails
// with an exception ends its run as FINISHED when Python exits.
func (s *Service) End(ctx context.Context, program repo.Finish) (own repo.Finish, err error) {
	errs := []error{s.keepWritten(ctx)}
	s.mu.Lock()
	defer s.mu.Unlock()
	own = program
	var deleted []string
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		run := s.open[id]
		errs = append(errs, s.close(ctx, run, program, &own))
		switch {
		case run.deleted && run.active == s.opts.Program:
			s.programParts = run.partIDs() // it is not finished yet: see TrashProgram
		case run.deleted:
			deleted = append(deleted, run.partIDs()...)
		}
	}
	errs = append(errs, s.trash(ctx, deleted))
	clear(s.open)
	clear(s.parts)
	s.known.forget()
	return own, errors.Join(errs...)
}

// makeRoom finishes the run that MLflow ended first, if too many are open. Writing to it later resumes it. The caller
// holds the lock.
func (s *Service) makeRoom(ctx context.Context) error {
	if len(s.open) < maxOpen {
		return nil
	}
	var first *openRun
	for _, run := range s.open {
		run.mu.Lock()
		ended := run.ended != 0 && run.active != s.opts.Program && !run.deleted && (first == nil || run.ended < first.ended)
		run.mu.Unlock()
		if ended {
			first = run
		}
	}
	if first == nil {
		return nil
	}
	delete(s.open, first.id)
	s.forgetParts(first)
	first.before = true
	return s.close(ctx, first, repo.Finish{Status: format.Finished}, nil)
}

// ServersTag is the tag of a run whose program may have named a server that was not asked: it is answered again when
// the run is reproduced.
const (
	ServersTag   = format.OwnTagPrefix + "mlflow"
	ServersTaken = "servers"
)

// noteServers records this tag. The caller holds the lock of the run.
func (s *Service) noteServers(run *openRun) error {
	if !s.opts.Servers {
		return nil
	}
	return run.append(&format.Line{Tags: map[string]string{ServersTag: ServersTaken}})
}

func (s *Service) close(ctx context.Context, run *openRun, program repo.Finish, own *repo.Finish) error {
	run.mu.Lock()
	defer run.mu.Unlock()
	err := errors.Join(run.nameData(), s.noteServers(run), run.journal.Close())
	died := run.ended == 0 && run.maker != 0 && !s.left[run.maker]
	if run.active == s.opts.Program {
		*own = crashed(worse(program, run.status), died)
		return err
	}
	_, failed := run.active.Finish(ctx, crashed(run.finish(program), died))
	if failed != nil && !errors.Is(failed, repo.ErrFinished) {
		err = errors.Join(err, fmt.Errorf("finishing run %s: %w", run.active.ID, failed))
	} else if s.opts.Program != nil && !run.deleted {
		s.further = append(s.further, run.active.ID)
	}
	return err
}

// finish returns how a run ends that does not record the program. MLflow's end is believed if the program went on to
// another run, or ended well.
func (run *openRun) finish(program repo.Finish) repo.Finish {
	well := program.Status == "" || program.Status == format.Finished
	ended := time.UnixMilli(run.ended).UTC()
	if run.ended == 0 || !well && !run.before {
		return worse(program, run.status)
	}
	end := repo.Finish{Status: format.Finished, Wait: program.Wait, Hurry: program.Hurry}
	if ended.After(run.record.Started) {
		end.Ended = ended
	}
	return worse(end, run.status)
}

// crashed returns how a run ended whose process may have died without ending it, although the program ended well.
func crashed(end repo.Finish, died bool) repo.Finish {
	if died && (end.Status == "" || end.Status == format.Finished) {
		end.Status, end.ExitCode = format.Crashed, nil
	}
	return end
}

// worse returns the worse of how a program ended and MLflow's word for its run.
func worse(end repo.Finish, status string) repo.Finish {
	if end.Status != "" && end.Status != format.Finished {
		return end
	}
	switch status {
	case StatusFailed:
		end.Status, end.ExitCode = format.Failed, nil
	case StatusKilled:
		end.Status, end.ExitCode = format.Killed, nil
	}
	return end
}
