package diff

import (
	"math"

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

// CompareSeries compares points, which must be sorted by step. It ignores their times. The tolerance is relative: 1e-6
// allows a difference of one millionth of the larger value. NaN equals NaN.
func CompareSeries(a, b []format.Point, tolerance float64) Series {
	s := Series{Points: [2]int{len(a), len(b)}}
	switch {
	case len(b) == 0 && len(a) > 0:
		s.Sameness = Missing
		return s
	case len(a) == 0 && len(b) > 0:
		s.Sameness = New
		return s
	}
	same := len(a) == len(b)
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Step < b[j].Step:
			i++
		case a[i].Step > b[j].Step:
			j++
		default:
			s.add(a[i], b[j])
			same = same && math.Float64bits(a[i].Value) == math.Float64bits(b[j].Value)
			i++
			j++
		}
	}
	switch {
	case same && s.Common == len(a):
		s.Sameness = Identical
	case s.Common == len(a) && s.Common == len(b) && s.Relative <= tolerance:
		s.Sameness = Within
	default:
		s.Sameness = Different
	}
	return s
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
