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
	OneRunEach    Reason = "1 run each" // the difference may be noise
	TooFewRuns    Reason = "too few runs"
	TooFewForMany Reason = "too few runs for several metrics"
	NoDifference  Reason = "no difference shown"
	NotAmongMany  Reason = "no difference shown by Holm" // the test of this metric alone would show one
	NotTested     Reason = "not tested"                  // the primary metric shows no difference
	NoSpread      Reason = "no spread"                   // the values of each group are equal, so that no test applies
	LostRuns      Reason = "lost runs"                   // the side that is better lost runs
	UnevenPoints  Reason = "different numbers of points" // a best value of more points is better by chance
	NotANumber    Reason = "not a number"
	WithoutValue  Reason = "no value"
	MixedGroup    Reason = "the runs of a group differ in more than their seeds"
)

// Metric is the comparison of one metric between two sides.
type Metric struct {
	Key      string
	Goal     string  // min, max or empty
	Choice   Choice  // which value of each run is compared
	A, B     *Level  // nil if the side lacks the metric
	Delta    float64 // B - A of the compared values, for groups of their means; NaN if one is missing
	Relative float64 // Delta / |A|; NaN if A is 0 or there is no delta
	Verdict  Verdict
	Why      Reason      // empty if the verdict is obvious
	Uneven   bool        // the values are the best of different numbers of points
	Interval *[2]float64 // of the difference of means, at 1 - Options.Level; nil without a test
	P        float64     // of the test of the means; NaN without one
	Adjusted float64     // P for all the metrics that were tested and for any distribution; NaN if not tested
	Shown    bool        // the tests show a difference, whatever the verdict says about it
	Curve    *Series     // how the points of single runs with more than one point differ
}

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
	var list []*Metric
	var tested []candidate
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		m := &Metric{
			Key: key, P: math.NaN(), Adjusted: math.NaN(), Delta: math.NaN(), Relative: math.NaN(), Verdict: Unknown,
		}
		if o.Goal != nil {
			m.Goal = o.Goal(key)
		}
		if m.Choice = (Choice{Value: format.LastValue}); o.Choice != nil {
			m.Choice = o.Choice(key, m.Goal)
		}
		var valuesA, valuesB []float64
		m.A, valuesA = a.Level(key, m.Goal, m.Choice)
		m.B, valuesB = b.Level(key, m.Goal, m.Choice)
		if m.A != nil && m.B != nil {
			m.compare(single, len(c.Mixed) > 0, o.Level)
			if single {
				c.curve(m, a, b)
			}
		}
		if !math.IsNaN(m.P) && m.Goal != "" {
			tested = append(tested, candidate{m, slices.Concat(valuesA, valuesB), len(valuesA)})
		}
		list = append(list, m)
	}
	c.Tests = judge(tested, o)
	for _, m := range list {
		if o.All || !m.Same() {
			c.Metrics = append(c.Metrics, *m)
		}
	}
}

// Same reports whether nothing of the metric differs, its curve included.
func (m *Metric) Same() bool {
	return m.Verdict == Same && m.A.Last == m.B.Last && m.A.lost() == 0 && m.B.lost() == 0 &&
		(m.Curve == nil || m.Curve.Sameness == Identical)
}

// compare compares two levels, and sets the verdict unless a test decides. For single runs, it never claims that a
// difference is more than the noise between seeds.
func (m *Metric) compare(single, mixed bool, level float64) {
	a, b := m.A, m.B
	m.Delta = b.Value - a.Value
	if a.Value != 0 {
		m.Relative = m.Delta / math.Abs(a.Value)
	}
	if a.N == 0 || b.N == 0 {
		switch {
		case a.only(NaN, Infinite) && b.only(NaN, Infinite):
			m.Why = NotANumber
		case a.only(NoValue) && b.only(NoValue):
			m.Why = WithoutValue
		default:
			m.Why = LostRuns
		}
		return
	}
	m.Uneven = m.uneven()
	switch {
	case mixed:
		m.Why = MixedGroup
	case single:
		m.Why = OneRunEach
		m.Verdict = m.direction(m.Delta)
	case a.N < leastRuns || b.N < leastRuns:
		m.Verdict, m.Why = Inconclusive, TooFewRuns
	case noSpread(a.Values, b.Values):
		m.Verdict, m.Why = Inconclusive, NoSpread
		if math.Abs(m.Delta) <= rounding*max(math.Abs(a.Value), math.Abs(b.Value)) {
			m.Verdict, m.Why = Same, ""
		}
	case m.Uneven:
		m.Verdict, m.Why = Inconclusive, UnevenPoints
	default:
		m.test(level)
	}
}

// test tests the means of two groups. The verdict is set by judge, because it depends on the other metrics.
func (m *Metric) test(level float64) {
	t := CompareMeans(m.A.Values, m.B.Values, level)
	m.Verdict, m.Why = Inconclusive, NoDifference
	if math.IsNaN(t.P) {
		return
	}
	m.P, m.Interval = t.P, &[2]float64{t.Low, t.High}
	switch {
	case m.Delta == 0:
		m.Verdict, m.Why = Same, ""
	case m.Goal == "":
		m.Verdict, m.Why = Unknown, ""
	}
}

// only reports whether every run that does not count is lost for one of the reasons.
func (l *Level) only(reasons ...Loss) bool {
	return !slices.ContainsFunc(l.Lost, func(r Lost) bool { return !slices.Contains(reasons, r.Why) })
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
	left, right := format.MainPair(x, y)
	m.A.Curve, m.B.Curve = format.Thin(left, CurvePoints), format.Thin(right, CurvePoints)
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
