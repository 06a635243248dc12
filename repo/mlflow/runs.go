package mlflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// openRun is a run that this service writes to. It stays open until the program ends, even if MLflow has ended it:
// programs write to runs that have ended.
type openRun struct {
	active     *repo.Active
	record     *format.Run // as the run was started
	experiment string

	mu      sync.Mutex // guards what follows
	journal *repo.Journal
	name    string
	note    string
	status  string // MLflow's word: RUNNING, FINISHED, FAILED or KILLED
	ended   int64  // ms since 1970; 0 while MLflow has not ended it
	params  map[string]string
	tags    map[string]string
	latest  map[string]metricJSON
}

type tagJSON struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type infoJSON struct {
	ID         string `json:"run_id"`
	UUID       string `json:"run_uuid"` // what clients before 1.0 read
	Name       string `json:"run_name"`
	Experiment string `json:"experiment_id"`
	User       string `json:"user_id"`
	Status     string `json:"status"`
	Start      int64  `json:"start_time"`
	End        int64  `json:"end_time,omitempty"`
	Artifacts  string `json:"artifact_uri"`
	Stage      string `json:"lifecycle_stage"`
}

type dataJSON struct {
	Metrics []metricJSON `json:"metrics,omitempty"`
	Params  []tagJSON    `json:"params,omitempty"`
	Tags    []tagJSON    `json:"tags,omitempty"`
}

type runJSON struct {
	Info infoJSON `json:"info"`
	Data dataJSON `json:"data"`
}

func (s *Service) createRun(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiment string    `json:"experiment_id"`
		Name       string    `json:"run_name"`
		Tags       []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	experiment, ok := names[q.Experiment]
	if !ok {
		return nil, notFound("No Experiment with id=%s exists", q.Experiment)
	}
	run, err := s.start(ctx, experiment, tagsOf(q.Tags))
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if q.Name != "" {
		q.Tags = append(q.Tags, tagJSON{tagName, q.Name})
	}
	if err := run.setTags(q.Tags); err != nil {
		return nil, err
	}
	return map[string]any{"run": run.json(s)}, nil
}

// start begins a run. The first run of a program without a parent is the one that records the program.
func (s *Service) start(ctx context.Context, experiment string, tags map[string]string) (*openRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := &openRun{
		experiment: experiment, status: statusRunning,
		params: map[string]string{}, tags: map[string]string{}, latest: map[string]metricJSON{},
	}
	parent := tags[tagParent]
	var err error
	if program := s.opts.Program; program != nil && !s.taken && parent == "" {
		run.active = program
		if run.record, err = s.programRecord(ctx); err != nil {
			return nil, err
		}
		joined := &format.Line{Joined: &format.JoinedLine{Experiment: experiment}}
		if err := program.AppendShared(joined); err != nil {
			return nil, err
		}
	} else {
		if run.record, err = s.describe(ctx, experiment, parent); err != nil {
			return nil, err
		}
		if run.active, err = s.repo.Start(ctx, run.record, format.OwnerProcess); err != nil {
			return nil, err
		}
	}
	if run.journal, err = run.active.OpenJournal(); err != nil {
		return nil, err
	}
	s.taken = true
	s.open[run.active.ID] = run
	return run, nil
}

func (s *Service) programRecord(ctx context.Context) (*format.Run, error) {
	e, err := s.opts.Program.Entry(ctx)
	if err != nil {
		return nil, err
	}
	return e.Run, nil
}

// describe makes the record of a further run of the program. What was captured for the program holds for all its runs.
func (s *Service) describe(ctx context.Context, experiment, parent string) (*format.Run, error) {
	run := &format.Run{}
	if s.opts.Program != nil {
		if s.described == nil {
			var err error
			if s.described, err = s.programRecord(ctx); err != nil {
				return nil, err
			}
		}
		of := s.described
		run = &format.Run{
			Author: of.Author, Command: of.Command, Cwd: of.Cwd, Source: of.Source, Environment: of.Environment,
			Machine: of.Machine, Datasets: of.Datasets, Group: of.ID,
		}
		if of.Group != "" {
			run.Group = of.Group
		}
	}
	run.Experiment, run.Parent = experiment, parent
	return run, nil
}

// run returns an open run.
func (s *Service) run(id string) (*openRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.open[id]
	if run == nil {
		return nil, notFound("Run with id=%s not found", id)
	}
	return run, nil
}

func (s *Service) getRun(ctx context.Context, c *Call) (any, error) {
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
		return map[string]any{"run": s.jsonOf(e)}, nil
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	return map[string]any{"run": run.json(s)}, nil
}

