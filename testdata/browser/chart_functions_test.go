package browser_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/view/curve"
	"github.com/gitruns/runs/testdata/browser"
)

// numbers are a list that may have values that are not finite.
func numbers(list []browser.Number) []float64 {
	floats := make([]float64, len(list))
	for i, n := range list {
		floats[i] = float64(n)
	}
	return floats
}

// randomValues returns values of which some are not finite.
func randomValues(r *rand.Rand, n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		switch list[i] = r.NormFloat64(); r.IntN(12) {
		case 0:
			list[i] = math.NaN()
		case 1:
			list[i] = math.Inf(1 - 2*r.IntN(2))
		case 2:
			list[i] *= 1e12
		}
	}
	return list
}

// The page smooths as 'runs plot --smooth' does, bit by bit.
func TestSmoothAgainstGo(t *testing.T) {
	smooth := chromium.Load(t, "src/chart/smooth.ts")
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		values, weight := randomValues(r, r.IntN(40)), r.Float64()
		if r.IntN(10) == 0 {
			weight = 0
		}
		var got []browser.Number
		smooth.Call(&got, "smooth", values, weight)
		if d := cmp.Diff(catalog.Smooth(values, weight), numbers(got), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%v of %v (-want +got):\n%s", weight, values, d)
		}
	}
}

// answerOf encodes curves with one step for each value, from a first step on.
func answerOf(t *testing.T, after []float64, lists ...[]float64) string {
	t.Helper()
	head := &curve.Head{Metric: "loss", X: curve.StepAxis}
	series := make([]*curve.Series, len(lists))
	for i, values := range lists {
		c := curve.NewCollector(false, len(values))
		for step, v := range values {
			c.Add([]format.Point{{Step: int64(step * (i + 1)), Value: v}})
		}
		series[i] = curve.ByStep(c.Series()[0])
		line := &curve.Line{Run: fmt.Sprint("run-", i), Active: true, All: len(values)}
		if after != nil {
			series[i], line.Before = series[i].After(after[i])
		}
		head.Curves = append(head.Curves, line)
	}
	g := curve.NewGrid(series, curve.Range{}, 100, 1<<20)
	cells := make([]*curve.Cells, len(series))
	for i, s := range series {
		if s.Len() > 0 {
			cells[i] = g.Fill(s, curve.Range{}, curve.Values{}, false)
		}
	}
	b, err := curve.Encode(head, g, cells)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// pageCurve is a curve as the page has it.
type pageCurve struct {
	All, Points, NaN, Inf int
	At                    []int
	X, Last, Min, Max     []browser.Number
	Steps, Xs             []browser.Number
	Marks                 []struct{ Cell, NaN, Pos, Neg int }
}

var asFloats = cmp.Transformer("float64", func(n browser.Number) float64 { return float64(n) })

const chartFunctions = "../../../testdata/browser/chart.ts"

// decoded is a JavaScript expression for the curves of an answer.
func decoded(answer string) string {
	return `__functions.decodeCurves(Uint8Array.from(atob("` + answer + `"), (c) => c.charCodeAt(0)).buffer)`
}

// New points that are added to curves make them what they are when all points are read at once. If a point came late,
// the curves must be read again.
func TestAppendedPoints(t *testing.T) {
	chart := chromium.Load(t, chartFunctions)
	r := rand.New(rand.NewPCG(6, 6))
	for range 60 {
		a, b := randomValues(r, 1+r.IntN(40)), randomValues(r, 1+r.IntN(40))
		na, nb := r.IntN(len(a)+1), r.IntN(len(b)+1)
		before, more := answerOf(t, nil, a[:na], b[:nb]), answerOf(t, []float64{float64(na) - 1, 2 * float64(nb-1)}, a, b)
		type curves struct {
			Places []browser.Number
			Curves []pageCurve
		}
		var got, want curves
		if err := chart.Eval(&want, decoded(answerOf(t, nil, a, b))); err != nil {
			t.Fatal(err)
		}
		err := chart.Eval(&got, "__functions.append("+decoded(before)+", "+decoded(more)+")")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, asFloats, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%d of %v, %d of %v (-want +got):\n%s", na, a, nb, b, d)
		}
		var late any
		err = chart.Eval(&late, "__functions.append("+decoded(answerOf(t, nil, a, b))+", "+decoded(more)+") ?? null")
		if err != nil || (na < len(a) || nb < len(b)) != (late == nil) {
			t.Fatalf("%d of %d and %d of %d points are added twice: %v, %v", na, len(a), nb, len(b), late, err)
		}
	}
}

