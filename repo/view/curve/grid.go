package curve

import (
	"math"
	"slices"
)

// MaxExact is how many different x a chart shows one by one.
const MaxExact = 4096

// Range is the part of the x axis that is asked for. The zero value is all of it.
type Range struct {
	From, To   float64
	Some       bool // whether From and To are set
	Log        bool // places are even on a logarithmic axis; x that are not positive are left out
	Neighbours bool // with Some, take the point before and the point after it too, so that lines leave the range
}

// Grid is the places on the x axis that the curves of a chart share, in increasing order.
type Grid struct {
	X     []float64 // an x that was recorded or, in a bucket, its middle
	Exact bool      // no place is a bucket

	before, buckets int // places before the buckets, and buckets; the places after them are x again
	low, high       float64
	log             bool
}

// span is the points of a series that are in a range: from..to-1.
type span struct{ from, to int }

// part returns the points of s that r asks for, without neighbours.
func (r *Range) part(s *Series) span {
	p := span{0, s.Len()}
	if r.Log {
		p.from = s.after(0)
	}
	if r.Some {
		p.from = max(p.from, s.search(r.From))
		p.to = max(p.from, s.after(r.To))
	}
	return p
}

// wide returns the points of s that r asks for, with neighbours. Of equal neighbours, all belong to it.
func (r *Range) wide(s *Series) span {
	p := r.part(s)
	if !r.Some || !r.Neighbours || s.Len() == 0 {
		return p
	}
	least := 0
	if r.Log {
		least = s.after(0)
	}
	if p.from > least {
		p.from = s.search(s.X(p.from - 1))
	}
	if p.to < s.Len() {
		p.to = s.after(s.X(p.to))
	}
	return p
}

// NewGrid returns the places for some curves. There is one for each x, if there are at most MaxExact and no more than
// most in all curves together. Otherwise, there are buckets of equal width.
func NewGrid(series []*Series, r Range, buckets int, most int) *Grid {
	if g := exactGrid(series, r, most); g != nil {
		return g
	}
	g := &Grid{log: r.Log, low: r.From, high: r.To, buckets: max(buckets, 1)}
	if !r.Some {
		g.low, g.high = math.Inf(1), math.Inf(-1)
		for _, s := range series {
			if p := r.part(s); p.from < p.to {
				g.low, g.high = min(g.low, s.X(p.from)), max(g.high, s.X(p.to-1))
			}
		}
	} else if r.Log && g.low <= 0 {
		g.low = g.high
		for _, s := range series {
			if p := r.part(s); p.from < p.to {
				g.low = min(g.low, s.X(p.from))
			}
		}
	}
	var before, after []float64
	for _, s := range series {
		narrow, wide := r.part(s), r.wide(s)
		if wide.from < narrow.from {
			before = append(before, s.X(wide.from))
		}
		if narrow.to < wide.to {
			after = append(after, s.X(narrow.to))
		}
	}
	g.X = distinct(before)
	g.before = len(g.X)
	for i := range g.buckets {
		g.X = append(g.X, g.scaled((float64(i)+0.5)/float64(g.buckets)))
	}
	g.X = append(g.X, distinct(after)...)
	return g
}

func distinct(xs []float64) []float64 {
	slices.Sort(xs)
	return slices.Compact(xs)
}

// exactGrid returns nil if there are too many places.
func exactGrid(series []*Series, r Range, most int) *Grid {
	var xs []float64
	all := 0
	for _, s := range series {
		own := make([]float64, 0, 64)
		p := r.wide(s)
		for i := p.from; i < p.to; i++ {
			if x := s.X(i); len(own) == 0 || x != own[len(own)-1] {
				if own = append(own, x); len(own) > MaxExact {
					return nil
				}
			}
		}
		if all += len(own); all > most {
			return nil
		}
		if xs = merge(xs, own); len(xs) > MaxExact {
			return nil
		}
	}
	return &Grid{X: xs, Exact: true}
}

// merge returns the union of two increasing lists.
func merge(a, b []float64) []float64 {
	if slices.Equal(a, b) {
		return a
	}
	union := make([]float64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		x := min(a[0], b[0])
		if a[0] == x {
			a = a[1:]
		}
		if b[0] == x {
			b = b[1:]
		}
		union = append(union, x)
	}
	return append(append(union, a...), b...)
}

// scaled returns the x at a share of the range of the buckets.
func (g *Grid) scaled(share float64) float64 {
	if g.log {
		return math.Exp(math.Log(g.low) + (math.Log(g.high)-math.Log(g.low))*share)
	}
	return g.low + (g.high-g.low)*share
}

// Edge returns the least x of bucket i. A bucket ends where the next begins; the last one includes its end.
func (g *Grid) Edge(i int) float64 {
	switch i {
	case 0:
		return g.low
	case g.buckets:
		return g.high
	}
	return g.scaled(float64(i) / float64(g.buckets))
}
