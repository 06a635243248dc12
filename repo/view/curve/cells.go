package curve

import (
	"math"
	"slices"
)

// Cells are what a chart shows of a curve: the places of the grid in which it has points, and what it has there.
type Cells struct {
	At       []uint32  // the places, in increasing order
	Min, Max []float64 // of the finite values; NaN if there are none
	Last     []float64 // the value of the last point, whatever it is
	Step     []int64   // of the last point
	X        []float64 // of the last point
	Time     []int64   // of the last point, in µs since 1970; nil if it is not wanted or not known
	Spread   bool      // a cell has several points
	Marks    []Mark

	times bool

	Points int // in all cells
	NaN    int // of them
	Inf    int // of them
	Low    int // finite values that are not positive
}

// Mark counts the values of a cell that are not finite.
type Mark struct {
	Cell          uint32 // its index in Cells, not its place
	NaN, Pos, Neg uint32
}

// Values says which values count.
type Values struct {
	Positive bool // only positive values, for a logarithmic axis; the others are counted alone
}

// Fill returns the cells of a curve, with times only if they are asked for and the series has them. r is the range that
// the grid was made for.
func (g *Grid) Fill(s *Series, r Range, v Values, times bool) *Cells {
	c := &Cells{times: times && s.Times.Len() > 0}
	p := r.wide(s)
	if g.Exact {
		c.grow(min(p.to-p.from, len(g.X)))
		g.fillExact(c, s, p, 0, len(g.X), v)
		return c
	}
	narrow := r.part(s)
	c.grow(min(p.to-p.from, g.buckets+2))
	g.fillExact(c, s, span{p.from, narrow.from}, 0, g.before, v)
	from := narrow.from
	for i := 0; i < g.buckets && from < narrow.to; i++ {
		to := narrow.to
		if i < g.buckets-1 {
			edge := g.Edge(i + 1)
			if s.X(from) >= edge {
				continue
			}
			to = from + searchFrom(s, from, narrow.to, edge)
		}
		c.add(s, uint32(g.before+i), from, to, v)
		from = to
	}
	g.fillExact(c, s, span{narrow.to, p.to}, g.before+g.buckets, len(g.X), v)
	return c
}

// searchFrom returns how many points from point from on have an x below edge. It looks near first: the next edge is
// near if the points are even.
func searchFrom(s *Series, from, to int, edge float64) int {
	step := 1
	for from+step < to && s.X(from+step) < edge {
		step *= 2
	}
	low, high := step/2, min(step, to-from) // X(from+low) < edge, and high is the end or is not below it
	for low+1 < high {
		if mid := (low + high) / 2; s.X(from+mid) < edge {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// fillExact adds a cell for each x of the points of p. The places are those from..to-1.
func (g *Grid) fillExact(c *Cells, s *Series, p span, from, to int, v Values) {
	for i := p.from; i < p.to; {
		x := s.X(i)
		end := i + 1
		for end < p.to && s.X(end) == x {
			end++
		}
		if from < to && g.X[from] != x { // often it is the next one
			n, _ := slices.BinarySearch(g.X[from:to], x)
			from += n
		}
		c.add(s, uint32(from), i, end, v)
		from++
		i = end
	}
}

func (c *Cells) grow(n int) {
	c.At = make([]uint32, 0, n)
	c.Min, c.Max, c.Last = make([]float64, 0, n), make([]float64, 0, n), make([]float64, 0, n)
	c.Step, c.X = make([]int64, 0, n), make([]float64, 0, n)
	if c.times {
		c.Time = make([]int64, 0, n)
	}
}

// add adds a cell with the points from..to-1.
func (c *Cells) add(s *Series, at uint32, from, to int, v Values) {
	least, most := math.Inf(1), math.Inf(-1)
	var m Mark
	some := false
	for _, y := range s.Values[from:to] {
		switch {
		case y > 0 && y <= math.MaxFloat64:
		case y <= 0 && y >= -math.MaxFloat64:
			if c.Low++; v.Positive {
				continue
			}
		case y > 0:
			m.Pos++
			continue
		case y < 0:
			m.Neg++
			continue
		default:
			m.NaN++
			continue
		}
		some = true
		if y < least {
			least = y
		}
		if y > most {
			most = y
		}
	}
	if !some {
		least, most = math.NaN(), math.NaN()
	}
	if m != (Mark{}) {
		m.Cell = uint32(len(c.At))
		c.Marks = append(c.Marks, m)
		c.NaN, c.Inf = c.NaN+int(m.NaN), c.Inf+int(m.Pos+m.Neg)
	}
	last := to - 1
	c.At, c.Min, c.Max = append(c.At, at), append(c.Min, least), append(c.Max, most)
	c.Last = append(c.Last, s.Values[last])
	c.Step, c.X = append(c.Step, s.Steps.At(last)), append(c.X, s.X(last))
	if c.times {
		c.Time = append(c.Time, s.Times.At(last))
	}
	c.Spread = c.Spread || to-from > 1
	c.Points += to - from
}
