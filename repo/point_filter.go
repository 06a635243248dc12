package repo

import (
	"context"
	"slices"

	"github.com/gitruns/runs/format"
)

// PointFilter says which points of a run to read.
type PointFilter struct {
	Keys  []string // metrics; if empty, all
	Last  bool     // only the last point of each metric
	Every int      // only the first of each Every points of a metric, and its last; 0 is all
}

// EachPoint calls yield with the points that the filter keeps, ordered by key, step and time.
func (e *Entry) EachPoint(ctx context.Context, filter PointFilter, yield func(key string, p format.Point) error) error {
	var key string
	var n int
	var held *format.Point // the newest point of key that was not kept
	last := func() error {
		if held == nil {
			return nil
		}
		p := *held
		held = nil
		return yield(key, p)
	}
	take := func(k string, points []format.Point) error {
		if k != key {
			if err := last(); err != nil {
				return err
			}
			key, n = k, 0
		}
		for _, p := range points {
			if !filter.Last && (filter.Every == 0 || n%filter.Every == 0) {
				held = nil
				if err := yield(k, p); err != nil {
					return err
				}
			} else {
				held = &p
			}
			n++
		}
		return nil
	}
	if len(filter.Keys) == 0 {
		if err := e.EachPoints(ctx, take); err != nil {
			return err
		}
		return last()
	}
	keys := slices.Sorted(slices.Values(filter.Keys))
	for _, k := range slices.Compact(keys) {
		points, err := e.Points(ctx, k)
		if err == nil {
			err = take(k, points)
		}
		if err != nil {
			return err
		}
	}
	return last()
}
