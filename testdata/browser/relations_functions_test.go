package browser_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/testdata/browser"
)

// The Pareto front is what a comparison of every point with every other one gives.
func TestParetoFront(t *testing.T) {
	pareto := chromium.Load(t, "src/relations/pareto.ts")
	random := rand.New(rand.NewPCG(1, 2))
	goals := []string{"min", "max"}
	for range 100 {
		n := random.IntN(40)
		x, y := make([]float64, n), make([]float64, n)
		for i := range n {
			x[i], y[i] = float64(random.IntN(8)), float64(random.IntN(8)) // with ties
			switch random.IntN(20) {
			case 0:
				x[i] = math.NaN()
			case 1:
				y[i] = math.Inf(1)
			}
		}
		goalX, goalY := goals[random.IntN(2)], goals[random.IntN(2)]
		want := slowFront(x, y, goalX, goalY)
		var got []int
		pareto.Call(&got, "paretoFront", x, y, goalX, goalY)
		if !slices.IsSortedFunc(got, func(a, b int) int { return int(x[a] - x[b]) }) {
			t.Errorf("%v is not in the order of %v", got, x)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("%v %v, %s %s: %v, want %v", x, y, goalX, goalY, got, want)
		}
	}
}

func slowFront(x, y []float64, goalX, goalY string) []int {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	atLeast := func(a, b float64, goal string) bool { return a == b || (a < b) == (goal == "min") }
	var front []int
	for i := range x {
		beaten := !finite(x[i]) || !finite(y[i])
		for k := range x {
			beaten = beaten || finite(x[k]) && finite(y[k]) && (x[k] != x[i] || y[k] != y[i]) &&
				atLeast(x[k], x[i], goalX) && atLeast(y[k], y[i], goalY)
		}
		if !beaten {
			front = append(front, i)
		}
	}
	return front
}

// Spearman's rho is Pearson's correlation of the ranks, where equal values share the mean of theirs.
func TestRankCorrelation(t *testing.T) {
	rank := chromium.Load(t, "src/relations/rank.ts")
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		n := 3 + random.IntN(60)
		x, y := make([]float64, n), make([]float64, n)
		for i := range n {
			x[i] = float64(random.IntN(10))
			if y[i] = x[i] + 5*random.NormFloat64(); random.IntN(10) == 0 {
				y[i] = math.NaN()
			}
			if random.IntN(10) == 0 {
				x[i] = math.NaN()
			}
		}
		var got struct {
			Rho                  browser.Number
			N, Missing, Distinct int
		}
		rank.Call(&got, "associate", browser.Script(values("x", x, nil)), browser.Script(values("y", y, nil)))
		var a, b []float64
		missing := 0
		for i := range n {
			switch {
			case math.IsNaN(y[i]):
			case math.IsNaN(x[i]):
				missing++
			default:
				a, b = append(a, x[i]), append(b, y[i])
			}
		}
		want := correlation(slowRanks(a), slowRanks(b))
		if math.Abs(float64(got.Rho)-want) > 1e-12 || got.N != len(a) || got.Missing != missing {
			t.Fatalf("%+v, want %v of %d, %d missing", got, want, len(a), missing)
		}
	}
	for _, c := range []struct {
		texts []string
		y     []float64
		want  float64
	}{
		{[]string{"a", "a", "b", "b"}, []float64{1, 1, 2, 2}, 1},
		{[]string{"a", "b", "a", "b"}, []float64{1, 1, 2, 2}, 0},
		{[]string{"a", "b", "c", "d"}, []float64{1, 2, 3, 4}, math.NaN()}, // each is alone
		{[]string{"a", "a", "a", "a"}, []float64{1, 2, 3, 4}, math.NaN()},
	} {
		var got struct{ Eta2, Rho browser.Number }
		none := []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
		rank.Call(&got, "associate", browser.Script(values("x", none, c.texts)), browser.Script(values("y", c.y, nil)))
		if math.Abs(float64(got.Eta2)-c.want) > 1e-12 || math.IsNaN(float64(got.Eta2)) != math.IsNaN(c.want) ||
			!math.IsNaN(float64(got.Rho)) {
			t.Errorf("%q: %v, want %v", c.texts, got, c.want)
		}
	}
}

func slowRanks(v []float64) []float64 {
	ranks := make([]float64, len(v))
	for i := range v {
		less, equal := 0, 0
		for k := range v {
			if v[k] < v[i] {
				less++
			} else if v[k] == v[i] {
				equal++
			}
		}
		ranks[i] = float64(less) + float64(equal+1)/2
	}
	return ranks
}

