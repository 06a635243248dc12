package repo

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/gitruns/runs/format"
)

// Continuing returns an entry that reads the run and the earlier runs of its chain as one. earlier is sorted newest
// first; run is the record of the whole chain. A point or a value counts unless a later part has one of the same key
// at the same or an earlier step, because from that step on the work was repeated. See package catalog for the rule
// of chains.
func (e *Entry) Continuing(run *format.Run, earlier []*Entry) *Entry {
	whole := *e
	whole.Run, whole.earlier, whole.newest = run, earlier, e
	return &whole
}

// Newest returns the newest part of the entry alone, with its own record.
func (e *Entry) Newest() *Entry {
	if e.newest != nil {
		return e.newest
	}
	return e
}

// Parts returns the number of runs that are read as one.
func (e *Entry) Parts() int { return 1 + len(e.earlier) }

// Began returns when the first of the parts was started.
func (e *Entry) Began() time.Time {
	if n := len(e.earlier); n > 0 {
		return e.earlier[n-1].Started
	}
	return e.Started
}

// ValuesBytes returns the size in bytes of the value files of all finished parts.
func (e *Entry) ValuesBytes() int64 {
	n := e.Files[format.ValuesName].Bytes
	for _, part := range e.earlier {
		n += part.Files[format.ValuesName].Bytes
	}
	return n
}

// alone returns the entry without the earlier parts.
func (e *Entry) alone() *Entry {
	part := *e
	part.earlier = nil
	return &part
}

// appendPoints appends the points of a later part to those of an earlier one. Both are sorted by step. What the later
// part logs again replaces the earlier points with the same labels.
func appendPoints(earlier, later []format.Point) []format.Point {
	if len(later) == 0 {
		return earlier
	}
	if hasLabels(earlier) || hasLabels(later) {
		return appendSeries(earlier, later)
	}
	n := sort.Search(len(earlier), func(i int) bool { return earlier[i].Step >= later[0].Step })
	return append(earlier[:n:n], later...)
}

func hasLabels(points []format.Point) bool {
	return slices.ContainsFunc(points, func(p format.Point) bool { return p.Labels != (format.Labels{}) })
}

// appendSeries is appendPoints for points with labels.
func appendSeries(earlier, later []format.Point) []format.Point {
	first := map[format.Labels]int64{} // steps of the later part
	for _, p := range later {
		if _, known := first[p.Labels]; !known {
			first[p.Labels] = p.Step
		}
	}
	all := make([]format.Point, 0, len(earlier)+len(later))
	for _, p := range earlier {
		if from, again := first[p.Labels]; !again || p.Step < from {
			all = append(all, p)
		}
	}
	all = append(all, later...)
	sortPoints(all)
	return all
}

// eachPointsOfChain is like EachPoints, for several parts.
func (e *Entry) eachPointsOfChain(ctx context.Context, yield func(key string, points []format.Point) error) error {
	curves, err := e.Curves()
	if err != nil {
		curves.Close()
		return err
	}
	defer curves.Close()
	for _, key := range slices.Sorted(maps.Keys(e.Metrics)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		points, err := curves.Points(ctx, key)
		if err == nil {
			err = yield(key, points)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// valueStream reads the values of one part one by one.
type valueStream struct {
	next  func() (string, format.Value, bool)
	stop  func()
	key   string
	value format.Value
	ok    bool // whether there is a key and a value
	here  bool // whether the values of the part are on this machine
	err   error
	limit *int64 // first step of the current key in a later part; nil if there is none
}

var errStopped = errors.New("the reader stopped")

func (e *Entry) valueStream(ctx context.Context) *valueStream {
	s := &valueStream{here: true}
	s.next, s.stop = iter.Pull2(func(yield func(string, format.Value) bool) {
		s.here, s.err = e.EachValue(ctx, func(key string, v format.Value) error {
			if !yield(key, v) {
				return errStopped
			}
			return nil
		})
	})
	s.advance()
	return s
}

func (s *valueStream) advance() { s.key, s.value, s.ok = s.next() }

// eachValueOfChain is like EachValue, for several parts.
func (e *Entry) eachValueOfChain(ctx context.Context, yield func(key string, v format.Value) error) (here bool,
	err error,
) {
	streams := []*valueStream{e.alone().valueStream(ctx)}
	for _, part := range e.earlier {
		streams = append(streams, part.valueStream(ctx))
	}
	defer func() {
		for _, s := range streams {
			s.stop()
		}
	}()
	for {
		key, some := "", false
		for _, s := range streams {
			if s.ok && (!some || s.key < key) {
				key, some = s.key, true
			}
		}
		if !some {
			break
		}
		var limit *int64
		for _, s := range streams { // newest first
			s.limit = limit
			if s.ok && s.key == key && (limit == nil || s.value.Step < *limit) {
				step := s.value.Step
				limit = &step
			}
		}
		for _, s := range slices.Backward(streams) {
			for ; s.ok && s.key == key; s.advance() {
				if s.limit != nil && s.value.Step >= *s.limit {
					continue
				}
				if err := yield(key, s.value); err != nil {
					return true, err
				}
			}
		}
	}
	here = true
	for _, s := range streams {
		if s.err != nil {
			return true, s.err
		}
		here = here && s.here
	}
	return here, nil
}
