package mlflow

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

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
	Info    infoJSON     `json:"info"`
	Data    dataJSON     `json:"data"`
	Inputs  *inputsJSON  `json:"inputs"`
	Outputs *outputsJSON `json:"outputs"`
}

// as gives the run the id that a call has named it by: that of a part, or the one before an import.
func (r *runJSON) as(id string) *runJSON {
	r.Info.ID, r.Info.UUID = id, id
	return r
}

func (s *Service) createRun(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiment string    `json:"experiment_id"`
		Name       string    `json:"run_name"`
		Start      number    `json:"start_time"`
		Tags       []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	experiment, ok, err := s.named(ctx, q.Experiment)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noExperiment(q.Experiment)
	}
	if kept, err := s.experiment(ctx, experiment); err != nil {
		return nil, err
	} else if kept.Stage == stageDeleted {
		return nil, inactiveExperiment(q.Experiment)
	}
	tags := tagsOf(q.Tags)
	if named := tags[TagName]; q.Name != "" && named != "" && named != q.Name {
		return nil, invalid("Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "+
			"(run_name='%s', mlflow.runName='%s').", q.Name, named)
	} else if q.Name == "" {
		q.Name = named
	}
	if q.Name, err = checkName(q.Name); err != nil {
		return nil, err
	}
	run, err := s.start(ctx, experiment, q.Name, tags, startTime(q.Start))
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	q.Tags = slices.DeleteFunc(q.Tags, func(t tagJSON) bool { return t.Key == TagName })
	if err := run.setTags(q.Tags); err != nil {
		return nil, err
	}
	return map[string]any{"run": run.json(s)}, nil
}

// Another time than now counts as the time at which a run began if it is at least soon away, and from the year 2000 on.
const soon = 10 * time.Second

// startTime returns the time at which a run began, as the program says. It is zero for now, and for a time at which no
// program can have begun.
func startTime(ms number) time.Time {
	at := time.UnixMilli(int64(ms)).UTC()
	if ago := time.Since(at); ago.Abs() < soon || ago < -24*time.Hour || at.Year() < 2000 {
		return time.Time{}
	}
	return at
}

// checkName returns the name of a run as it is recorded.
func checkName(name string) (string, error) {
	if name = cutBytes(name, format.MaxKeyBytes); strings.TrimSpace(name) == "" {
		return "", nil
	}
	if err := format.CheckNamed("name", name); err != nil {
		return "", invalid("Invalid run name: %v", err)
	}
	return name, nil
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
			if removed := s.inTrash(q.id()); removed != nil {
				return map[string]any{"run": s.deletedJSON(ctx, removed).as(q.id())}, nil
			}
			return nil, err
		}
		_ = s.placeArtifacts(ctx, e) // a damaged list of artifacts does not hide the run: 'runs verify' names it
		return map[string]any{"run": s.jsonOf(ctx, e).as(q.id())}, nil
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	return map[string]any{"run": run.json(s).as(q.id())}, nil
}

// updateRun changes the status or the name. A finished run that runs again is resumed.
func (s *Service) updateRun(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Status string `json:"status"`
		End    number `json:"end_time"`
		Name   string `json:"run_name"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.Status != "" && !slices.Contains(statuses, q.Status) {
		return nil, invalid("Invalid status '%s'. Valid values are %s", q.Status, strings.Join(statuses, ", "))
	}
	name, err := checkName(q.Name)
	if err != nil {
		return nil, err
	}
	run, err := s.ours(ctx, q.id())
	if err != nil && q.Status != StatusRunning && q.Status != StatusScheduled {
		return s.updateFinished(ctx, q.id(), name)
	}
	if err != nil {
		if run, err = s.writable(ctx, q.id()); err != nil {
			return nil, err
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if s.isDeleted(run) {
		return nil, inactive(q.id())
	}
	if q.Status != "" {
		run.status, run.ended, run.before, run.written = q.Status, int64(q.End), false, time.Now()
		if q.Status == StatusRunning || q.Status == StatusScheduled {
			run.ended = 0 // a client that resumes a run repeats when it had ended
		} else if run.ended < run.record.Started.UnixMilli() { // none was given, or one that cannot be
			run.ended = time.Now().UnixMilli()
		}
	}
	if name != "" {
		if err := run.rename(name); err != nil {
			return nil, err
		}
	}
	return map[string]any{"run_info": run.json(s).as(q.id()).Info}, nil
}

// updateFinished gives a finished run another name. It keeps its status.
func (s *Service) updateFinished(ctx context.Context, id, name string) (any, error) {
	e, err := s.changeable(ctx, id)
	if err != nil {
		return nil, err
	}
	if name != "" && name != e.Name {
		if err := e.Annotate(&format.Note{Name: name}); err != nil {
			return nil, err
		}
		if e, err = s.entry(ctx, id); err != nil {
			return nil, err
		}
	}
	return map[string]any{"run_info": s.jsonOf(ctx, e).as(id).Info}, nil
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

func (s *Service) setTag(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		tagJSON
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.ours(ctx, q.id()); err == nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		if s.isDeleted(run) {
			return nil, inactive(q.id())
		}
		return struct{}{}, run.setTags([]tagJSON{q.tagJSON})
	}
	if err := checkTag(q.Key); err != nil {
		return nil, err
	}
	e, err := s.changeable(ctx, q.id())
	if err != nil {
		return nil, err
	}
	note := &format.Note{}
	switch text := cut(q.Value, maxTagText); q.Key {
	case TagName:
		if note.Name, err = checkName(text); err != nil {
			return nil, err
		}
	case TagNote:
		note.Text = text
	default:
		note.Tags = map[string]string{recordedTag(q.Key): text}
	}
	return struct{}{}, e.Annotate(note)
}

func (s *Service) deleteTag(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Key string `json:"key"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	missing := notFound("No tag with name: %s in run with id %s", q.Key, q.id())
	run, err := s.ours(ctx, q.id())
	if err != nil {
		e, err := s.changeable(ctx, q.id())
		if err != nil {
			return nil, err
		}
		if _, ok := e.Tags[recordedTag(q.Key)]; !ok || checkTag(q.Key) != nil {
			return nil, missing
		}
		return struct{}{}, e.Annotate(&format.Note{Removed: []string{recordedTag(q.Key)}})
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if s.isDeleted(run) {
		return nil, inactive(q.id())
	}
	run.refresh()
	if _, ok := run.tags[q.Key]; !ok {
		return nil, missing
	}
	if err := run.annotate(&format.Note{Removed: []string{recordedTag(q.Key)}}); err != nil {
		return nil, err
	}
	delete(run.tags, q.Key)
	run.removed[q.Key] = true
	return struct{}{}, nil
}

// artifactRoot is the folder that MLflow is told for an experiment. No run uses it.
func (s *Service) artifactRoot(id string) string {
	return fileURI(filepath.Join(s.repo.Dir, "active", "experiment-"+id))
}
