package diff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
)

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.04, 0.01, 0.03, 0.9})
	if d := cmp.Diff([]float64{0.09, 0.04, 0.09, 0.9}, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}

// table is a group of runs with several metrics: one row per run.
func table(name string, rows ...[]float64) Side {
	s := Side{Group: name}
	for i, row := range rows {
		m := metrics{}
		for k, v := range row {
			m[fmt.Sprintf("loss%d", k)] = format.Metric{Last: v, Count: 1}
		}
		s.Runs = append(s.Runs, run(map[string]any{"seed": int64(i)}, m))
	}
	return s
}

func smaller(string) string { return format.GoalMin }

// verdicts compares tables of losses and returns the verdicts in short.
func verdicts(a, b Side, primary string) ([]string, *Tests) {
	c := Compare(a, b, Options{Goal: smaller, Level: 0.05, Primary: primary, All: true})
	var list []string
	for _, m := range c.Metrics {
		list = append(list, string(m.Verdict)+" "+string(m.Why))
	}
	return list, c.Tests
}

func TestSeveralMetrics(t *testing.T) {
	// loss0 is clearly better, loss1 is better at 0.05 alone but not with its four neighbors, the others are noise.
	base := [][]float64{{1, 5, 1, 2, 1}, {1.1, 4.9, 3, 1, 2}, {0.9, 5.1, 2, 3, 3}, {1.05, 5.3, 2.5, 2.5, 2.5}}
	other := [][]float64{
		{0.1, 4.6, 2.9, 2, 1}, {0.2, 4.7, 1.1, 1.2, 2.2}, {0.15, 4.3, 1.9, 2.6, 2.8}, {0.12, 4.8, 2.2, 2.4, 2.6},
	}
	a, b := table("a", base...), table("b", other...)
	for _, c := range []struct {
		primary string
		want    []string
		tests   Tests
	}{
		{
			"",
			[]string{"better ", "inconclusive no difference shown by Holm"},
			Tests{Level: 0.05, Count: 5},
		},
		{
			"loss0",
			[]string{"better ", "inconclusive no difference shown by Holm"},
			Tests{Level: 0.05, Count: 5, Primary: "loss0"},
		},
		{
			"loss1",
			[]string{"better ", "better "},
			Tests{Level: 0.05, Count: 5, Primary: "loss1"},
		},
		{
			"loss4",
			[]string{"inconclusive not tested", "inconclusive not tested"},
			Tests{Level: 0.05, Count: 1, Primary: "loss4", Closed: true},
		},
	} {
		got, tests := verdicts(a, b, c.primary)
		if d := cmp.Diff(c.want, got[:2]); d != "" || *tests != c.tests {
			t.Errorf("primary %q: %s, %+v", c.primary, d, tests)
		}
	}
	// With three runs on each side, one metric can be tested, and several cannot.
	three := func(list [][]float64, k int) [][]float64 {
		var out [][]float64
		for _, row := range list[:3] {
			out = append(out, row[:k])
		}
		return out
	}
	got, _ := verdicts(table("a", three(base, 1)...), table("b", three(other, 1)...), "")
	if d := cmp.Diff([]string{"better "}, got); d != "" {
		t.Error(d)
	}
	got, _ = verdicts(table("a", three(base, 3)...), table("b", three(other, 3)...), "")
	if got[0] != "inconclusive too few runs for several metrics" || got[2] != "inconclusive no difference shown" {
		t.Errorf("three runs and metrics: %q", got)
	}
	got, _ = verdicts(table("a", three(base, 2)...), table("b", three(other, 2)...), "loss0")
	if d := cmp.Diff("better ", got[0]); d != "" {
		t.Error(d)
	}
}

