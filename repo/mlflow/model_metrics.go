package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// Any run may log points about a model, also long after the run that made it. The points are in the run that logged
// them, with the label of the model. So that they are found without a look into every run, a tag of that run names the
// models that it measured and did not make.

// measuredTag is that tag: a JSON list of ids.
const measuredTag = format.OwnTagPrefix + "measured"

// The bounds of what is read for the metrics of a model.
const (
	maxMeasuring = 1000    // runs, the newest
	maxLiveKept  = 200_000 // points of an open run that stay in memory between calls
)

// MeasuredTag returns the tag of a run that names the models of other runs that it logged points about. The key is
// empty if there are none, or more than a tag can hold.
func MeasuredTag(models []string) (key, text string) {
	models = slices.Compact(slices.Sorted(slices.Values(models)))
	list, err := json.Marshal(models)
	if err != nil || len(models) == 0 || len(list) > format.MaxTextBytes {
		return "", ""
	}
	return measuredTag, string(list)
}

// measuredBy reads the tag. A text that is not valid names no models.
func measuredBy(text string) (models []string) {
	if json.Unmarshal([]byte(text), &models) != nil {
		return nil
	}
	return models
}

// measuredIn returns the runs of a table that measured models of other runs, by the ids of the models.
func measuredIn(t *repo.Table) map[string][]string {
	by := map[string][]string{}
	if !t.Has(index.Tags, measuredTag) {
		return by
	}
	column := t.Column(index.Tags, measuredTag)
	for row := range t.Len() {
		if column.Kind(row) == index.Text {
			for _, model := range measuredBy(column.Text(row)) {
				by[model] = append(by[model], t.ID(row))
			}
		}
	}
	return by
}

// measuring returns the runs that measured a model of another run, as far as their records are known.
func (k *known) measuring(ctx context.Context, r *repo.Repository, model string) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(ctx, r); err != nil {
		return nil, err
	}
	if k.measured == nil {
		k.measured = measuredIn(k.table)
	}
	return k.measured[model], nil
}

// measures notes the models that points are about. It returns a line that names those of other runs, if they became
// more. The caller holds the lock.
func (run *openRun) measures(points []metricJSON) *format.Line {
	more := false
	for i := range points {
		id := points[i].Model
		if _, ok := run.measured[id]; id == "" || ok {
			continue
		}
		of, _, err := modelPlace(id)
		run.measured[id] = err == nil && of != run.active.ID || err != nil && format.CheckKey(id) == nil
		more = more || run.measured[id]
	}
	if !more {
		return nil
	}
	var others []string
	for id, named := range run.measured {
		if named {
			others = append(others, id)
		}
	}
	key, text := MeasuredTag(others)
	if key == "" {
		return nil
	}
	return &format.Line{Tags: map[string]string{key: text}}
}

// adoptMeasured takes in the models that a run measured for an earlier service. Its own models may be among them.
func (run *openRun) adoptMeasured() {
	for _, id := range measuredBy(run.record.Tags[measuredTag]) {
		run.measured[id] = true
	}
	for _, m := range run.models {
		run.measured[m.ID] = false
	}
}

// livePoints are the points of an open run that were read for the metrics of models.
type livePoints struct {
	mu     sync.Mutex // taken before the lock of the run
	points *repo.LivePoints
}

// of returns the points about a model, by their metrics.
func (l *livePoints) of(ctx context.Context, run *repo.Active, model string) (map[string][]format.Point, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.points == nil {
		l.points = run.LivePoints()
	}
	if err := l.points.Read(ctx); err != nil {
		return nil, err
	}
	found := map[string][]format.Point{}
	for key := range l.points.Keys() {
		for _, p := range l.points.Points(key) {
			if p.Labels.Has(labelModel, model) {
				found[key] = append(found[key], p)
			}
		}
	}
	if l.points.Count() > maxLiveKept {
		l.points = nil
	}
	return found, nil
}

// pointsOf returns the points of an open run about a model.
func (run *openRun) pointsOf(ctx context.Context, model string) (list []metricJSON, err error) {
	run.mu.Lock()
	_, measured := run.measured[model]
	run.mu.Unlock()
	if !measured {
		return nil, nil
	}
	found, err := run.live.of(ctx, run.active, model)
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	for key, points := range found {
		for i := range points {
			list = append(list, run.metricOfOpen(key, &points[i]))
		}
	}
	return list, nil
}

// metricsOf returns all points about a model, of the run that made it and of others: of those that are open here, and
// of the newest others. They come by time, as they are logged, and points that are the same count once. The caller
// holds no lock.
func (s *Service) metricsOf(ctx context.Context, model, maker string) (list []metricJSON, err error) {
	open := map[string]bool{}
	for _, run := range s.openRuns() {
		points, err := run.pointsOf(ctx, model)
		switch {
		case isMissing(err): // it has been finished meanwhile
		case err != nil:
			return nil, err
		default:
			open[run.active.ID] = true
			list = append(list, points...)
		}
	}
	others, err := s.known.measuring(ctx, s.repo, model)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(slices.Clone(others), func(id string) bool { return id == maker })
	slices.SortFunc(others, func(a, b string) int { return strings.Compare(b, a) })
	for _, id := range append([]string{maker}, others[:min(len(others), maxMeasuring)]...) {
		if open[id] {
			continue
		}
		points, err := s.recordedAbout(ctx, id, model)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && id == maker && !isMissing(err) {
			return nil, err
		}
		list = append(list, points...) // what cannot be read of other runs is left out: 'runs verify' names it
	}
	slices.SortFunc(list, func(a, b metricJSON) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Step, b.Step), strings.Compare(a.Key, b.Key),
			strings.Compare(a.Run, b.Run), strings.Compare(a.Dataset, b.Dataset), strings.Compare(a.Digest, b.Digest),
			cmp.Compare(a.Value, b.Value))
	})
	return slices.CompactFunc(list, func(a, b metricJSON) bool {
		a.Value, b.Value = canonical(a.Value), canonical(b.Value)
		return a == b
	}), nil
}

// recordedAbout returns the points about a model of a run that this service has not opened.
func (s *Service) recordedAbout(ctx context.Context, run, model string) (list []metricJSON, err error) {
	e, err := s.repo.Read(ctx, run)
	if err != nil {
		return nil, err
	}
	whole := s.wholeID(ctx, run)
	filter := repo.PointFilter{Labels: map[string]string{labelModel: model}}
	err = e.EachPoint(ctx, filter, func(key string, p format.Point) error {
		list = append(list, metricOf(whole, key, &p, e.Datasets))
		return nil
	})
	return list, err
}

// openRuns returns the open runs.
func (s *Service) openRuns() []*openRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]*openRun, 0, len(s.open))
	for _, run := range s.open {
		open = append(open, run)
	}
	return open
}
