// Package curve reduces the points of a metric to what a chart can show: a shared grid of x, and for each curve its
// least, greatest and last value in each place of the grid.
//
// It knows no run, no file and no chart. Start in series.go for a curve, in grid.go for how the places are chosen, and
// in cells.go for what is kept of the points in them.
package curve

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/gitruns/runs/format"
)

// Ints is a list of integers. An arithmetic progression, as the steps of most curves are, takes no memory.
type Ints struct {
	first, stride int64
	n             int
	list          []int64 // if it is not nil, all of them
}

// Len returns the number of integers.
func (l *Ints) Len() int { return l.n }

// At returns integer i.
func (l *Ints) At(i int) int64 {
	if l.list != nil {
		return l.list[i]
	}
	return l.first + l.stride*int64(i)
}

// Bytes returns the memory of the list in bytes.
func (l *Ints) Bytes() int64 { return 8 * int64(cap(l.list)) }

// add appends v. most is how many integers there will be, as far as that is known.
func (l *Ints) add(v int64, most int) {
	switch {
	case l.list != nil:
		l.list = append(l.list, v)
	case l.n == 0:
		l.first = v
	case l.n == 1:
		l.stride = v - l.first
	case v != l.first+l.stride*int64(l.n):
		list := make([]int64, l.n, max(most, l.n+1))
		for i := range list {
			list[i] = l.At(i)
		}
		l.list = append(list, v)
	}
	l.n++
}

// Series is a curve: points in the order of a finite x.
type Series struct {
	Labels format.Labels
	Steps  Ints
	Times  Ints // as in Points
	Values []float64

	ints   *Ints // x, before origin and scale
	origin int64
	scale  float64
	floats []float64 // x, if it is not nil
	Lost   int       // points that were left out, because they have no finite x
}

// Len returns the number of points.
func (s *Series) Len() int { return len(s.Values) }

// X returns the x of point i.
func (s *Series) X(i int) float64 {
	if s.floats != nil {
		return s.floats[i]
	}
	return float64(s.ints.At(i)-s.origin) / s.scale
}

// search returns the index of the first point whose x is at least x.
func (s *Series) search(x float64) int {
	return sort.Search(s.Len(), func(i int) bool { return s.X(i) >= x })
}

// after returns the index of the first point whose x is greater than x.
func (s *Series) after(x float64) int {
	return sort.Search(s.Len(), func(i int) bool { return s.X(i) > x })
}

// ByStep returns the points by step.
func ByStep(p *Points) *Series {
	s := &Series{Labels: p.Labels, Steps: p.Steps, Times: p.Times, Values: p.Values, scale: 1}
	s.ints = &s.Steps
	return s
}

// ByTime returns the points by time, in seconds since origin, which is in µs since 1970. p must have times.
func ByTime(p *Points, origin int64) *Series {
	s := &Series{Labels: p.Labels, Steps: p.Steps, Times: p.Times, Values: p.Values, scale: 1e6, origin: origin}
	s.ints = &s.Times
	for i := 1; i < p.Times.Len(); i++ {
		if p.Times.At(i) < p.Times.At(i-1) { // several writers: another order by step than by time
			order := make([]int, p.Times.Len())
			for j := range order {
				order[j] = j
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Times.At(a), p.Times.At(b)) })
			s.take(p, order)
			break
		}
	}
	return s
}

// ByMetric returns the points by the value of another metric. The x of a point is the last value that the metric has
// at the same or an earlier step. Points before the first such value are left out, as catalog.CurveBy does, and so are
// those whose x is not finite.
func ByMetric(p, along *Points) *Series {
	var xs []float64
	var order []int
	s := &Series{Labels: p.Labels, scale: 1}
	i := 0
	for j := range p.Values {
		for i < len(along.Values) && along.Steps.At(i) <= p.Steps.At(j) {
			i++
		}
		if i == 0 || !finite(along.Values[i-1]) {
			s.Lost++
			continue
		}
		xs, order = append(xs, along.Values[i-1]), append(order, j)
	}
	if !slices.IsSorted(xs) {
		places := make([]int, len(xs))
		for j := range places {
			places[j] = j
		}
		slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
		sorted := make([]int, len(xs))
		s.floats = make([]float64, len(xs))
		for j, place := range places {
			s.floats[j], sorted[j] = xs[place], order[place]
		}
		order = sorted
	} else {
		s.floats = append([]float64{}, xs...)
	}
	s.take(p, order)
	return s
}

// take sets the points to those of an order.
func (s *Series) take(p *Points, order []int) {
	s.Steps, s.Times, s.Values = Ints{}, Ints{}, make([]float64, len(order))
	for i, j := range order {
		s.Values[i] = p.Values[j]
		s.Steps.add(p.Steps.At(j), len(order))
		if p.Times.Len() > 0 {
			s.Times.add(p.Times.At(j), len(order))
		}
	}
}

// With returns the series with other values, one for each point.
func (s *Series) With(values []float64) *Series {
	other := *s
	if s.ints == &s.Steps {
		other.ints = &other.Steps
	} else if s.ints == &s.Times {
		other.ints = &other.Times
	}
	other.Values = values
	return &other
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Below returns how many points have an x that is at most x.
func (s *Series) Below(x float64) int { return s.after(x) }

// After returns the points whose x is greater than x, and how many others there are.
func (s *Series) After(x float64) (after *Series, before int) {
	before = s.after(x)
	order := make([]int, 0, s.Len()-before)
	for i := before; i < s.Len(); i++ {
		order = append(order, i)
	}
	points := &Points{Steps: s.Steps, Times: s.Times, Values: s.Values}
	after = &Series{Labels: s.Labels, scale: 1, floats: make([]float64, len(order))}
	for i, j := range order {
		after.floats[i] = s.X(j)
	}
	after.take(points, order)
	return after, before
}
