package diff

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/gitruns/runs/format"
)

// Verdict says whether the second side is better than the first.
type Verdict string

// The verdicts.
const (
	Better       Verdict = "better"
	Worse        Verdict = "worse"
	Same         Verdict = "same"
	Inconclusive Verdict = "inconclusive" // the test shows no difference, or there are too few runs for a test
	Unknown      Verdict = "unknown"      // the metric has no goal, or a side has no value
)

// Reason says why a verdict was reached, if that is not obvious.
type Reason string

// The reasons of verdicts.
const (
	OneRunEach   Reason = "1 run each" // the difference may be noise
	TooFewRuns   Reason = "too few runs"
	NoDifference Reason = "no difference shown"
	NotFinite    Reason = "not finite"
	NotANumber   Reason = "not a number"
	MixedGroup   Reason = "the runs of a group differ in more than their seeds"
)

// Metric is the comparison of one metric between two sides.
type Metric struct {
	Key      string
	Goal     string  // min, max or empty
	A, B     *Level  // nil if the side lacks the metric
	Delta    float64 // B - A of the best values, for groups of their means; NaN if one is missing
	Relative float64 // Delta / |A|; NaN if A is 0 or there is no delta
	Verdict  Verdict
	Why      Reason      // empty if the verdict is obvious
	Interval *[2]float64 // of the difference of means, at 1 - Options.Level; nil without a test
	P        float64     // of the test; NaN without one
	Curve    *Series     // how the points of single runs with more than one point differ
}

// Level summarizes a metric on one side.
type Level struct {
	Last     float64 // of the newest run
	Best     float64 // by the goal, or the last value without a goal; for a group, the mean of the best values
	BestStep int64   // of a single run with more than one point
	HasStep  bool
	N        int            // runs with a value
	SD       float64        // of a group; NaN below two runs
	NaN      int            // runs whose value is not a number
	Curve    []format.Point // thinned to CurvePoints; only of single runs whose points were compared
}

// CurvePoints is how many points of a curve a comparison keeps.
const CurvePoints = 400

// metrics compares the metrics that either side has.
func (c *Comparison) metrics(a, b Side, o Options) {
	keys := map[string]bool{}
	for _, s := range []Side{a, b} {
		for _, r := range s.Runs {
			for key := range r.AllMetrics() {
				if o.Metrics == nil || o.Metrics.MatchString(key) {
					keys[key] = true
				}
			}
		}
	}
	single := a.Group == "" && b.Group == ""
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		m := Metric{Key: key, P: math.NaN(), Delta: math.NaN(), Relative: math.NaN(), Verdict: Unknown}
		if o.Goal != nil {
			m.Goal = o.Goal(key)
		}
		var valuesA, valuesB []float64
		m.A, valuesA = level(a.Runs, key, m.Goal)
		m.B, valuesB = level(b.Runs, key, m.Goal)
		if m.A != nil && m.B != nil {
			m.Delta = m.B.Best - m.A.Best
			if m.A.Best != 0 {
				m.Relative = m.Delta / math.Abs(m.A.Best)
			}
			m.decide(valuesA, valuesB, single, len(c.Mixed) > 0, o.Level)
			if single {
				c.curve(&m, a, b)
			}
		}
		if o.All || !m.same() {
			c.Metrics = append(c.Metrics, m)
		}
	}
}

// same reports whether nothing of the metric differs, its curve included.
func (m *Metric) same() bool {
	return m.Verdict == Same && m.A.Last == m.B.Last && (m.Curve == nil || m.Curve.Sameness == Identical)
}

// level summarizes a metric of the runs of one side. It also returns the best value of each run. It returns nil if no
// run has the metric.
func level(runs []*format.Run, key, goal string) (*Level, []float64) {
	l := &Level{SD: math.NaN(), Last: math.NaN(), Best: math.NaN()}
	found := false
	var values []float64
	for _, r := range runs {
		m, ok := r.Metric(key)
		if !ok {
			continue
		}
		best, step, has := m.Last, int64(0), false
		switch {
		case goal == format.GoalMin && m.Min != nil:
			best, step, has = m.Min.Value, m.Min.Step, true
		case goal == format.GoalMax && m.Max != nil:
			best, step, has = m.Max.Value, m.Max.Step, true
		}
		if !found {
			l.Last, l.BestStep, l.HasStep = m.Last, step, has
		}
		found = true
		if math.IsNaN(best) {
			l.NaN++
			continue
		}
		values = append(values, best)
	}
	if !found {
		return nil, nil
	}
	l.N = len(values)
	if l.N > 0 {
		l.Best = mean(values)
	}
	if l.N > 1 {
		l.SD = math.Sqrt(variance(values))
	}
	return l, values
}

// decide sets the verdict. For single runs, it never claims that a difference is more than the noise between seeds.
func (m *Metric) decide(a, b []float64, single, mixed bool, level float64) {
	switch {
	case len(a) == 0 || len(b) == 0:
		m.Why = NotANumber
		return
	case mixed:
		m.Why = MixedGroup
		return
	case single:
		m.Why = OneRunEach
		m.Verdict = m.direction(m.Delta)
		return
	case len(a) < 2 || len(b) < 2:
		m.Verdict, m.Why = Inconclusive, TooFewRuns
		return
	}
	t := Welch(a, b, level)
	m.P, m.Interval = t.P, &[2]float64{t.Low, t.High}
	switch {
	case math.IsNaN(t.P):
		m.Verdict, m.Why = Inconclusive, NotFinite
	case m.Delta == 0 && t.P == 1:
		m.Verdict = Same
	case t.P < level:
		m.Verdict = m.direction(m.Delta)
	default:
		m.Verdict, m.Why = Inconclusive, NoDifference
	}
}

func (m *Metric) direction(delta float64) Verdict {
	switch {
	case math.IsNaN(delta):
		return Unknown
	case delta == 0:
		return Same
	case m.Goal == "":
		return Unknown
	case (delta < 0) == (m.Goal == format.GoalMin):
		return Better
	}
	return Worse
}

// curve compares the points of two single runs at their common steps, and keeps a thinned curve of each.
func (c *Comparison) curve(m *Metric, a, b Side) {
	if a.Points == nil || b.Points == nil || a.first().Metrics[m.Key].Count < 2 || b.first().Metrics[m.Key].Count < 2 {
		return
	}
	var y []format.Point
	var errB error
	var other sync.WaitGroup
	other.Go(func() { y, errB = b.Points(m.Key) }) // the two files are read at the same time
	x, errA := a.Points(m.Key)
	other.Wait()
	m.A.Curve, m.B.Curve = format.Thin(x, CurvePoints), format.Thin(y, CurvePoints)
	if err := cmp.Or(errA, errB); err != nil {
		c.Problems = append(c.Problems, Problem{CurvesUnread, m.Key, err})
		return
	}
	s := CompareSeries(x, y, 0)
	m.Curve = &s
	if s.Common == 0 {
		c.Problems = append(c.Problems, Problem{NoCommonStep, m.Key, nil})
	}
}
