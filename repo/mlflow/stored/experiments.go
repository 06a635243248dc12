package stored

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
)

// Bounds of the tags of an experiment.
const (
	maxExperimentTags = 1000
	maxTagBytes       = 8000
)

// keepExperiments records the tags of experiments. What is known here already stays. If only some runs were asked
// for, or they went to another experiment, the tags are left out.
func (s *source) keepExperiments(ctx context.Context, r *repo.Repository, part bool) error {
	for _, e := range s.experiments {
		if len(e.tags) == 0 || e.deleted {
			continue
		}
		if part || e.name == "" || e.name == mlflow.DefaultExperiment {
			s.left.add("experiment tag", len(e.tags))
			continue
		}
		known, err := r.Experiment(ctx, key(e.name))
		if err != nil {
			return err
		}
		added := 0
		if known.Tags == nil {
			known.Tags = map[string]string{}
		}
		for _, name := range slices.Sorted(maps.Keys(e.tags)) {
			tag := key(name)
			if _, ok := known.Tags[tag]; !ok && len(known.Tags) < maxExperimentTags {
				value := importer.Cut([]byte(multiLine(s.places.clean(name, e.tags[name]))), maxTagBytes)
				known.Tags[tag] = value
				added++
			}
		}
		if added == 0 {
			continue
		}
		if known.Created.IsZero() && validTime(e.created) {
			known.Created = time.UnixMilli(e.created).UTC()
		}
		if err := r.KeepExperiment(ctx, known); err != nil { // such as of tags that are too large together
			s.left.add("experiment tag", added)
		}
	}
	return nil
}
