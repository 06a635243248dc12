package mlflow

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/gitruns/runs/repo/index"
)

// DefaultExperiment is the name that MLflow has for the experiment of runs without one. Its id is "0".
const DefaultExperiment = "Default"

// ExperimentID returns the id that an experiment has for MLflow: 18 digits of the SHA-256 of its name, so that all
// clones agree. The id of no experiment is "0".
func ExperimentID(name string) string {
	if name == "" || name == DefaultExperiment {
		return "0"
	}
	sum := sha256.Sum256([]byte(name))
	const digits = 900_000_000_000_000_000
	return fmt.Sprint(100_000_000_000_000_000 + binary.BigEndian.Uint64(sum[:8])%digits)
}

// experimentJSON is an experiment as MLflow's client reads it.
type experimentJSON struct {
	ID        string    `json:"experiment_id"`
	Name      string    `json:"name"`
	Artifacts string    `json:"artifact_location"`
	Stage     string    `json:"lifecycle_stage"`
	Tags      []tagJSON `json:"tags,omitempty"`
}

func (s *Service) experiment(name string) experimentJSON {
	id := ExperimentID(name)
	return experimentJSON{ID: id, Name: experimentName(name), Artifacts: s.artifactRoot(id), Stage: "active"}
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
	table, err := s.repo.Table(ctx)
	if err != nil {
		return "", false, err
	}
	for _, name := range table.Column(index.Attributes, "experiment").Texts() {
		if ExperimentID(name) == id {
			return name, true, nil
		}
	}
	return "", false, nil
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
		return nil, notFound("No Experiment with id=%s exists", q.ID)
	}
	return map[string]any{"experiment": s.experiment(name)}, nil
}

func (s *Service) experimentByName(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Name string `json:"experiment_name"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	name, ok, err := s.named(ctx, ExperimentID(q.Name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Could not find experiment with name '%s'", q.Name)
	}
	return map[string]any{"experiment": s.experiment(name)}, nil
}

func (s *Service) createExperiment(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Name string    `json:"name"`
		Tags []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	id := ExperimentID(q.Name)
	if _, exists, err := s.named(ctx, id); err != nil {
		return nil, err
	} else if exists {
		return nil, &Error{400, "RESOURCE_ALREADY_EXISTS", fmt.Sprintf("Experiment(name=%s) already exists.", q.Name)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.experiments[id] = q.Name
	return map[string]any{"experiment_id": id}, nil
}