// A band has at each place the mean, the deviation and the extremes of the curves that reach it, each with its last
// finite value there.
func TestBandAgainstReference(t *testing.T) {
	chart := chromium.Load(t, chartFunctions)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 60 {
		lists := make([][]float64, 1+r.IntN(5))
		for k := range lists {
			lists[k] = randomValues(r, 1+r.IntN(20))
			for i := range lists[k] {
				lists[k][i] = math.Mod(lists[k][i], 100) // infinities become NaN
			}
		}
		kind := []string{"std", "stderr", "minmax"}[i%3]
		var got struct {
			X, Mean, Low, High []browser.Number
			N                  []float64
		}
		err := chart.Eval(&got, "(({ curves, places }) => __functions.band(curves, places, "+browser.Literal(kind)+"))("+
			decoded(answerOf(t, nil, lists...))+")")
		if err != nil {
			t.Fatal(err)
		}
		want := slowBand(lists, kind)
		have := [][]float64{numbers(got.X), numbers(got.Mean), numbers(got.Low), numbers(got.High), got.N}
		if d := cmp.Diff(want, have, cmpopts.EquateApprox(1e-9, 1e-9), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s of %v (-want +got):\n%s", kind, lists, d)
		}
	}
}

// slowBand returns the places, means, lower and upper ends and counts of a band. Curve k has a value at every step that
// is a multiple of k+1.
func slowBand(lists [][]float64, kind string) [][]float64 {
	result := make([][]float64, 5)
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for x := range 200 {
		place := false
		var held []float64
		for k, list := range lists {
			first, last := slices.IndexFunc(list, finite), -1
			for i, v := range list {
				if finite(v) {
					last = i
				}
				place = place || i*(k+1) == x
			}
			if first < 0 || x < first*(k+1) || x > last*(k+1) {
				continue
			}
			v := math.NaN()
			for i := 0; i <= x/(k+1); i++ {
				if finite(list[i]) {
					v = list[i]
				}
			}
			held = append(held, v)
		}
		if !place || len(held) == 0 {
			continue
		}
		n, mean, squares := float64(len(held)), 0.0, 0.0
		for _, v := range held {
			mean += v / n
		}
		for _, v := range held {
			squares += (v - mean) * (v - mean)
		}
		half := 0.0
		if n > 1 {
			half = math.Sqrt(squares / (n - 1))
		}
		if kind == "stderr" {
			half /= math.Sqrt(n)
		}
		low, high := mean-half, mean+half
		if kind == "minmax" {
			low, high = slices.Min(held), slices.Max(held)
		}
		for i, v := range []float64{float64(x), mean, low, high, n} {
			result[i] = append(result[i], v)
		}
	}
	return result
}

// A line that is drawn reaches the extremes of each column of pixels, has a gap where a value is not finite, and a dot
// where a value is alone.
func TestLinesReachExtremes(t *testing.T) {
	chart := chromium.Load(t, chartFunctions)
	const trace = `(({ curves: [c] }, width, log) => {
		const parts = [];
		const pen = {
			moveTo: (x, y) => parts.push(["M", Math.round(x), y]),
			lineTo: (x, y) => parts.push(["L", Math.round(x), y]),
			dot: (x, y) => parts.push(["D", Math.round(x), y]),
		};
		const last = c.x.at(-1) || 1;
		__functions.trace(pen, c, undefined, (x) => (x / last) * width, (y) => y, log);
		return parts.map((p) => p.join(" ")).join(", ");
	})`
	inf := math.Inf(1)
	for _, c := range []struct {
		values []float64
		width  int
		log    bool
		want   string
	}{
		{[]float64{1, 2, 3}, 2, false, "M 0 1, L 1 2, L 2 3"},
		{[]float64{1, math.NaN(), 3, 4}, 3, false, "M 0 1, D 0 1, M 2 3, L 3 4"},
		{[]float64{1, inf, 3}, 2, false, "M 0 1, D 0 1, M 2 3, D 2 3"},
		{[]float64{5}, 1, false, "M 0 5, D 0 5"},
		{[]float64{math.NaN()}, 1, false, ""},
		{[]float64{0, 9, 1, 1, 1, 1, 1, 1, 1, 5, 5}, 1, false, "M 0 0, L 0 9, L 0 1, L 1 1, L 1 5"},
		{[]float64{1, 0, -1, 10}, 3, true, "M 0 1, D 0 1, M 3 10, D 3 10"},
		{[]float64{-1.5, 2}, 1, false, "M 0 -1.5, L 1 2"},
	} {
		var got string
		expression := fmt.Sprintf("%s(%s, %d, %v)", trace, decoded(answerOf(t, nil, c.values)), c.width, c.log)
		if err := chart.Eval(&got, expression); err != nil || got != c.want {
			t.Errorf("%v in %d pixels: %s, %v; want %s", c.values, c.width, got, err, c.want)
		}
	}
}

