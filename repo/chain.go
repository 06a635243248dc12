package repo

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
)

// Continuing returns an entry that reads the run and the earlier runs of its chain as one. earlier is sorted newest
// first; run is the record of the whole chain. A point or a value counts unless a later part has one of the same key
// at the same or an earlier step, because from that step on the work was repeated. A part that adds its points
// repeats nothing. See package catalog for the rule of chains.
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

// Before returns the id of the run that the oldest of the parts resumes. It is empty if that part is the first.
func (e *Entry) Before() string {
	if n := len(e.earlier); n > 0 {
		return e.earlier[n-1].Resumes
	}
	return e.Resumes
}

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

// joined are the points of one metric that count in a chain. Its parts are put in from the newest to the oldest.
type joined struct {
	points []format.Point
	anew   map[format.Labels]int64 // the first step of each series in the parts that repeat steps
}

// put adds the points of a part, which are sorted. What a later part logged again replaces those with the same labels.
// The slice may be kept, and is not changed.
func (j *joined) put(part *format.Run, points []format.Point) {
	kept := j.before(points)
	if !part.Adds {
		for i, p := range points {
			if i > 0 && p.Labels == points[i-1].Labels {
				continue
			}
			if from, known := j.anew[p.Labels]; !known || p.Step < from {
				if j.anew == nil {
					j.anew = map[format.Labels]int64{}
				}
				j.anew[p.Labels] = p.Step
			}
		}
	}
	switch n := len(kept); {
	case n == 0:
	case len(j.points) == 0:
		j.points = kept
	case comparePoints(kept[n-1], j.points[0]) <= 0:
		j.points = append(kept[:n:n], j.points...)
	default:
		j.points = append(kept[:n:n], j.points...)
		sortPoints(j.points)
	}
}

// before returns those of the points that no later part replaces.
func (j *joined) before(points []format.Point) []format.Point {
	if len(j.anew) == 0 || len(points) == 0 {
		return points
	}
	labels := points[0].Labels
	from, known := j.anew[labels]
	again := func(p format.Point) bool {
		if p.Labels != labels {
			labels = p.Labels
			from, known = j.anew[labels]
		}
		return known && p.Step >= from
	}
	n := slices.IndexFunc(points, again)
	if n < 0 {
		return points
	}
	kept := points[:n:n]
	for _, p := range points[n:] {
		if !again(p) {
			kept = append(kept, p)
		}
	}
	return kept
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
	adds  bool   // the part adds its values to those of earlier ones
	limit *int64 // first step of the current key in a later part that repeats steps; nil if there is none
}

var errStopped = errors.New("the reader stopped")

func (e *Entry) valueStream(ctx context.Context) *valueStream {
	s := &valueStream{here: true, adds: e.Adds}
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

// nextOf returns the stream with the next value of a key, by step and time. Of equal values, that of the oldest part is
// next. It passes over those that a later part replaces. After the last value it returns nil.
func nextOf(streams []*valueStream, key string) (next *valueStream) {
	for _, s := range slices.Backward(streams) { // the oldest first
		for s.ok && s.key == key && s.limit != nil && s.value.Step >= *s.limit {
			s.advance()
		}
		if s.ok && s.key == key &&
			(next == nil || cmp.Or(cmp.Compare(s.value.Step, next.value.Step), cmp.Compare(s.value.Time, next.value.Time)) < 0) {
			next = s
		}
	}
	return next
}

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
			if s.ok && s.key == key && !s.adds && (limit == nil || s.value.Step < *limit) {
				step := s.value.Step
				limit = &step
			}
		}
		for s := nextOf(streams, key); s != nil; s = nextOf(streams, key) {
			if err := yield(key, s.value); err != nil {
				return true, err
			}
			s.advance()
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
