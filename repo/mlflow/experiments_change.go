package mlflow

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/mlflow/filter"
)

// maxExperimentTags is how many tags an experiment has.
const maxExperimentTags = 1000

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func setExperimentTags(e *format.Experiment, tags []tagJSON) error {
	for _, t := range tags {
		if err := checkKey("tag", t.Key); err != nil {
			return err
		}
		if e.Tags == nil {
			e.Tags = map[string]string{}
		}
		e.Tags[t.Key] = cut(t.Value, maxTagText)
	}
	if len(e.Tags) > maxExperimentTags {
		return invalid("Experiment '%s' has more than %d tags", e.Name, maxExperimentTags)
	}
	return nil
}

// errDefault is why a name or a deletion of the experiment of runs without one is refused: no record could follow.
var errDefault = invalid("The experiment '%s' is that of runs without one, and cannot be renamed or deleted",
	DefaultExperiment)

// changeExperiment changes the file of an experiment. That of runs without one has the name that MLflow gives it.
func (s *Service) changeExperiment(ctx context.Context, id string, do func(e *format.Experiment) error) (any, error) {
	name, ok, err := s.named(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noExperiment(id)
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	e, err := s.repo.Experiment(ctx, experimentName(name))
	if err != nil {
		return nil, err
	}
	if err := do(e); err != nil {
		return nil, err
	}
	if name == "" && (e.Title != "" || !e.Deleted.IsZero()) {
		return nil, errDefault
	}
	if err := s.repo.KeepExperiment(ctx, e); err != nil {
		return nil, err
	}
	s.branch.forget()
	return struct{}{}, s.markOpen(name)
}

type experimentCall struct {
	ID string `json:"experiment_id"`
	tagJSON
	Name string `json:"new_name"`
}

func (s *Service) updateExperiment(ctx context.Context, c *Call) (any, error) {
	var q experimentCall
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if err := format.CheckNamed("name", q.Name); err != nil {
		return nil, invalid("Invalid experiment name: %v", err)
	}
	if ours, taken, err := s.byName(ctx, q.Name); err != nil {
		return nil, err
	} else if taken && ExperimentID(ours) != q.ID {
		return nil, &Error{400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=" + q.Name + ") already exists."}
	}
	return s.changeExperiment(ctx, q.ID, func(e *format.Experiment) error {
		if !e.Deleted.IsZero() {
			return &Error{400, "INVALID_STATE", "Cannot rename a non-active experiment."}
		}
		if e.Title = q.Name; e.Title == e.Name {
			e.Title = ""
		}
		return nil
	})
}

func (s *Service) deleteExperiment(ctx context.Context, c *Call) (any, error) {
	var q experimentCall
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return s.changeExperiment(ctx, q.ID, func(e *format.Experiment) error {
		if !e.Deleted.IsZero() {
			return noExperiment(q.ID)
		}
		e.Deleted = now()
		return nil
	})
}

func (s *Service) restoreExperiment(ctx context.Context, c *Call) (any, error) {
	var q experimentCall
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return s.changeExperiment(ctx, q.ID, func(e *format.Experiment) error {
		if e.Deleted.IsZero() {
			return noExperiment(q.ID)
		}
		e.Deleted = time.Time{}
		return nil
	})
}

func (s *Service) setExperimentTag(ctx context.Context, c *Call) (any, error) {
	var q experimentCall
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return s.changeExperiment(ctx, q.ID, func(e *format.Experiment) error {
		if !e.Deleted.IsZero() {
			return inactiveExperiment(q.ID)
		}
		return setExperimentTags(e, []tagJSON{q.tagJSON})
	})
}

func (s *Service) deleteExperimentTag(ctx context.Context, c *Call) (any, error) {
	var q experimentCall
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return s.changeExperiment(ctx, q.ID, func(e *format.Experiment) error {
		if _, ok := e.Tags[q.Key]; !ok {
			return notFound("No tag with name: %s in experiment with id %s", oneLine(cut(q.Key, maxName)), q.ID)
		}
		delete(e.Tags, q.Key)
		return nil
	})
}

func (s *Service) searchExperiments(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Filter string   `json:"filter"`
		View   string   `json:"view_type"`
		Max    *number  `json:"max_results"`
		Order  []string `json:"order_by"`
		Page   string   `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	wanted, err := searchFor(filter.Experiments, q.Filter, q.Order, q.Page)
	if err != nil {
		return nil, err
	}
	most, err := page(q.Max, usualResults, mostResults)
	if err != nil {
		return nil, err
	}
	all, err := s.allExperiments(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e *experimentJSON) bool {
		seen := q.View == viewAll || (q.View == viewDeleted) == (e.Stage == stageDeleted)
		return !seen || !wanted.where.Match(experimentRow{experimentJSON: e})
	})
	sorted, next := pageOf(wanted, all, most, func(i, _ int) filter.Row { return experimentRow{experimentJSON: all[i]} })
	return pageJSON("experiments", sorted, next), nil
}

// allExperiments returns all experiments, newest first. An experiment is as old as its first run, and was updated when
// its last run began.
func (s *Service) allExperiments(ctx context.Context) ([]*experimentJSON, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	kept, _ := s.repo.Experiments(ctx) // 'runs verify' names damaged files
	all := make(map[string]*experimentJSON, len(names))
	for id, name := range names {
		e := kept[experimentName(name)]
		if e == nil {
			e = &format.Experiment{Name: name}
		}
		all[id] = s.experimentOf(e)
	}
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	spans := spansIn(table)
	for id, name := range names {
		s.date(all[id], name, spans)
	}
	list := make([]*experimentJSON, 0, len(all))
	for _, e := range all {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *experimentJSON) int {
		return cmp.Or(-cmp.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// experimentRow is an experiment as an expression and an order see it.
type experimentRow struct {
	withoutRuns
	*experimentJSON
}

// Tag returns a tag.
func (r experimentRow) Tag(key string) (string, bool) { return pair(r.Tags, key) }

// Text returns an attribute.
func (r experimentRow) Text(attribute string) (string, bool) {
	switch attribute {
	case "name":
		return r.Name, true
	case "experiment_id":
		return r.ID, true
	}
	return "", false
}

// Number returns a time in milliseconds since 1970.
func (r experimentRow) Number(attribute string) (float64, bool) {
	switch attribute {
	case "creation_time":
		return float64(r.Created), r.Created != 0
	case "last_update_time":
		return float64(r.Updated), r.Updated != 0
	}
	return 0, false
}
