package diff

import (
	"math"
	"math/big"

	"github.com/gitruns/runs/format"
)

// Sameness says how similar the points of a metric are in two runs.
type Sameness int

// The values of Sameness.
const (
	Identical Sameness = iota // every step and every value, bit for bit
	Within                    // every step, and no value differs by more than the tolerance
	Different                 // a value differs by more, or a step is missing
	Missing                   // the second run lacks the metric
	New                       // the first run lacks it
)

func (s Sameness) String() string {
	return [...]string{"identical", "within tolerance", "different", "missing", "new"}[s]
}

// Series says how two series of points of a metric differ.
type Series struct {
	Sameness Sameness
	Relative float64 // the largest |a-b| / max(|a|, |b|) at a common step
	Absolute float64 // the largest |a-b| at a common step
	Step     int64   // where the relative difference is largest
	Points   [2]int  // of each side
	Common   int     // points at steps that both sides have
}

// CompareSeries compares the points of a metric, sorted by step: each series of one side with that of the same labels
// on the other side. The result covers all of them. Times are ignored. The tolerance is relative: 1e-6 allows a
// difference of one millionth of the larger value, decided in decimals as format.Decimal reads them. NaN equals
// NaN.
func CompareSeries(a, b []format.Point, tolerance float64) Series {
	x, y := format.SplitSeries(a), format.SplitSeries(b)
	if len(x) == 0 || len(y) == 0 || len(x) == 1 && len(y) == 1 && x[0].Labels == y[0].Labels {
		return compareOne(a, b, tolerance)
	}
	all := Series{}
	for i, j := 0, 0; i < len(x) || j < len(y); {
		var left, right []format.Point
		order := 1 // of the next labels of both
		if i < len(x) {
			order = -1
			if j < len(y) {
				order = x[i].Labels.Compare(y[j].Labels)
			}
		}
		if order <= 0 {
			left = x[i].Points
			i++
		}
		if order >= 0 {
			right = y[j].Points
			j++
		}
		all.join(compareOne(left, right, tolerance))
	}
	return all
}

// join adds the comparison of another series of the metric.
func (s *Series) join(other Series) {
	if other.Sameness == Missing || other.Sameness == New { // the metric itself is on both sides
		other.Sameness = Different
	}
	s.Sameness = max(s.Sameness, other.Sameness)
	s.Absolute = max(s.Absolute, other.Absolute)
	if other.Relative > s.Relative {
		s.Relative, s.Step = other.Relative, other.Step
	}
	s.Points[0] += other.Points[0]
	s.Points[1] += other.Points[1]
	s.Common += other.Common
}

// compareOne compares two series.
func compareOne(a, b []format.Point, tolerance float64) Series {
	s := Series{Points: [2]int{len(a), len(b)}}
	switch {
	case len(b) == 0 && len(a) > 0:
		s.Sameness = Missing
		return s
	case len(a) == 0 && len(b) > 0:
		s.Sameness = New
		return s
	}
	same, within := len(a) == len(b), true
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Step < b[j].Step:
			i++
		case a[i].Step > b[j].Step:
			j++
		default:
			s.add(a[i], b[j])
			within = within && withinTolerance(a[i].Value, b[j].Value, tolerance)
			same = same && math.Float64bits(a[i].Value) == math.Float64bits(b[j].Value)
			i++
			j++
		}
	}
	switch {
	case same && s.Common == len(a):
		s.Sameness = Identical
	case s.Common == len(a) && s.Common == len(b) && within:
		s.Sameness = Within
	default:
		s.Sameness = Different
	}
	return s
}

// withinTolerance reports whether the relative difference of two values is at most the tolerance. Floats decide unless
// rounding could matter.
func withinTolerance(a, b, tolerance float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	const rounding = 1e-9
	relative := math.Abs(a-b) / max(math.Abs(a), math.Abs(b))
	switch {
	case relative < tolerance*(1-rounding):
		return true
	case relative > tolerance*(1+rounding) && !math.IsInf(relative, 0):
		return false
	}
	x, y, limit := format.Decimal(a), format.Decimal(b), format.Decimal(tolerance)
	if x == nil || y == nil || limit == nil {
		return false
	}
	difference := new(big.Rat).Sub(x, y)
	larger := x.Abs(x)
	if y.Abs(y); y.Cmp(larger) > 0 {
		larger = y
	}
	return difference.Abs(difference).Cmp(limit.Mul(limit, larger)) <= 0
}

func (s *Series) add(a, b format.Point) {
	s.Common++
	absolute := math.Abs(a.Value - b.Value)
	relative := absolute / max(math.Abs(a.Value), math.Abs(b.Value))
	switch {
	case a.Value == b.Value, math.IsNaN(a.Value) && math.IsNaN(b.Value):
		return
	case math.IsNaN(absolute) || math.IsInf(absolute, 0):
		absolute, relative = math.Inf(1), math.Inf(1)
	}
	s.Absolute = max(s.Absolute, absolute)
	if relative > s.Relative {
		s.Relative, s.Step = relative, a.Step
	}
}
