package mlflow

import (
	"context"
	"errors"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// deleteRun moves a run to the trash, as 'runs rm' does. A run of the program is moved there when the program ends. A
// program does not remove what a commit has.
func (s *Service) deleteRun(ctx context.Context, c *Call) (any, error) {
	var q runName
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		if run.active == s.opts.Program {
			return nil, invalid("Run %s records the program that runs; remove it with 'runs rm' when the program has ended",
				q.id())
		}
		run.mu.Lock()
		defer run.mu.Unlock()
		run.deleted = true
		return struct{}{}, nil
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
	committed, err := share.CommittedIDs(ctx, s.repo)
	if err != nil {
		return nil, err
	}
	if committed[e.ID] {
		return nil, invalid("Run %s is committed; remove it with 'runs rm %s'", e.ID, e.ID)
	}
	return struct{}{}, s.repo.Remove(ctx, []*repo.Entry{e}, nil)
}

// removed returns a run that lies in the trash. It is nil if the trash does not have it.
func (s *Service) removed(id string) *runJSON {
	e, err := s.repo.ReadTrashed(id)
	if err != nil {
		return nil
	}
	run := s.jsonOf(e)
	run.Info.Stage = stageDeleted
	return run
}

// restoreRun takes a run out of the trash.
func (s *Service) restoreRun(_ context.Context, c *Call) (any, error) {
	var q runName
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.deleted = false
		return struct{}{}, nil
	}
	err := s.repo.RestoreRun(q.id())
	if errors.Is(err, repo.ErrNotInTrash) {
		return nil, notFound("Run with id=%s not found", q.id())
	}
	return struct{}{}, err
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
	return s.repo.Remove(ctx, entries, nil)
}