func TestPermute(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		samples []sample
		na      int
		p       []float64
		least   float64
	}{
		{"most extreme of 20", []sample{{1, 2, 3, 11, 12, 13}}, 3, []float64{0.1}, 0.1},
		{"most extreme of 70", []sample{{1, 2, 3, 4, 11, 12, 13, 14}}, 4, []float64{2. / 70}, 2. / 70},
		{"no spread in the groups", []sample{{1, 1, 1, 1, 2, 2, 2, 2}}, 4, []float64{2. / 70}, 2. / 70},
		{"tiny spread", []sample{{1, 1 + 1e-9, 1, 1, 2, 2, 2, 2 + 1e-9}}, 4, []float64{2. / 70}, 2. / 70},
		{"all equal", []sample{{1, 1, 1, 1, 1, 1, 1, 1}}, 4, []float64{1}, 2. / 70},
		{"two metrics", []sample{{1, 2, 3, 11, 12, 13}, {1, 9, 1, 1, 9, 1.5}}, 3, []float64{0.1, 1}, 0.1},
		{"a value is missing", []sample{{1, 2, nan, 3, 11, 12, 13}}, 4, []float64{2. / 35}, 1. / 35},
	} {
		p, least := permute(c.samples, c.na)
		if d := cmp.Diff(c.p, p, cmpopts.EquateApprox(0, 1e-12)); d != "" || math.Abs(least-c.least) > 1e-12 {
			t.Errorf("%s: %s least %v", c.name, d, least)
		}
	}
	// Random arrangements give what all of them would give, and always the same.
	var s sample
	for i := range 16 {
		s = append(s, float64(i*i%7)+float64(i)/8)
	}
	p, _ := permute([]sample{s}, 8)
	again, _ := permute([]sample{s}, 8)
	exact, hits := 0, 0
	inA := make([]bool, 16)
	observed := studentized(standardize(s), []bool{true, true, true, true, true, true, true, true, 15: false})
	arrange(inA, 8, func() {
		exact++
		if studentized(standardize(s), inA) >= observed*(1-1e-9) {
			hits++
		}
	})
	want := float64(hits) / float64(exact)
	if !slices.Equal(p, again) || math.Abs(p[0]-want) > 0.02 {
		t.Errorf("%v, %v; all arrangements give %v", p, again, want)
	}
}

// TestFalseVerdicts: groups that are equal get a verdict at most as often as the level says, whatever their sizes,
// their distribution and the number of metrics. `go run ./testdata/bench verdicts` looks at many more cases.
func TestFalseVerdicts(t *testing.T) {
	const pairs = 1000
	room := 3 * math.Sqrt(0.05*0.95/pairs)
	clusters := func(r *rand.Rand) float64 { return float64(r.IntN(2)) + 1e-9*r.NormFloat64() }
	coin := func(r *rand.Rand) float64 { return float64(r.IntN(2)) }
	for _, c := range []struct {
		name    string
		draw    func(*rand.Rand) float64
		na, nb  int
		metrics int
		primary string
		spread  float64 // of the second group
	}{
		{"normal", (*rand.Rand).NormFloat64, 3, 3, 1, "", 1},
		{"two clusters", clusters, 3, 3, 1, "", 1},
		{"two clusters", clusters, 3, 20, 1, "", 1},
		{"a coin", coin, 3, 20, 1, "", 1},
		{"skewed", (*rand.Rand).ExpFloat64, 3, 20, 1, "", 1},
		{"unequal variances", (*rand.Rand).NormFloat64, 3, 20, 1, "", 0.1},
		{"20 metrics in two clusters", clusters, 3, 3, 20, "", 1},
		{"20 metrics in two clusters", clusters, 4, 4, 20, "", 1},
		{"20 metrics, one primary", (*rand.Rand).NormFloat64, 10, 10, 20, "loss3", 1},
	} {
		random := rand.New(rand.NewPCG(uint64(c.na), uint64(c.nb)))
		group := func(n int, spread float64) Side {
			rows := make([][]float64, n)
			for i := range rows {
				for range c.metrics {
					rows[i] = append(rows[i], spread*c.draw(random))
				}
			}
			return table("g", rows...)
		}
		wrong := 0
		for range pairs {
			a, b := group(c.na, 1), group(c.nb, c.spread)
			list := Compare(a, b, Options{Goal: smaller, Level: 0.05, Primary: c.primary, All: true}).Metrics
			if slices.ContainsFunc(list, func(m Metric) bool { return m.Verdict == Better || m.Verdict == Worse }) {
				wrong++
			}
		}
		share := float64(wrong) / pairs
		t.Logf("%s, %d and %d runs, %d metrics: %.4f", c.name, c.na, c.nb, c.metrics, share)
		if share > 0.05+room {
			t.Errorf("%s, %d and %d runs: %.4f of equal groups get a verdict", c.name, c.na, c.nb, share)
		}
	}
}

// The work of a comparison is bounded, however many runs and metrics others commit.
func TestArrangements(t *testing.T) {
	for _, c := range [][2]int{{1, 5000}, {40_000, 5000}, {100_000, 2000}, {1 << 40, 200}} {
		if got := arrangements(c[0]); got != c[1] {
			t.Errorf("%d values: %d arrangements", c[0], got)
		}
	}
}