// Ten runs of a view have ten hues, thirty have thirty looks, and a newer run changes no older one.
func TestColoursAreApart(t *testing.T) {
	chart := chromium.Load(t, chartFunctions)
	var ids []string
	r := rand.New(rand.NewPCG(8, 8))
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("20260801-%06d-%08x", i, r.Uint32()))
	}
	type look struct{ Hue, Dash int }
	read := func(ids []string) map[string]look {
		var list [][2]any
		chart.Call(&list, "colours", ids)
		looks := map[string]look{}
		for _, pair := range list {
			at := pair[1].(map[string]any)
			looks[pair[0].(string)] = look{int(at["hue"].(float64)), int(at["dash"].(float64))}
		}
		return looks
	}
	before := map[string]look{}
	for n := 1; n <= len(ids); n++ {
		looks, different := read(ids[:n]), map[look]bool{}
		for id, l := range looks {
			different[l] = true
			if b, ok := before[id]; ok && b != l {
				t.Fatalf("%d runs: %s has %v, before %v", n, id, l, b)
			}
		}
		if len(looks) != n || n <= 30 && len(different) != n {
			t.Fatalf("%d runs have %d looks", n, len(different))
		}
		before = looks
	}
	for id, l := range read(ids[3:4]) {
		if b := read([]string{id, "20250101-000000-aaaaaaaa"})[id]; b != l && b.Hue == l.Hue {
			t.Errorf("%s has %v and %v", id, l, b)
		}
	}
}

// The labels of an axis lie in its range, in order, and can be told apart.
func TestTicks(t *testing.T) {
	chart := chromium.Load(t, chartFunctions)
	for _, c := range []struct {
		kind      string
		low, high float64
		log       bool
		want      string
	}{
		{"number", 0, 1, false, "0 0.2 0.4 0.6 0.8 1"},
		{"number", 0, 100000, false, "0 20k 40k 60k 80k 100k"},
		{"number", -3e6, 7e6, false, "-2M 0 2M 4M 6M"},
		{"number", 1e-9, 5e-9, false, "1e-9 2e-9 3e-9 4e-9 5e-9"},
		{"number", 3, 3, false, "3"},
		{"number", 1234567.1, 1234567.5, false, ""},
		{"number", 1, 1e6, true, "1 100 10k 1M"},
		{"number", 0.3, 0.4, true, "0.3 0.32 0.34 0.36 0.38 0.4"},
		{"number", -math.MaxFloat64, math.MaxFloat64, false, "-2e308 0 2e308"},
		{"duration", 0, 10000, false, "0 s 1 h 2 h"},
		{"duration", 0, 1, false, "0 s 0.2 s 0.4 s 0.6 s 0.8 s 1 s"},
	} {
		var at []float64
		chart.Call(&at, "ticks", c.kind, c.low, c.high, 5, c.log)
		var labels []string
		err := chart.Eval(&labels, fmt.Sprintf("__functions.tickLabels(%q, Array.from(%s))", c.kind, browser.Literal(at)))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(labels); c.want != "" && got != "["+c.want+"]" {
			t.Errorf("%s from %v to %v: %s, want %s", c.kind, c.low, c.high, got, c.want)
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(labels))); len(unique) != len(labels) || len(labels) == 0 {
			t.Errorf("%s from %v to %v: %q", c.kind, c.low, c.high, labels)
		}
		if !slices.IsSorted(at) || at[0] < c.low || at[len(at)-1] > c.high*(1+1e-9) {
			t.Errorf("%s from %v to %v: %v", c.kind, c.low, c.high, at)
		}
	}
}