func (s *Service) updateRun(_ context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Status string `json:"status"`
		End    number `json:"end_time"`
		Name   string `json:"run_name"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	run, err := s.run(q.id())
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if q.Status != "" {
		run.status = q.Status
	}
	if q.End != 0 {
		run.ended = int64(q.End)
	}
	if q.Name != "" {
		if err := run.setTags([]tagJSON{{tagName, q.Name}}); err != nil {
			return nil, err
		}
	}
	return map[string]any{"run_info": run.json(s).Info}, nil
}

// runName is how a call names its run: run_uuid is the word of old clients.
type runName struct {
	ID   string `json:"run_id"`
	UUID string `json:"run_uuid"`
}

func (n runName) id() string {
	if n.ID != "" {
		return n.ID
	}
	return n.UUID
}

func (s *Service) setTag(_ context.Context, c *Call) (any, error) {
	var q struct {
		runName
		tagJSON
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	run, err := s.run(q.id())
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	return struct{}{}, run.setTags([]tagJSON{q.tagJSON})
}

// The tags of MLflow that have a place of their own in a record.
const (
	tagName   = "mlflow.runName"
	tagNote   = "mlflow.note.content"
	tagParent = "mlflow.parentRunId"
)

func tagsOf(list []tagJSON) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags
}

// setTags records tags. The caller holds the lock of the run.
func (run *openRun) setTags(list []tagJSON) error {
	line := &format.Line{Tags: map[string]string{}}
	for _, t := range list {
		switch t.Key {
		case tagName:
			run.name = t.Value
			if err := run.annotate(&format.Note{Name: t.Value}); err != nil {
				return err
			}
		case tagNote:
			run.note = t.Value
			if err := run.annotate(&format.Note{Text: t.Value}); err != nil {
				return err
			}
		case tagParent:
		default:
			line.Tags[t.Key] = t.Value
		}
		run.tags[t.Key] = t.Value
	}
	if len(line.Tags) == 0 {
		return nil
	}
	return run.append(line)
}

func (run *openRun) annotate(n *format.Note) error {
	e, err := run.active.Entry(context.Background())
	if err != nil {
		return err
	}
	return e.Annotate(n)
}

// append writes lines to the journal. When it returns, they survive the death of this process. The caller holds the
// lock.
func (run *openRun) append(lines ...*format.Line) error {
	for _, l := range lines {
		if err := format.CheckLine(l); err != nil {
			return invalid("recording in run %s: %v", run.active.ID, err)
		}
	}
	return run.journal.AppendNow(lines...)
}

// json returns the run as MLflow's client reads it. The caller holds the lock.
func (run *openRun) json(s *Service) *runJSON {
	info := infoJSON{
		ID: run.active.ID, UUID: run.active.ID, Name: run.name, Experiment: ExperimentID(run.experiment),
		User: run.record.Author, Status: run.status, Start: run.record.Started.UnixMilli(), End: run.ended,
		Artifacts: s.artifactsOf(run.active.Dir), Stage: "active",
	}
	data := dataJSON{Params: pairs(run.params), Tags: pairs(run.tags)}
	for _, key := range slices.Sorted(maps.Keys(run.latest)) {
		data.Metrics = append(data.Metrics, run.latest[key])
	}
	return &runJSON{info, data}
}

func pairs(m map[string]string) []tagJSON {
	list := make([]tagJSON, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, tagJSON{key, m[key]})
	}
	return list
}

// The states of a run in MLflow.
const (
	statusRunning  = "RUNNING"
	statusFinished = "FINISHED"
	statusFailed   = "FAILED"
	statusKilled   = "KILLED"
)

// End finishes the runs of the program but the one that records the program, and returns how that one ends: MLflow's
// word for a run counts only where it is worse than what the program's exit says.
func (s *Service) End(ctx context.Context, program repo.Finish) (end repo.Finish, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	end = program
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		run := s.open[id]
		run.mu.Lock()
		errs = append(errs, run.journal.Close())
		own := run.finish(program)
		run.mu.Unlock()
		if run.active == s.opts.Program {
			end = own
			continue
		}
		if _, err := run.active.Finish(ctx, own); err != nil && !errors.Is(err, repo.ErrFinished) {
			errs = append(errs, fmt.Errorf("finishing run %s: %w", id, err))
		}
	}
	s.open = map[string]*openRun{}
	return end, errors.Join(errs...)
}

// finish returns how a run ends.
func (run *openRun) finish(program repo.Finish) repo.Finish {
	end := program
	if run.ended != 0 {
		end.Ended = time.UnixMilli(run.ended).UTC()
	}
	if end.Status == "" || end.Status == format.Finished {
		switch run.status {
		case statusFailed:
			end.Status, end.ExitCode = format.Failed, nil
		case statusKilled:
			end.Status, end.ExitCode = format.Killed, nil
		}
	}
	return end
}

// artifactRoot is the folder that MLflow is told for an experiment. No run uses it.
func (s *Service) artifactRoot(id string) string {
	return fileURI(filepath.Join(s.repo.Dir, "active", "experiment-"+id))
}

// artifactsOf is where MLflow's client writes the artifacts of a run.
func (s *Service) artifactsOf(dir string) string { return fileURI(filepath.Join(dir, "artifacts")) }
