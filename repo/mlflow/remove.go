package mlflow

import (
	"context"
	"errors"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// deleteRun moves a run to the trash, as 'runs rm' does. A run of the program is moved there when the program ends, and
// the one that records the program when it is finished. A program does not remove what a commit has.
func (s *Service) deleteRun(ctx context.Context, c *Call) (any, error) {
	var q runName
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		return s.deleteOpen(ctx, run)
	}
	e, err := s.entry(ctx, q.id())
	if err != nil {
		return nil, err
	}
	if program := s.opts.Program; program != nil {
		again, err := program.Entry(ctx)
		if err != nil {
			return nil, err
		}
		if again.Reproduces != "" {
			return nil, invalid("Run %s was recorded earlier; a reproduction does not remove it", e.ID)
		}
	}
	if err := s.uncommitted(ctx, e); err != nil {
		return nil, err
	}
	s.known.forget()
	return struct{}{}, s.repo.Remove(ctx, e.parts(), nil)
}

func (s *Service) deleteOpen(ctx context.Context, run *openRun) (any, error) {
	if run.earlier != nil {
		if err := s.uncommitted(ctx, run.earlier); err != nil {
			return nil, err
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	run.deleted = true
	return struct{}{}, s.mark(run)
}

// uncommitted returns an error if a commit has a part of a run.
func (s *Service) uncommitted(ctx context.Context, e *stored) error {
	committed, err := share.CommittedIDs(ctx, s.repo)
	if err != nil {
		return err
	}
	for _, part := range e.parts() {
		if committed[part.ID] {
			return invalid("Run %s is committed; remove it with 'runs rm %s'", part.ID, part.ID)
		}
	}
	return nil
}

// partIDs returns the ids of all parts of an open run.
func (run *openRun) partIDs() []string {
	ids := []string{run.active.ID}
	if run.earlier != nil {
		for _, part := range run.earlier.parts() {
			ids = append(ids, part.ID)
		}
	}
	return ids
}

// trashed returns the runs that lie in the trash, newest first.
func (s *Service) trashed() ([]*stored, error) {
	listed, err := s.repo.Trashed()
	if err != nil {
		return nil, err
	}
	byID := map[string]*repo.Entry{}
	var entries []*repo.Entry
	var runs []*format.Run
	for _, t := range listed {
		if t.By == nil {
			byID[t.ID] = t.Entry
			entries, runs = append(entries, t.Entry), append(runs, t.Run)
		}
	}
	chains := chainsOf(runs)
	var all []*stored
	for _, e := range entries {
		c := chains[e.ID]
		switch {
		case c == nil:
			all = append(all, alone(e))
		case c.parts[0] == e.ID:
			whole := &stored{Entry: e, id: c.id}
			for _, id := range c.parts[1:] {
				whole.earlier = append(whole.earlier, byID[id])
			}
			all = append(all, whole)
		}
	}
	return all, nil
}

// inTrash returns the run in the trash that has a part or a key. It is nil if there is none.
func (s *Service) inTrash(id string) *stored {
	all, _ := s.trashed() // as if the trash were empty
	i := slices.IndexFunc(all, func(e *stored) bool {
		return slices.ContainsFunc(e.parts(), func(part *repo.Entry) bool { return part.ID == id || part.Key == id })
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

// deletedJSON returns a run in the trash as MLflow's client reads it.
func (s *Service) deletedJSON(ctx context.Context, e *stored) *runJSON {
	run := s.jsonOf(ctx, e)
	run.Info.Stage = stageDeleted
	return run
}

// restoreRun takes a run out of the trash.
func (s *Service) restoreRun(ctx context.Context, c *Call) (any, error) {
	var q runName
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.deleted = false
		return struct{}{}, s.mark(run)
	}
	e := s.inTrash(q.id())
	if e == nil {
		_, err := s.entry(ctx, q.id()) // one that is not deleted stays
		return struct{}{}, err
	}
	s.known.forget()
	var errs []error
	for _, part := range e.parts() {
		errs = append(errs, s.repo.RestoreRun(part.ID))
	}
	return struct{}{}, errors.Join(errs...)
}

// TrashProgram moves the run of the program, which is finished, to the trash if the program has deleted it. It reports
// whether it did. A reproduction stays, because it is compared with what it reproduces.
func (s *Service) TrashProgram(ctx context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.programParts) == 0 {
		return false, nil
	}
	e, err := s.repo.Read(ctx, s.opts.Program.ID)
	if err != nil || e.Reproduces != "" {
		return false, err
	}
	err = s.trash(ctx, s.programParts)
	return err == nil, err
}

// trash moves the runs that the program has deleted to the trash, once they are finished.
func (s *Service) trash(ctx context.Context, ids []string) error {
	var entries []*repo.Entry
	for _, id := range slices.Sorted(slices.Values(ids)) {
		e, err := s.repo.Read(ctx, id)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	s.known.forget()
	return s.repo.Remove(ctx, entries, nil)
}
