package view

import (
	"context"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// CurveMetric is a metric that can be drawn.
type CurveMetric struct {
	Key    string `json:"key"`
	Runs   int    `json:"runs"`             // that have it
	Points int64  `json:"points"`           // of the run that has most
	X      string `json:"x,omitempty"`      // the metric that is its x axis
	Goal   string `json:"goal,omitempty"`   // min or max
	Hidden bool   `json:"hidden,omitempty"` // the program asked not to draw it
}

// CurveMetrics returns the metrics of runs, sorted by key. Without ids, these are the runs that the view shows. An
// answer "curves/{n}.bin" has the curves of metric n of that list.
func (v *View) CurveMetrics(_ context.Context, ids []string) ([]CurveMetric, error) {
	entries, err := v.anyEntries(ids)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.curveMetrics(entries), nil
}

func (v *View) curveMetrics(entries []*repo.Entry) []CurveMetric {
	byKey := map[string]*CurveMetric{}
	for _, e := range entries {
		for key, m := range e.Metrics {
			of := byKey[key]
			if of == nil {
				of = &CurveMetric{Key: key, Hidden: true}
				byKey[key] = of
			}
			of.Runs++
			of.Points = max(of.Points, m.Count)
			if d, ok := e.Definition(key); !ok || !d.Hidden {
				of.Hidden = false
			}
		}
	}
	metrics := make([]CurveMetric, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		m := byKey[key]
		m.Goal, m.X = v.catalog.Goal(key), catalog.StepMetric(entries, key)
		metrics = append(metrics, *m)
	}
	return metrics
}

// CurvesOf is Curves for metric n of the list of all metrics, and for all runs.
func (v *View) CurvesOf(ctx context.Context, n, buckets int) ([]byte, error) {
	metrics, err := v.CurveMetrics(ctx, nil)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(metrics) {
		return nil, &NotFoundError{"curves: no metric has this number"}
	}
	return v.Curves(ctx, CurvesQuery{Metric: metrics[n].Key, Buckets: buckets, Times: true})
}

// Bounds of a legend, whose texts are for people.
const (
	maxLegendParams = 200
	maxLegendText   = 200 // bytes
)

// LegendRun is what a legend says about a run.
type LegendRun struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	Active     bool              `json:"active,omitempty"`
	Experiment string            `json:"experiment,omitempty"`
	Group      string            `json:"group,omitempty"`
	Started    int64             `json:"started"` // in ms since 1970 UTC
	Params     map[string]string `json:"params"`  // that differ among the runs, with their values as text
}

// LegendQuery names runs by their ids or, if Runs is nil, takes those that the view shows and that match an expression.
type LegendQuery struct {
	Runs   []string
	Where  string
	Newest int // the maximum number; 0 is all
}

// Legend returns what a legend says about runs, and what they can be grouped by.
func (v *View) Legend(_ context.Context, q LegendQuery) ([]LegendRun, error) {
	entries, err := v.legendEntries(q)
	if err != nil {
		return nil, err
	}
	keys := query.DifferingParams(catalog.Records(entries))
	keys = keys[:min(len(keys), maxLegendParams)]
	runs := make([]LegendRun, len(entries))
	for i, e := range entries {
		runs[i] = LegendRun{
			ID: e.ID, Name: e.Title(), Status: string(e.Status), Active: e.Active != nil, Experiment: e.Experiment,
			Group: e.Group, Started: e.Started.UnixMilli(), Params: legendParams(e.Run, keys),
		}
	}
	return runs, nil
}

// legendEntries returns the runs that a question names. It reads the records of these only.
func (v *View) legendEntries(q LegendQuery) ([]*repo.Entry, error) {
	var rows []*catalog.Row
	if q.Runs != nil {
		entries, err := v.entriesOf(q.Runs)
		if err != nil {
			return nil, err
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		rows = v.catalog.RowsOf(known(entries))
	} else {
		v.mu.Lock()
		defer v.mu.Unlock()
		rows = slices.Clone(v.rows)
	}
	rows, _, err := v.catalog.MatchRows(rows, q.Where)
	if err != nil {
		return nil, err
	}
	if q.Newest > 0 {
		rows = rows[:min(q.Newest, len(rows))]
	}
	return v.catalog.Load(rows)
}

func legendParams(run *format.Run, keys []string) map[string]string {
	texts := map[string]string{}
	values := run.Params.Flatten()
	for _, key := range keys {
		if value, ok := values[key]; ok {
			texts[key] = cut(query.Text(value), maxLegendText)
		}
	}
	return texts
}

// cut shortens a text to at most n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// anyEntries returns the shown runs that a question names, or all. There may be any number of them.
func (v *View) anyEntries(ids []string) ([]*repo.Entry, error) {
	if ids != nil {
		entries, err := v.entriesOf(ids)
		return known(entries), err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.catalog.Load(v.rows)
}