func correlation(x, y []float64) float64 {
	var sx, sy, sxx, syy, sxy, n float64
	for i := range x {
		n++
		sx, sy = sx+x[i], sy+y[i]
		sxx, syy, sxy = sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
}

// values writes values as the page has them: numbers, or texts where they are not empty.
func values(key string, numbers []float64, texts []string) string {
	list := make([]string, len(numbers))
	texted, finite, missing := 0, 0, 0
	for i := range list {
		list[i] = "undefined"
		switch {
		case texts != nil && texts[i] != "":
			list[i] = browser.Literal(texts[i])
			texted++
		case math.IsNaN(numbers[i]):
			missing++
		default:
			finite++
		}
	}
	return fmt.Sprintf("{key: %q, numbers: %s, texts: [%s], finite: %d, texted: %d, missing: %d, nan: new Set()}",
		key, browser.Literal(numbers), strings.Join(list, ","), finite, texted, missing)
}

// A brush selects the runs that its expression finds on the command line.
func TestBrushesAreExpressions(t *testing.T) {
	brush := chromium.Load(t, "src/relations/brush.ts")
	params := []format.Params{
		{"v": 0.001, "w": "adam"},
		{"v": 0.1, "w": "it's"},
		{"v": int64(3), "w": "in"},
		{"v": -2.5, "w": `"both" 'quotes'`},
		{"v": 1e-9, "w": "5"},
		{"v": 123456.789, "w": "true"},
		{"w": "a b"},
		{"v": 0.30000000000000004, "w": "(x)"},
		{"v": int64(0), "w": "lr<1"},
		{"v": 1e22, "w": "null"},
		{"v": 0.3, "w": "-"},
		{"v": 2.5, "w": "ä`"},
	}
	numbers, texts := make([]float64, len(params)), make([]string, len(params))
	for i, p := range params {
		switch v := p["v"].(type) {
		case float64:
			numbers[i] = v
		case int64:
			numbers[i] = float64(v)
		default:
			numbers[i] = math.NaN()
		}
		texts[i] = p["w"].(string)
	}
	none := slices.Repeat([]float64{math.NaN()}, len(params))
	v, w := values("params.v", numbers, nil), values("params.w", none, texts)
	type selection struct{ brush, of string }
	cases := []selection{
		{`{key: "params.v", from: 0.001, to: 0.3}`, v},
		{`{key: "params.v", from: -Infinity, to: 1e-9}`, v},
		{`{key: "params.v", from: 3, to: Infinity}`, v},
		{`{key: "params.v", from: 3, to: 3}`, v},
		{`{key: "params.v", from: -3, to: 1e22}`, v},
		{`{key: "params.v", missing: true}`, v},
		{`{key: "params.v", names: ["3", "0.1", "1e-9"]}`, v},
	}
	for _, text := range texts {
		cases = append(cases, selection{fmt.Sprintf(`{key: "params.w", names: [%s]}`, browser.Literal(text)), w})
	}
	cases = append(cases, selection{fmt.Sprintf(`{key: "params.w", names: %s}`, browser.Literal(texts[:6])), w})
	for _, c := range cases {
		var got struct {
			Expression string
			Selected   []int
		}
		err := brush.Eval(&got, fmt.Sprintf(`(() => { const b = %s, v = %s, f = __functions.brushed(b, v);
			return {Expression: __functions.expressionOf([b], (k) => k, () => false),
				Selected: v.texts.map((_, i) => i).filter((i) => f(i))}; })()`, c.brush, c.of))
		if err != nil {
			t.Fatalf("%s: %v", c.brush, err)
		}
		e, err := query.Parse(got.Expression)
		if err != nil {
			t.Errorf("%s: %s: %v", c.brush, got.Expression, err)
			continue
		}
		want := []int{}
		for i, p := range params {
			if e.Match(query.Record(&format.Run{Params: p}), query.Context{Now: time.Now()}) {
				want = append(want, i)
			}
		}
		if !slices.Equal(got.Selected, want) {
			t.Errorf("%s selects %v, and %s finds %v", c.brush, got.Selected, got.Expression, want)
		}
	}
}

// Brushes survive the address of the page. What is not a brush is left out.
func TestBrushesInAnAddress(t *testing.T) {
	brush := chromium.Load(t, "src/relations/brush.ts")
	for _, c := range []struct{ text, want string }{
		{`[["params.lr",0.1,null],["params.opt",["adam","s,gd"]],["x"]]`, ""},
		{`[]`, "-"},
		{``, "-"},
		{`nonsense`, "-"},
		{`{"a":1}`, "-"},
		{`[["a","b"],[1,2,3],["k",1],["k",[1]],null,["ok",null,2]]`, `[["ok",null,2]]`},
	} {
		want := c.want
		switch want {
		case "":
			want = c.text
		case "-":
			want = ""
		}
		var got string
		err := brush.Eval(&got, "__functions.writeBrushes(__functions.readBrushes("+browser.Literal(c.text)+"))")
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", c.text, got, err, want)
		}
	}
	for _, c := range []struct {
		v         float64
		direction int
		want      float64
	}{
		{0.123456, -1, 0.1234},
		{0.123456, 1, 0.1235},
		{-0.123456, 1, -0.1234},
		{-0.123456, -1, -0.1235},
		{5, 1, 5},
		{0, 1, 0},
		{123456, -1, 123400},
		{123456, 1, 123500},
		{9.9999e-9, 1, 1e-8},
		{0.1, -1, 0.1},
	} {
		var got browser.Number
		brush.Call(&got, "rounded", c.v, c.direction)
		if float64(got) != c.want {
			t.Errorf("%v to %d: %v, want %v", c.v, c.direction, got, c.want)
		}
	}
}

