package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// DefaultExperiment is the name that MLflow has for the experiment of runs without one. Its id is "0".
const DefaultExperiment = "Default"

// ExperimentID returns the id that an experiment has for MLflow. The id of no experiment is "0".
func ExperimentID(name string) string {
	if name == "" || name == DefaultExperiment {
		return "0"
	}
	return format.ExperimentID(name)
}

// experimentJSON is an experiment as MLflow's client reads it.
type experimentJSON struct {
	ID        string    `json:"experiment_id"`
	Name      string    `json:"name"`
	Artifacts string    `json:"artifact_location"`
	Stage     string    `json:"lifecycle_stage"`
	Created   int64     `json:"creation_time,omitempty"`
	Updated   int64     `json:"last_update_time,omitempty"`
	Tags      []tagJSON `json:"tags,omitempty"`
}

// The stages of experiments and runs.
const (
	stageActive  = "active"
	stageDeleted = "deleted"
)

// experiment returns an experiment with what its file says. Its times are those of its runs, which dated adds.
func (s *Service) experiment(ctx context.Context, name string) (*experimentJSON, error) {
	kept, err := s.repo.Experiment(ctx, experimentName(name))
	if err != nil {
		return nil, err
	}
	return s.experimentOf(kept), nil
}

func (s *Service) experimentOf(kept *format.Experiment) *experimentJSON {
	id := ExperimentID(kept.Name)
	e := &experimentJSON{
		ID: id, Name: experimentName(cmp.Or(kept.Title, kept.Name)), Artifacts: s.artifactRoot(id), Stage: stageActive,
		Tags: pairs(kept.Tags),
	}
	if !kept.Created.IsZero() {
		e.Created, e.Updated = kept.Created.UnixMilli(), kept.Created.UnixMilli()
	}
	if !kept.Deleted.IsZero() {
		e.Stage, e.Updated = stageDeleted, kept.Deleted.UnixMilli()
	}
	return e
}

// experimentName is the name that MLflow shows for an experiment of ours.
func experimentName(ours string) string {
	if ours == "" {
		return DefaultExperiment
	}
	return ours
}

// named returns our name of the experiment with an id. ok is false if nobody has made it, and no run has it.
func (s *Service) named(ctx context.Context, id string) (name string, ok bool, err error) {
	if name, ok := s.openNames()[id]; ok {
		return name, true, nil
	}
	names, err := s.names(ctx)
	if err != nil {
		return "", false, err
	}
	if name, ok = names[id]; ok {
		return name, true, nil
	}
	if made := s.madeBefore(); made[id] != "" {
		return made[id], true, nil
	}
	deleted, err := s.trashed() // its last run may have been deleted just now
	i := slices.IndexFunc(deleted, func(e *stored) bool { return ExperimentID(e.Experiment) == id })
	if err != nil || i < 0 {
		return "", false, err
	}
	return deleted[i].Experiment, true, nil
}

// names returns our names of all experiments, by their ids.
func (s *Service) names(ctx context.Context) (map[string]string, error) {
	names := s.openNames()
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range table.Column(index.Attributes, "experiment").Texts() {
		names[ExperimentID(name)] = name
	}
	kept, _ := s.repo.Experiments(ctx) // 'runs verify' names damaged files
	for name := range kept {
		if name != DefaultExperiment { // that of runs without one
			names[ExperimentID(name)] = name
		}
	}
	return names, nil
}

// openNames returns the experiments that need no look at the runs of the repository, by their ids.
func (s *Service) openNames() map[string]string {
	names := map[string]string{ExperimentID(""): ""}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(names, s.experiments)
	for _, run := range s.open {
		names[ExperimentID(run.experiment)] = run.experiment
	}
	return names
}

func (s *Service) getExperiment(ctx context.Context, c *Call) (any, error) {
	var q struct {
		ID string `json:"experiment_id"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	name, ok, err := s.named(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noExperiment(q.ID)
	}
	e, err := s.datedExperiment(ctx, name)
	return map[string]any{"experiment": e}, err
}

func (s *Service) experimentByName(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Name string `json:"experiment_name"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.Name == "" {
		return nil, invalid("Invalid experiment name: ''")
	}
	name, ok, err := s.byName(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Could not find experiment with name '%s'", oneLine(cut(q.Name, maxName)))
	}
	e, err := s.datedExperiment(ctx, name)
	return map[string]any{"experiment": e}, err
}

// byName returns our name of the experiment that MLflow knows by a name: that of its runs, or the one that it was given
// later.
func (s *Service) byName(ctx context.Context, name string) (ours string, ok bool, err error) {
	ours, ok, err = s.named(ctx, ExperimentID(name))
	if err != nil {
		return "", false, err
	}
	if ok {
		kept, err := s.experiment(ctx, ours)
		if err != nil || kept.Name == name || ours == "" {
			return ours, err == nil, err
		}
	}
	if ours = s.repo.ExperimentShown(ctx, name); ours != name {
		return ours, true, nil
	}
	return "", false, nil
}

// freeName returns our name for a new experiment that MLflow knows by a name. It is another one if an experiment that
// was renamed had it: its runs have it still.
func (s *Service) freeName(ctx context.Context, name string) (string, error) {
	ours := name
	for n := 2; ; n++ {
		_, taken, err := s.named(ctx, ExperimentID(ours))
		if err != nil || !taken {
			return ours, err
		}
		ours = fmt.Sprintf("%s (%d)", name, n)
	}
}

func (s *Service) createExperiment(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Name string    `json:"name"`
		Tags []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if err := format.CheckNamed("name", q.Name); err != nil {
		return nil, invalid("Invalid experiment name: %v", err)
	}
	if _, exists, err := s.byName(ctx, q.Name); err != nil {
		return nil, err
	} else if exists {
		return nil, &Error{400, "RESOURCE_ALREADY_EXISTS", fmt.Sprintf("Experiment(name=%s) already exists.", q.Name)}
	}
	ours, err := s.freeName(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	if len(q.Tags) > 0 || ours != q.Name {
		kept := &format.Experiment{Name: ours, Created: now()}
		if ours != q.Name {
			kept.Title = q.Name
		}
		if err := setExperimentTags(kept, q.Tags); err != nil {
			return nil, err
		}
		if err := s.repo.KeepExperiment(ctx, kept); err != nil {
			return nil, err
		}
		s.branch.forget()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.experiments[ExperimentID(ours)] = ours
	s.begun[ours] = now().UnixMilli()
	s.noteMade(ours)
	return map[string]any{"experiment_id": ExperimentID(ours)}, nil
}
