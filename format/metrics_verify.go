package format

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// MaxCheckedPoints is the largest number of points that Agrees reads. It is bounded because a few bytes of a Parquet
// file can hold any number of equal points.
const MaxCheckedPoints = 20_000_000

// Agrees returns an error unless the points agree with the table [metrics] of a record. The two must have the same
// keys, and for each key the same count, the same last value, and the same extremes with their first steps.
func (m *Metrics) Agrees(ctx context.Context, want map[string]Metric) error {
	if m.Rows() > MaxCheckedPoints {
		return fmt.Errorf("it has %d points, and at most %d are checked", m.Rows(), MaxCheckedPoints)
	}
	got := make(map[string]*tally, len(want))
	err := m.Each(ctx, func(key string, points []Point) error {
		t := got[key]
		if t == nil {
			if _, ok := want[key]; !ok {
				return fmt.Errorf("it has points of %q, which is not in run.toml", key)
			}
			t = &tally{}
			got[key] = t
		}
		for i := range points {
			t.add(points[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		t := got[key]
		if t == nil {
			return fmt.Errorf("it has no points of %q", key)
		}
		if err := t.agrees(want[key]); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

// tally accumulates the summary of one metric.
type tally struct {
	count    int64
	last     Point
	min, max *Extreme
}

func (t *tally) add(p Point) {
	if t.count++; t.count == 1 || comparePoints(t.last, p) <= 0 {
		t.last = p
	}
	switch {
	case math.IsNaN(p.Value):
		return
	case t.min == nil:
		t.min, t.max = &Extreme{p.Value, p.Step}, &Extreme{p.Value, p.Step}
		return
	}
	if p.Value < t.min.Value || p.Value == t.min.Value && p.Step < t.min.Step {
		*t.min = Extreme{p.Value, p.Step}
	}
	if p.Value > t.max.Value || p.Value == t.max.Value && p.Step < t.max.Step {
		*t.max = Extreme{p.Value, p.Step}
	}
}

func (t *tally) agrees(want Metric) error {
	if t.count == 1 {
		t.min, t.max = nil, nil
	}
	switch {
	case t.count != want.Count:
		return fmt.Errorf("the count is %d, and in run.toml %d", t.count, want.Count)
	case !sameFloat(t.last.Value, want.Last):
		return fmt.Errorf("the last value is %v, and in run.toml %v", t.last.Value, want.Last)
	case !sameExtreme(t.min, want.Min):
		return errors.New("the smallest value differs from run.toml")
	case !sameExtreme(t.max, want.Max):
		return errors.New("the largest value differs from run.toml")
	}
	return nil
}

func sameExtreme(a, b *Extreme) bool {
	return a == b || a != nil && b != nil && *a == *b
}
