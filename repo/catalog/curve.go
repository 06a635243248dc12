package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// SelectCurves separates a list of words into runs and metrics. A word is a metric if one of the preceding runs has
// it. Any other word is a selector or, if that finds no run, a metric of the selected runs. Without a run, the newest
// is selected. Each run is read as one with those that it resumes, unless alone is true. If a word is neither a run
// nor a metric, the error is a *query.NotFoundError.
func (c *Catalog) SelectCurves(ctx context.Context, words []string, alone bool) (entries []*repo.Entry,
	metrics []string, err error,
) {
	add := func(e *repo.Entry, of *Catalog) {
		if slices.ContainsFunc(entries, func(other *repo.Entry) bool { return other.ID == e.ID }) {
			return
		}
		if !alone {
			e = of.Whole(ctx, e)
		}
		entries = append(entries, e)
	}
	var unknown []string
	for _, word := range words {
		if anyHas(entries, word) {
			metrics = append(metrics, word)
			continue
		}
		found, of, err := c.Select(ctx, word)
		var none *query.NotFoundError
		switch {
		case errors.As(err, &none):
			unknown = append(unknown, word)
			continue
		case err != nil:
			return nil, nil, err
		}
		for _, e := range found {
			add(e, of)
		}
	}
	if len(entries) == 0 {
		newest, of, err := c.One(ctx, "last")
		if err != nil {
			return nil, nil, err
		}
		add(newest, of)
	}
	for _, word := range unknown {
		if !anyHas(entries, word) {
			reason := fmt.Sprintf("names neither a run nor a metric of %s; its metrics: %s", entries[0],
				query.Names(entries[0].Metrics))
			return nil, nil, &query.NotFoundError{Selector: word, Reason: reason}
		}
		metrics = append(metrics, word)
	}
	return entries, metrics, nil
}

func anyHas(entries []*repo.Entry, metric string) bool {
	return slices.ContainsFunc(entries, func(e *repo.Entry) bool { _, ok := e.Metrics[metric]; return ok })
}

// CurvesOf chooses the metrics to draw for runs. It takes the primary metric, otherwise those with more than one
// point, otherwise all. If there are more than limit, the metric that lists show comes first, and the others follow
// by name.
func (c *Catalog) CurvesOf(entries []*repo.Entry, limit int) []string {
	if p := c.config.Primary; p != "" && anyHas(entries, p) {
		return []string{p}
	}
	count := map[string]int64{}
	for _, e := range entries {
		for key, m := range e.Metrics {
			if d, ok := e.Definition(key); !ok || !d.Hidden {
				count[key] = max(count[key], m.Count)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(count))
	curves := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return count[key] < 2 })
	if len(curves) > 0 {
		keys = curves
	}
	if len(keys) > limit {
		first := query.Primary("", query.Records(Records(entries)), c.Context())
		keys = slices.DeleteFunc(keys, func(key string) bool { return key == first })
		keys = append([]string{first}, keys[:limit-1]...)
	}
	return keys
}

// Axis is the x axis of a curve.
type Axis int

// The axes.
const (
	ByStep     Axis = iota
	ByTime          // seconds since 1970
	ByDuration      // seconds since the run started
)

// StepMetric returns the metric that is the x axis of another metric. Every run that has the metric must define this
// x axis and have points of it. StepMetric returns "" if there is none.
func StepMetric(entries []*repo.Entry, metric string) string {
	axis := ""
	for _, e := range entries {
		if _, ok := e.Metrics[metric]; !ok {
			continue
		}
		d, _ := e.Definition(metric)
		if _, ok := e.Metrics[d.StepMetric]; !ok || d.StepMetric == metric || axis != "" && axis != d.StepMetric {
			return ""
		}
		axis = d.StepMetric
	}
	return axis
}

// Series is a curve of a metric: the points that have the same labels, as two lists of equal length.
type Series struct {
	Labels format.Labels
	X, Y   []float64
}

// Curves reads the curves of a metric of a run, one for each set of labels, ordered by step or by time.
func Curves(ctx context.Context, e *repo.Entry, metric string, axis Axis) ([]Series, error) {
	points, err := e.Points(ctx, metric)
	if err != nil {
		return nil, err
	}
	began := e.Began().UnixMicro()
	var curves []Series
	for _, part := range format.SplitSeries(points) {
		s := Series{Labels: part.Labels}
		if axis != ByStep { // points of several writers may be in another order by step than by time
			slices.SortStableFunc(part.Points, func(a, b format.Point) int { return cmp.Compare(a.Time, b.Time) })
		}
		for _, p := range part.Points {
			s.Y = append(s.Y, p.Value)
			switch axis {
			case ByStep:
				s.X = append(s.X, float64(p.Step))
			case ByTime:
				s.X = append(s.X, float64(p.Time)/1e6)
			case ByDuration:
				s.X = append(s.X, float64(p.Time-began)/1e6)
			}
		}
		curves = append(curves, s)
	}
	return curves, nil
}

// CurvesBy is like Curves, but x is the value of another metric, and the points are sorted by it. If that metric has
// points with the labels of a curve, these count, and otherwise all of its points. See alongMetric.
func CurvesBy(ctx context.Context, e *repo.Entry, metric, stepMetric string) ([]Series, error) {
	points, err := e.Points(ctx, metric)
	if err != nil {
		return nil, err
	}
	all, err := e.Points(ctx, stepMetric)
	if err != nil {
		return nil, err
	}
	along := format.SplitSeries(all)
	var curves []Series
	for _, part := range format.SplitSeries(points) {
		s, steps := Series{Labels: part.Labels}, all
		for _, other := range along {
			if other.Labels == part.Labels {
				steps = other.Points
			}
		}
		s.X, s.Y = alongMetric(part.Points, steps)
		curves = append(curves, s)
	}
	return curves, nil
}

// alongMetric takes as x of each point the last value that another metric has at the same or an earlier step. It
// leaves out points before the first such value. Both lists are sorted by step; the result is sorted by x.
func alongMetric(points, steps []format.Point) (x, y []float64) {
	type place struct{ x, y float64 }
	var list []place
	i := 0
	for _, p := range points {
		for i < len(steps) && steps[i].Step <= p.Step {
			i++
		}
		if i > 0 && !math.IsNaN(steps[i-1].Value) {
			list = append(list, place{steps[i-1].Value, p.Value})
		}
	}
	listsort.Stable(list, func(a, b place) int { return cmp.Compare(a.x, b.x) })
	for _, at := range list {
		x, y = append(x, at.x), append(y, at.y)
	}
	return x, y
}

// Smooth returns the exponential moving average of y. The weight must be at least 0 and less than 1. As in TensorBoard,
// the average is corrected for its bias at the start (Kingma and Ba, Adam, 2015, section 3). Values that are not finite
// are returned unchanged and do not affect the average.
func Smooth(y []float64, weight float64) []float64 {
	out := make([]float64, len(y))
	mean, share := 0.0, 1.0
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out[i] = v
			continue
		}
		mean = weight*mean + (1-weight)*v
		share *= weight
		out[i] = mean / (1 - share)
	}
	return out
}
