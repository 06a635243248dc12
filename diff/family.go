package diff

import (
	"math"
	"slices"

	"github.com/gitruns/runs/format"
)

// leastRuns is how many runs each group needs for a test. With two, no test of the means keeps its level unless it
// claims nothing.
const leastRuns = 3

// Tests says what a comparison of groups tested, and how it kept the probability of any false verdict at the level.
type Tests struct {
	Level   float64
	Count   int    // metrics with a goal that were tested
	Primary string // the metric that was tested first and alone, at the level; empty if there is none
	Closed  bool   // the primary metric shows no difference, so that the others were not tested
}

// candidate is a metric that can be tested, with its values.
type candidate struct {
	*Metric
	sample sample
	na     int // runs of the first side
}

// judge sets the verdicts of the metrics that were tested. The primary metric is tested alone at the level. If it shows
// a difference, the others share the level by the method of S. Holm, Scandinavian Journal of Statistics 6 (1979). If it
// shows none, the others are not tested: the level is spent. This order is that of W. Maurer, L. A. Hothorn and
// W. Lehmacher (1995). Without a primary metric that can be tested, all share the level. So the probability that a
// comparison of equal groups claims anything is at most the level.
func judge(list []candidate, o Options) *Tests {
	if len(list) == 0 {
		return nil
	}
	t := &Tests{Level: o.Level, Count: len(list)}
	i := slices.IndexFunc(list, func(c candidate) bool { return c.Key == o.Primary })
	if i < 0 {
		testFamily(list, o.Level)
		return t
	}
	primary := list[i]
	list = slices.Delete(list, i, i+1)
	t.Primary = primary.Key
	level := o.Level
	if o.PrimaryLevel != nil {
		level = *o.PrimaryLevel
	}
	testFamily([]candidate{primary}, level)
	if primary.Shown {
		testFamily(list, o.Level)
		return t
	}
	t.Closed, t.Count = len(list) > 0, 1
	for _, c := range list {
		if c.Verdict != Same {
			c.Why = NotTested
		}
	}
	return t
}

// testFamily tests metrics that share a level. A metric shows a difference if two tests agree: the test of its means,
// with Holm's correction, and the permutation test of all metrics together. The first holds for normal values of any
// variances, the second for values of any distribution that is the same in both groups.
func testFamily(list []candidate, level float64) {
	ps := make([]float64, len(list))
	for i, c := range list {
		ps[i] = c.P
	}
	holm := Holm(ps)
	hopeful := false
	for i, c := range list {
		c.Adjusted = holm[i]
		hopeful = hopeful || holm[i] < level
	}
	if hopeful {
		confirm(list, level)
	}
	for _, c := range list {
		c.Shown = c.Adjusted < level
		switch {
		case c.Verdict == Same, c.Why == TooFewForMany:
		case c.Shown:
			c.Verdict, c.Why = c.direction(c.Delta), ""
			c.withoutLost()
		case c.P < level && len(list) > 1:
			c.Why = NotAmongMany
		}
	}
}

// confirm raises the adjusted p of the metrics to that of the permutation test.
func confirm(list []candidate, level float64) {
	samples, na := common(list)
	ps, least := permute(samples, na)
	for i, c := range list {
		switch {
		case least < level:
			c.Adjusted = max(c.Adjusted, ps[i])
		case len(list) == 1 && len(samples[0]) == 2*leastRuns && na == leastRuns && level >= 0.05:
			// Three runs on each side have only 20 arrangements, so that no permutation test gives less than 0.1. The
			// test of the means decides, if no arrangement of the runs differs by more. SPEC.md says what this costs.
			if ps[i] > least*1.001 {
				c.Adjusted = max(c.Adjusted, ps[i])
			}
		case c.Adjusted < level:
			c.Adjusted, c.Why = max(c.Adjusted, ps[i]), TooFewForMany
		}
	}
}

// common returns the samples without the runs that count in none of them.
func common(list []candidate) (samples []sample, na int) {
	samples = make([]sample, len(list))
	for i := range list[0].sample {
		if !slices.ContainsFunc(list, func(c candidate) bool { return !math.IsNaN(c.sample[i]) }) {
			continue
		}
		if i < list[0].na {
			na++
		}
		for k, c := range list {
			samples[k] = append(samples[k], c.sample[i])
		}
	}
	return samples, na
}

// Holm returns p values that are adjusted for their number. All that are below a level may be claimed: the probability
// that one of them is false is at most the level.
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case ps[i] < ps[j]:
			return -1
		case ps[i] > ps[j]:
			return 1
		}
		return 0
	})
	adjusted := make([]float64, len(ps))
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, float64(len(ps)-rank)*ps[i]))
		adjusted[i] = most
	}
	return adjusted
}

// withoutLost takes the verdict back if the side that is better lost runs. A lost run counts as worse than every value,
// so the means of the others do not show that the side is better.
func (m *Metric) withoutLost() {
	if m.Verdict == Better && m.B.lost() > 0 || m.Verdict == Worse && m.A.lost() > 0 {
		m.Verdict, m.Why = Inconclusive, LostRuns
	}
}

// uneven reports whether the best value was chosen among different numbers of points.
func (m *Metric) uneven() bool {
	if m.Choice.Value != format.BestValue && m.Key != m.Choice.SelectBy || m.Goal == "" {
		return false
	}
	least, most := min(m.A.Evaluations[0], m.B.Evaluations[0]), max(m.A.Evaluations[1], m.B.Evaluations[1])
	return least != most
}
