package curve

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
)

// place is a point as the slow reference sees it.
type place struct {
	x    float64
	y    float64
	step int64
	time int64
}

// randomPoints returns points ordered by step and time: some steps twice, times in any order, values that are not
// finite, steps below zero.
func randomPoints(r *rand.Rand) []format.Point {
	n := []int{0, 1, 2, 3, 17, 40, 100, 100, 300, 300, 1000, 5000}[r.IntN(12)]
	points := make([]format.Point, 0, n)
	step, at := int64(r.IntN(200)-100), int64(1e15)
	stride := int64(1 + r.IntN(5))
	for range n {
		p := format.Point{Step: step, Time: at, Value: r.NormFloat64() * math.Pow(10, float64(r.IntN(7)-3))}
		switch r.IntN(40) {
		case 0:
			p.Value = math.NaN()
		case 1:
			p.Value = math.Inf(1)
		case 2:
			p.Value = math.Inf(-1)
		case 3:
			p.Value = 0
		}
		points = append(points, p)
		switch r.IntN(30) {
		case 0: // the same step again
		case 1:
			step += stride * int64(r.IntN(20)+1)
		default:
			step += stride
		}
		at += int64(r.IntN(2_000_000))
		if r.IntN(50) == 0 && p.Step != step {
			at -= 5_000_000 // the clock was set back
		}
	}
	return points
}

func collect(points []format.Point) *Points {
	c := NewCollector(true, len(points))
	for len(points) > 0 { // in pieces
		n := min(len(points), 7)
		c.Add(points[:n])
		points = points[n:]
	}
	return c.Series()[0]
}

// slowly returns the points by an axis, in its order.
func slowly(axis string, points, along []format.Point) (list []place) {
	for _, p := range points {
		at := place{float64(p.Step), p.Value, p.Step, p.Time}
		switch axis {
		case "time":
			at.x = float64(p.Time-1e15) / 1e6
		case "metric":
			i := sort.Search(len(along), func(i int) bool { return along[i].Step > p.Step })
			if i == 0 || math.IsNaN(along[i-1].Value) || math.IsInf(along[i-1].Value, 0) {
				continue
			}
			at.x = along[i-1].Value
		}
		list = append(list, at)
	}
	slices.SortStableFunc(list, func(a, b place) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return 0
	})
	return list
}

// slowCell is what the points of a list have in one place of the grid.
func slowCell(list []place, positive bool) (least, most, last float64, step int64, m Mark) {
	least, most = math.NaN(), math.NaN()
	for _, p := range list {
		last, step = p.y, p.step
		switch {
		case math.IsNaN(p.y):
			m.NaN++
		case math.IsInf(p.y, 1):
			m.Pos++
		case math.IsInf(p.y, -1):
			m.Neg++
		case positive && p.y <= 0:
		default:
			if math.IsNaN(least) || p.y < least {
				least = p.y
			}
			if math.IsNaN(most) || p.y > most {
				most = p.y
			}
		}
	}
	return least, most, last, step, m
}

// A thousand random curves have in each place of the grid what a slow reference finds there.
func TestCellsAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 400 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			axis := []string{"step", "time", "metric"}[r.IntN(3)]
			var series []*Series
			var lists [][]place
			for range 1 + r.IntN(4) {
				points, along := randomPoints(r), randomPoints(r)
				lists = append(lists, slowly(axis, points, along))
				switch p := collect(points); axis {
				case "step":
					series = append(series, ByStep(p))
				case "time":
					series = append(series, ByTime(p, 1e15))
				default:
					series = append(series, ByMetric(p, collect(along)))
				}
			}
			rg, v := Range{Log: r.IntN(4) == 0}, Values{Positive: r.IntN(4) == 0}
			if all := slices.Concat(lists...); len(all) > 0 && r.IntN(2) == 0 {
				a, b := all[r.IntN(len(all))].x, all[r.IntN(len(all))].x+r.Float64()
				rg.Some, rg.From, rg.To, rg.Neighbours = true, min(a, b), max(a, b), r.IntN(2) == 0
				rg.Log = rg.Log && rg.To > 0
			}
			g := NewGrid(series, rg, 1+r.IntN(300), 1<<20)
			if !slices.IsSorted(g.X) {
				t.Fatalf("the places are not in order: %v", g.X)
			}
			for k, s := range series {
				checkCells(t, g, g.Fill(s, rg, v, true), inRange(lists[k], rg), v)
			}
		})
	}
}

// inRange returns the points that a range asks for.
func inRange(list []place, rg Range) (in []place) {
	before, after := math.Inf(-1), math.Inf(1)
	for _, p := range list {
		if rg.Log && p.x <= 0 {
			continue
		}
		if p.x < rg.From {
			before = max(before, p.x)
		}
		if p.x > rg.To {
			after = min(after, p.x)
		}
	}
	for _, p := range list {
		if rg.Log && p.x <= 0 {
			continue
		}
		inside := p.x >= rg.From && p.x <= rg.To
		if !rg.Some || inside || rg.Neighbours && (p.x == before || p.x == after) {
			in = append(in, p)
		}
	}
	return in
}