// A place on a scale and the value there belong together. Ticks are round numbers on the scale.
func TestScales(t *testing.T) {
	scales := chromium.Load(t, "src/relations/scales.ts")
	type made struct {
		Kind   string
		Places []browser.Number
		Below  int
		Names  []string
		Ticks  []struct {
			Place browser.Number
			Text  string
		}
		Back []browser.Number
	}
	build := func(kind string, of string) made {
		var m made
		err := scales.Eval(&m, fmt.Sprintf(`(() => { const f = __functions, v = %s, s = f.makeScale(v, %s);
			return {Kind: s.kind, Places: s.places, Below: s.below, Names: s.names, Ticks: f.ticksOf(s, 5),
				Back: [0, 0.5, 1].map((p) => f.valueAt(s, p))}; })()`, of, kind))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	log := build(`"log"`, values("v", []float64{0.001, 0.1, 10, 0, math.NaN(), -1}, nil))
	want := []float64{0, 0.5, 1, math.NaN(), math.NaN(), math.NaN()}
	for i, p := range log.Places {
		if math.Abs(float64(p)-want[i]) > 1e-6 || math.IsNaN(float64(p)) != math.IsNaN(want[i]) {
			t.Errorf("place %d is %v, want %v", i, p, want[i])
		}
	}
	if log.Below != 2 || math.Abs(float64(log.Back[1])-0.1) > 1e-12 {
		t.Errorf("below %d, back %v", log.Below, log.Back)
	}
	texts := ""
	for _, tick := range log.Ticks {
		texts += tick.Text + " "
	}
	if texts != "0.001 0.01 0.1 1 10 " {
		t.Errorf("the ticks are %s", texts)
	}
	names := build(`"linear"`, values("v", []float64{2, 10, math.NaN(), 1}, []string{"", "", "adam", ""}))
	if names.Kind != "category" || strings.Join(names.Names, " ") != "1 2 10 adam" || names.Places[2] != 1 {
		t.Errorf("%+v", names)
	}
	one := build(`"linear"`, values("v", []float64{5, 5}, nil))
	if one.Places[0] != 0.5 {
		t.Errorf("a single value is at %v", one.Places[0])
	}
	for _, c := range []struct {
		of   string
		want string
	}{
		{values("v", []float64{1, 50}, nil), "linear"},
		{values("v", []float64{0.001, 0.1}, nil), "log"},
		{values("v", []float64{1, 1, 1, 20}, nil), "log"},
		{values("v", []float64{0, 1e6}, nil), "linear"},
		{values("v", []float64{math.NaN()}, nil), "category"},
	} {
		if got := build(`f.usualScale(v)`, c.of); got.Kind != c.want {
			t.Errorf("%s: %s, want %s", c.of, got.Kind, c.want)
		}
	}
}

// Lines that many runs share are drawn once, and are the stronger for it.
func TestSegments(t *testing.T) {
	segments := chromium.Load(t, "src/relations/segments.ts")
	var got []struct {
		Color, Weight int
		Pieces        []int
	}
	a, b := make([]float64, 20), make([]float64, 20)
	color := make([]byte, 20)
	for i := range a {
		a[i], b[i], color[i] = 10, 20.2, byte(i/18)
	}
	b[0] = 300
	err := segments.Eval(&got, fmt.Sprintf("__functions.layersOf(__functions.segmentsOf(%s, %s, %s, (row) => row !== 1))",
		browser.Literal(a), browser.Literal(b), browser.Literal(color)))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(got)
	if text != "[{0 0 [0]} {1 1 [2]} {0 2 [1]}]" { // one run, two of another color, sixteen
		t.Error(text)
	}
}
