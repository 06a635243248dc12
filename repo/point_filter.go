package repo

import (
	"cmp"
	"context"
	"slices"

	"github.com/gitruns/runs/format"
)

// PointFilter says which points of a run to read.
type PointFilter struct {
	Keys  []string // metrics; if empty, all
	Last  bool     // only the last point of each series
	Every int      // only the first of each Every points of a series, and its last; 0 is all
	// Labels are those that a point must have, as text; it may have more.
	Labels map[string]string
}

// EachPoint calls yield with the points that the filter keeps, ordered by key, step and time.
func (e *Entry) EachPoint(ctx context.Context, filter PointFilter, yield func(key string, p format.Point) error) error {
	t := &pointTaker{filter: filter, yield: yield}
	if len(filter.Keys) == 0 {
		if err := e.EachPoints(ctx, t.take); err != nil {
			return err
		}
		return t.last()
	}
	keys := slices.Sorted(slices.Values(filter.Keys))
	for _, k := range slices.Compact(keys) {
		points, err := e.Points(ctx, k)
		if err == nil {
			err = t.take(k, points)
		}
		if err != nil {
			return err
		}
	}
	return t.last()
}

// pointTaker passes on the points that a filter keeps.
type pointTaker struct {
	filter PointFilter
	yield  func(key string, p format.Point) error
	key    string
	series map[format.Labels]*takenSeries // of the key
}

// takenSeries is what is known of a series.
type takenSeries struct {
	has  bool // the labels of the filter
	n    int
	held bool // the newest point was not kept
	last format.Point
}

func (t *pointTaker) take(key string, points []format.Point) error {
	if key != t.key || t.series == nil {
		if err := t.last(); err != nil {
			return err
		}
		t.key, t.series = key, map[format.Labels]*takenSeries{}
	}
	var s *takenSeries
	for i, p := range points {
		if i == 0 || p.Labels != points[i-1].Labels {
			if s = t.series[p.Labels]; s == nil {
				s = &takenSeries{has: t.filter.has(p.Labels)}
				t.series[p.Labels] = s
			}
		}
		if !s.has {
			continue
		}
		s.held = t.filter.Last || t.filter.Every > 0 && s.n%t.filter.Every > 0
		if s.n++; s.held {
			s.last = p
		} else if err := t.yield(key, p); err != nil {
			return err
		}
	}
	return nil
}

// last passes on the last point of each series of the key.
func (t *pointTaker) last() error {
	var points []format.Point
	for _, s := range t.series {
		if s.held {
			points = append(points, s.last)
		}
	}
	slices.SortFunc(points, func(a, b format.Point) int { return cmp.Or(comparePoints(a, b), a.Labels.Compare(b.Labels)) })
	for _, p := range points {
		if err := t.yield(t.key, p); err != nil {
			return err
		}
	}
	return nil
}

func (f *PointFilter) has(l format.Labels) bool {
	for key, value := range f.Labels {
		if !l.Has(key, value) {
			return false
		}
	}
	return true
}