func checkCells(t *testing.T, g *Grid, c *Cells, list []place, v Values) {
	t.Helper()
	if c.Points != len(list) {
		t.Fatalf("%d points, want %d", c.Points, len(list))
	}
	low, n := 0, 0
	for _, p := range list {
		if p.y <= 0 && !math.IsInf(p.y, -1) {
			low++
		}
	}
	if c.Low != low {
		t.Errorf("%d values are not positive, want %d", c.Low, low)
	}
	of := map[int][]place{}
	for _, p := range list {
		at := slowPlace(g, p.x)
		of[at] = append(of[at], p)
	}
	marks := map[uint32]Mark{}
	for _, m := range c.Marks {
		marks[m.Cell] = m
	}
	for i, at := range c.At {
		in := of[int(at)]
		least, most, last, step, m := slowCell(in, v.Positive)
		got := []float64{c.Min[i], c.Max[i], c.Last[i], float64(c.Step[i]), c.X[i]}
		if len(in) == 0 {
			t.Fatalf("place %d at %v: no points are there", at, g.X[at])
		}
		want := []float64{least, most, last, float64(step), in[len(in)-1].x}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("place %d at %v (-want +got):\n%s", at, g.X[at], d)
		}
		have := marks[uint32(i)]
		have.Cell = 0
		if have != m {
			t.Fatalf("place %d: %+v, want %+v", at, have, m)
		}
		n += len(in)
	}
	if n != len(list) || !slices.IsSorted(c.At) {
		t.Fatalf("the cells %v have %d of %d points", c.At, n, len(list))
	}
}

// slowPlace returns the place of an x, by looking at all.
func slowPlace(g *Grid, x float64) int {
	for i := range g.X {
		if g.Exact || i < g.before || i >= g.before+g.buckets {
			if g.X[i] == x {
				return i
			}
			continue
		}
		b := i - g.before
		if from, to := g.Edge(b), g.Edge(b+1); x >= from && (x < to || b == g.buckets-1 && x <= to) {
			return i
		}
	}
	return -1
}

func TestGridIsExactUpToALimit(t *testing.T) {
	of := func(n int) *Series {
		points := make([]format.Point, n)
		for i := range points {
			points[i].Step = int64(i)
		}
		return ByStep(collect(points))
	}
	for _, c := range []struct {
		points, most int
		exact        bool
	}{
		{0, 1 << 20, true}, {1, 1 << 20, true}, {MaxExact, 1 << 20, true}, {MaxExact + 1, 1 << 20, false}, {100, 99, false},
	} {
		if g := NewGrid([]*Series{of(c.points)}, Range{}, 10, c.most); g.Exact != c.exact {
			t.Errorf("%d points, at most %d: exact is %v", c.points, c.most, g.Exact)
		}
	}
}

// A spike of one point among ten million, three NaN and an infinity are in the buckets, and the extremes are those that
// were recorded.
func TestSpikeInManyPoints(t *testing.T) {
	const n = 10_000_000
	if testing.Short() {
		t.Skip("reads ten million points")
	}
	c := NewCollector(false, n)
	r := rand.New(rand.NewPCG(1, 1))
	least, most := math.Inf(1), math.Inf(-1)
	piece := make([]format.Point, 0, 1000)
	for i := range n {
		p := format.Point{Step: int64(i), Value: r.Float64()}
		switch i {
		case 1_234_567:
			p.Value = 1e9
		case 2_000_000, 2_000_001, 9_999_999:
			p.Value = math.NaN()
		case 7_777_777:
			p.Value = math.Inf(-1)
		default:
			least, most = min(least, p.Value), max(most, p.Value)
		}
		if piece = append(piece, p); len(piece) == cap(piece) {
			c.Add(piece)
			piece = piece[:0]
		}
	}
	s := ByStep(c.Series()[0])
	if s.Steps.Bytes() != 0 {
		t.Errorf("steps one by one take %d bytes", s.Steps.Bytes())
	}
	cells := NewGrid([]*Series{s}, Range{}, 800, 1<<20).Fill(s, Range{}, Values{}, false)
	at := slices.Index(cells.Max, 1e9)
	if at < 0 || cells.Step[at-1] >= 1_234_567 || cells.Step[at] < 1_234_567 {
		t.Errorf("the spike is in cell %d", at)
	}
	cells.Max[at] = 0
	if slices.Min(cells.Min) != least || slices.Max(cells.Max) != most {
		t.Errorf("%v to %v, want %v to %v", slices.Min(cells.Min), slices.Max(cells.Max), least, most)
	}
	if cells.NaN != 3 || cells.Inf != 1 || cells.Points != n {
		t.Errorf("%d NaN, %d infinities, %d points", cells.NaN, cells.Inf, cells.Points)
	}
}

func TestAfter(t *testing.T) {
	s := ByStep(collect([]format.Point{
		{Step: 1, Value: 1}, {Step: 2, Value: 2}, {Step: 2, Value: 3}, {Step: 5, Value: 4},
	}))
	for _, c := range []struct {
		x      float64
		before int
	}{{0, 0}, {1, 1}, {2, 3}, {4.5, 3}, {5, 4}, {6, 4}} {
		after, before := s.After(c.x)
		if before != c.before || after.Len() != 4-c.before || after.Len() > 0 && after.Values[after.Len()-1] != 4 {
			t.Errorf("after %v: %d before, %v", c.x, before, after.Values)
		}
	}
}
