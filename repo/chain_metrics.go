package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gitruns/runs/format"
)

// ChainMetrics returns the metrics of a chain of runs, whose newest part comes first. Each part stands for itself. Of a
// metric that several parts have, those points count that Continuing lets count. The points of a part are read only if
// a later part has steps that are not behind them. If they cannot be read, it returns the metrics as if no part had
// gone back, and an error.
func ChainMetrics(ctx context.Context, parts []*Entry) (map[string]format.Metric, error) {
	metrics := make(map[string]format.Metric, len(parts[0].Metrics))
	shared := map[string]bool{}
	for _, part := range parts {
		for key, m := range part.Metrics {
			if _, ok := metrics[key]; ok {
				shared[key] = true
			} else {
				metrics[key] = m
			}
		}
	}
	if len(shared) == 0 {
		return metrics, nil
	}
	merged, err := mergeShared(ctx, parts, shared)
	if err != nil {
		err = fmt.Errorf("the values of run %s and of those that it resumes may count steps that were repeated: %w",
			parts[0].ID, err)
		for key := range shared {
			merged[key] = mergeWhole(parts, key)
		}
	}
	for key, m := range merged {
		if m.Count <= 1 {
			m.Min, m.Max = nil, nil
		}
		metrics[key] = m
	}
	return metrics, err
}

// mergeShared merges the metrics that several parts have.
func mergeShared(ctx context.Context, parts []*Entry, shared map[string]bool) (map[string]format.Metric, error) {
	merged := map[string]format.Metric{}
	limits := map[string]int64{} // first step of each metric in the later parts
	adding := map[string]bool{}  // metrics that a later part adds to
	for _, part := range parts {
		err := mergePart(ctx, part, shared, merged, limits, adding)
		if part.Adds {
			for key := range part.Metrics {
				adding[key] = true
			}
		}
		if errors.Is(err, errFromPoints) {
			merged, err = mergePoints(ctx, parts, shared)
			if err == nil {
				return merged, nil
			}
		}
		if err != nil {
			return map[string]format.Metric{}, err
		}
	}
	return merged, nil
}

// errFromPoints says that metrics are to be merged from all of their points: a part has points with labels, of which
// each set has a place where a later part began anew, or a later part has added points between those of an earlier one.
var errFromPoints = errors.New("the points of the parts are mixed")

// mergePoints merges metrics from all of their points.
func mergePoints(ctx context.Context, parts []*Entry, shared map[string]bool) (map[string]format.Metric, error) {
	all := map[string]*joined{}
	goals := map[string]string{}
	for _, part := range parts {
		curves, err := part.Curves()
		for key, m := range part.Metrics {
			if err != nil || !shared[key] {
				continue
			}
			if _, later := goals[key]; !later {
				goals[key] = m.Goal
			}
			var points []format.Point
			if points, err = curves.own(ctx, key); err == nil && len(points) == 0 {
				err = missingPoints(nil, part, key)
			}
			if all[key] == nil {
				all[key] = &joined{}
			}
			all[key].put(part.Run, points)
		}
		curves.Close()
		if err != nil {
			return nil, err
		}
	}
	merged := map[string]format.Metric{}
	for key, of := range all {
		var c curve
		for _, p := range of.points {
			c.add(p)
		}
		m := c.metric(goals[key])
		m.Min, m.Max = c.min, c.max
		merged[key] = m
	}
	return merged, nil
}

func mergePart(
	ctx context.Context, part *Entry, shared map[string]bool, merged map[string]format.Metric, limits map[string]int64,
	adding map[string]bool,
) error {
	curves, err := part.Curves()
	if err != nil {
		return err
	}
	defer curves.Close()
	if labeled, err := curves.labeled(ctx); err != nil || labeled {
		return cmp.Or(err, errFromPoints)
	}
	for key, m := range part.Metrics {
		if !shared[key] {
			continue
		}
		first, last, ok, err := curves.stepRange(ctx, key)
		if err != nil || !ok {
			return missingPoints(err, part, key)
		}
		limit, later := limits[key]
		switch {
		case !later:
			merged[key] = withExtremes(m, first)
		case last < limit:
			merged[key] = mergeMetric(merged[key], withExtremes(m, first))
		case adding[key]:
			return errFromPoints
		case first < limit:
			points, err := curves.own(ctx, key)
			if err != nil {
				return err
			}
			var c curve
			for _, p := range points {
				if p.Step < limit {
					c.add(p)
				}
			}
			before := c.metric(m.Goal)
			before.Min, before.Max = c.min, c.max
			merged[key] = mergeMetric(merged[key], before)
		}
		if !later || first < limit {
			limits[key] = first
		}
	}
	return nil
}

// missingPoints returns err, or an error that says that the points of a metric are missing.
func missingPoints(err error, part *Entry, key string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("run %s: it has no points of %q", part.ID, key)
}

// withExtremes returns the metric with its extremes, also if it has one point only.
func withExtremes(m format.Metric, step int64) format.Metric {
	if m.Min == nil && m.Count == 1 && !math.IsNaN(m.Last) {
		m.Min, m.Max = &format.Extreme{Value: m.Last, Step: step}, &format.Extreme{Value: m.Last, Step: step}
	}
	return m
}

// mergeMetric adds the points of an earlier part to a metric. Of equal extremes, that of the lower step counts.
func mergeMetric(m, earlier format.Metric) format.Metric {
	if e := earlier.Min; e != nil && (m.Min == nil || e.Value <= m.Min.Value) {
		m.Min = e
	}
	if e := earlier.Max; e != nil && (m.Max == nil || e.Value >= m.Max.Value) {
		m.Max = e
	}
	m.Count += earlier.Count
	return m
}

// mergeWhole merges a metric of the parts from their records alone.
func mergeWhole(parts []*Entry, key string) (whole format.Metric) {
	some := false
	for _, part := range parts {
		m, ok := part.Metrics[key]
		if !ok {
			continue
		}
		if m = withExtremes(m, 0); some {
			m = mergeMetric(whole, m)
		}
		whole, some = m, true
	}
	return whole
}
