package mlflow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// A service that outlives programs, without Options.Program, knows which process makes a call. Each run that a process
// begins is one of its own, whose owner is that process: if it dies, the run is abandoned as any other.

type callerKey struct{}

// caller returns the process that makes the call, or 0.
func caller(ctx context.Context) int {
	pid, _ := ctx.Value(callerKey{}).(int)
	return pid
}

// startFor starts a run for the process that makes the call. The caller holds the lock.
func (s *Service) startFor(ctx context.Context, run *openRun) (*repo.Active, error) {
	pid := caller(ctx)
	if s.opts.Program != nil || pid == 0 {
		return s.repo.Start(ctx, run.record, format.OwnerProcess)
	}
	run.by, run.process = pid, repo.WatchProcess(pid)
	return s.repo.StartFor(ctx, run.record, pid)
}

// adopt opens a run in progress that an earlier service began for the process that makes the call. The caller holds
// the lock.
func (s *Service) adopt(ctx context.Context, e *stored) (*openRun, error) {
	pid := caller(ctx)
	if s.opts.Program != nil || pid == 0 || !e.Active.KeptBy(pid) {
		return nil, invalid("Run %s is in progress in another program", e.ID)
	}
	run := newOpenRun(e.Run)
	run.active, run.id, run.by, run.process = e.Active, e.id, pid, repo.WatchProcess(pid)
	if len(e.earlier) > 0 {
		run.earlier = &stored{Entry: e.earlier[0], id: e.id, earlier: e.earlier[1:]}
		for _, part := range e.parts() {
			s.parts[part.ID] = run.id
		}
	}
	run.continues(s.jsonOf(ctx, e))
	run.deleted = e.Active.MarkedDeleted() && !s.inDeleted(run.experiment)
	run.inherit(s)
	run.adoptModels()
	run.adoptMeasured()
	var err error
	if run.journal, err = run.active.OpenJournal(); err != nil {
		return nil, err
	}
	s.open[run.id] = run
	return run, nil
}

// ours returns an open run, or opens one in progress that an earlier service began for the process that makes the call.
func (s *Service) ours(ctx context.Context, id string) (*openRun, error) {
	run, err := s.run(id)
	if pid := caller(ctx); err == nil || pid == 0 || s.opts.Program != nil {
		return run, err
	}
	e, failed := s.entry(ctx, id)
	if failed != nil || e.Active == nil || !e.Active.KeptBy(caller(ctx)) {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if run := s.opened(id); run != nil {
		return run, nil
	}
	return s.adopt(ctx, e)
}

// settle is how long a run stays open after MLflow has ended it and nobody writes to it: programs write to runs that
// have just ended.
const settle = 2 * time.Second

// Sweep finishes the runs that MLflow has ended, once they have settled or their process has ended. The runs of a
// process that died in the middle of them are finished as crashed. It is for a service that outlives programs, and
// returns how many runs are open.
func (s *Service) Sweep(ctx context.Context) (open int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	var deleted []string
	died := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		run := s.open[id]
		run.mu.Lock()
		gone := run.by != 0 && !run.process.Alive()
		over := run.ended != 0 && (gone || time.Since(run.written) > settle)
		run.mu.Unlock()
		switch {
		case over:
			errs = append(errs, s.close(ctx, run, repo.Finish{Status: format.Finished, Wait: time.Second}, nil))
			if run.deleted {
				deleted = append(deleted, run.partIDs()...)
			}
		case gone:
			errs = append(errs, run.journal.Close())
			died[run.active.ID] = true
		default:
			continue
		}
		delete(s.open, id)
		s.forgetParts(run)
	}
	errs = append(errs, s.trash(ctx, deleted))
	if len(died) > 0 {
		recovered, err := s.repo.FinishGone(ctx, func(id string) bool { return !died[id] })
		errs = append(errs, err)
		for _, r := range recovered {
			errs = append(errs, r.Err)
		}
	}
	return len(s.open), errors.Join(errs...)
}

// Close lets go of the runs that are open, and finishes those that MLflow has ended. The others stay in progress, as
// long as their processes live.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	for _, run := range s.open {
		run.mu.Lock()
		run.written = time.Time{}
		run.mu.Unlock()
	}
	s.mu.Unlock()
	_, err := s.Sweep(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{err}
	for _, run := range s.open {
		errs = append(errs, run.journal.Close())
	}
	clear(s.open)
	clear(s.parts)
	return errors.Join(errs...)
}

// openDirect tells a program of this machine the folder of a run, to write a journal of its own into it. What it
// writes there is read when it is asked for.
func (s *Service) openDirect(ctx context.Context, c *Call) (any, error) {
	var q runName
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	run, err := s.run(q.id())
	if err != nil {
		e, err := s.entry(ctx, q.id())
		if err != nil {
			return nil, err
		}
		if e.Active == nil {
			return nil, notFound("Run %s is finished", q.id())
		}
		if run, err = s.writable(ctx, q.id()); err != nil {
			return nil, err
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if s.isDeleted(run) {
		return nil, inactive(q.id())
	}
	if run.ended != 0 {
		return nil, notFound("Run %s has ended", q.id())
	}
	run.refresh()
	if run.direct == nil {
		run.direct = run.active.LivePoints()
	}
	return map[string]any{
		"dir": run.active.Dir, "host": repo.Host(), "params": run.params, "deleted": repo.DeletedName,
		"removed": slices.AppendSeq([]string{}, maps.Keys(run.removed)),
	}, nil
}

// openArtifacts tells a program the folder to write artifacts of a run into. A run that has ended is resumed, and stays
// open until the program has written them.
func (s *Service) openArtifacts(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Done bool `json:"done"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	run, err := s.writable(ctx, q.id())
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	run.written = time.Now()
	if !q.Done {
		run.written = run.written.Add(time.Hour)
	}
	return map[string]any{"artifact_uri": fileURI(run.active.FilesDir())}, nil
}

// refresh reads what the program has written to journals of its own. What cannot be read is left as it was: the finish
// reports it. The caller holds the lock.
func (run *openRun) refresh() {
	ctx := context.Background()
	if run.direct == nil || run.direct.Read(ctx) != nil {
		return
	}
	tags, err := run.direct.Tags()
	if err != nil {
		return
	}
	for key, v := range run.direct.Params().Flatten() {
		if _, ok := run.params[key]; !ok {
			run.params[key] = Text(v)
		}
	}
	for key, text := range tags {
		if !run.removed[key] && !reservedTag(key) {
			run.tags[key] = text
		}
	}
	for key := range run.direct.Keys() {
		points := run.direct.Points(key)
		if len(points) == 0 {
			continue
		}
		p := points[len(points)-1]
		last := metricJSON{Key: key, Value: value(p.Value), Time: number(p.Time / 1000), Step: number(p.Step)}
		if before, ok := run.latest[key]; !ok || !last.before(before) {
			run.latest[key] = last
		}
	}
}
