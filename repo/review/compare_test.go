package review

import (
	"context"
	"errors"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

func TestCompare(t *testing.T) {
	p := newProject(t, goals)
	p.add(
		format.Run{Name: "a", Params: format.Params{"lr": int64(1)}, Tags: map[string]string{"t": "1"}},
		series{"rmse": {3, 2}, "acc": {0.5}},
	)
	p.Commit("second", map[string]string{"train.py": "1\n2\n"})
	p.add(
		format.Run{Name: "b", Params: format.Params{"lr": 1.0}, Tags: map[string]string{"t": "1"}},
		series{"rmse": {3, 1}, "acc": {0.5}},
	)
	c := p.open()
	got, err := Compare(t.Context(), p.side(c, "a"), p.side(c, "b"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Metrics) != 1 || len(got.Params)+len(got.Tags)+len(got.Problems) != 0 {
		t.Errorf("%+v", got)
	}
	m := got.Metrics[0]
	if m.Verdict != diff.Better || m.Delta != -1 || m.Why != diff.OneRunEach || len(m.B.Curve) != 2 ||
		m.Curve.Common != 2 {
		t.Errorf("%+v", m)
	}
	want := []diff.File{{Path: "train.py", Change: "modified", Added: 1}}
	if d := cmp.Diff(want, got.Source.Files); d != "" {
		t.Error(d)
	}
	if !Differs(got) {
		t.Error("they do not differ")
	}

	got, err = Compare(
		t.Context(),
		p.side(c, "a"),
		p.side(c, "b"),
		Options{All: true, Strict: true, Metrics: regexp.MustCompile("acc")},
	)
	if err != nil || len(got.Metrics) != 1 || got.Metrics[0].Key != "acc" || len(got.Params) != 1 || len(got.Tags) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = Compare(t.Context(), p.side(c, "a"), p.side(c, "a"), Options{All: true}); err != nil || Differs(got) {
		t.Errorf("with itself: %+v, %v", got, err)
	}
	if _, err := Compare(cancelled(), p.side(c, "a"), p.side(c, "b"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestCompareWithoutSource: what cannot be compared is a problem, not an error.
func TestCompareWithoutSource(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "a", Source: &format.Source{}}, series{"rmse": {2}})
	p.add(format.Run{Name: "b"}, series{"rmse": {1}})
	c := p.open()
	got, err := Compare(t.Context(), p.side(c, "a"), p.side(c, "b"), Options{})
	if err != nil || len(got.Problems) != 1 || got.Problems[0].Kind != diff.SourceUnread || len(got.Metrics) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := CompareSources(t.Context(), p.side(c, "a"), p.side(c, "b"), true); err == nil {
		t.Error("no error")
	}
}

// TestCompareChains: a run counts with those that it resumes, unless it is compared alone. What the later part logged
// again, step 0 here, replaces what the earlier part had.
func TestCompareChains(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "a"}, series{"rmse": {2}})
	first := p.add(format.Run{Name: "b1", Group: "g"}, series{"rmse": {1}})
	p.add(format.Run{Name: "b2", Group: "g", Resumes: first}, series{"rmse": {3}})
	c := p.open()
	for _, x := range []struct {
		b       string
		part    bool
		best    float64
		n       int
		verdict diff.Verdict
	}{
		{"b2", false, 3, 1, diff.Worse},
		{"b2", true, 3, 1, diff.Worse},
		{"b1", false, 1, 1, diff.Better},
		{"group=g", false, 3, 1, diff.Inconclusive}, // the chain is one run: too few
		{"group=g", true, 3, 1, diff.Inconclusive},
	} {
		got, err := Compare(t.Context(), p.side(c, "a"), p.side(c, x.b), Options{Part: x.part})
		if err != nil || len(got.Metrics) != 1 {
			t.Fatalf("%+v: %v", got, err)
		}
		if m := got.Metrics[0]; m.B.Best != x.best || m.B.N != x.n || m.Verdict != x.verdict {
			t.Errorf("%s, part %v: best %v of %d, %s; want %+v", x.b, x.part, m.B.Best, m.B.N, m.Verdict, x)
		}
	}
}

func TestDiffers(t *testing.T) {
	one, two := &format.Dataset{Name: "d", SHA256: "1"}, &format.Dataset{Name: "d", SHA256: "2"}
	for name, c := range map[string]diff.Comparison{
		"nothing":          {},
		"equal params":     {Params: []diff.Value{{Key: "k", A: int64(1), B: 1.0}}},
		"equal data":       {Datasets: []diff.Dataset{{A: one, B: one}}},
		"equal metrics":    {Metrics: []diff.Metric{{Verdict: diff.Same}}},
		"only a machine":   {Machine: []diff.Change{{Key: "cpu"}}},
		"only a variable":  {Variables: []diff.Change{{Key: "X"}}},
		"only an artifact": {Artifacts: []diff.Value{{Key: "a", A: "1"}}},
	} {
		if Differs(&c) {
			t.Errorf("%s differs", name)
		}
	}
	for name, c := range map[string]diff.Comparison{
		"a param":         {Params: []diff.Value{{Key: "k", A: 1.0, B: 2.0}}},
		"a summary":       {Summary: []diff.Value{{Key: "k", A: 1.0}}},
		"a tag":           {Tags: []diff.Value{{Key: "k", B: "x"}}},
		"an attribute":    {Attributes: []diff.Value{{Key: "cwd", A: "x", B: "y"}}},
		"a package":       {Environment: []diff.Change{{Key: "numpy"}}},
		"a file":          {Source: diff.Source{Files: []diff.File{{Path: "x"}}}},
		"the tree":        {Source: diff.Source{A: "1", B: "2"}},
		"a metric":        {Metrics: []diff.Metric{{Verdict: diff.Unknown}}},
		"a dataset":       {Datasets: []diff.Dataset{{A: one, B: two}}},
		"data of one run": {Datasets: []diff.Dataset{{A: one}}},
	} {
		if !Differs(&c) {
			t.Errorf("%s does not differ", name)
		}
	}
}

// TestCompareValues: which value of each run is compared follows from the options, the settings and the runs, in this
// order.
func TestCompareValues(t *testing.T) {
	p := newProject(t, goals+"[metric.val]\ngoal = \"min\"\n")
	defined := []format.Definition{{Name: "rmse", Summary: "min"}}
	// rmse goes on falling where val is best at step 1, and the test score is logged once.
	a := series{"rmse": {5, 4, 3}, "val": {3, 1, 2}, "acc": {0.5}, "other": {1, 2, 3}}
	b := series{"rmse": {6, 1, 2}, "val": {1, 2, 3}, "acc": {0.6}, "other": {7, 8, 9}}
	for i := range 2 {
		p.add(format.Run{Name: "a", Group: "a", Params: format.Params{"seed": int64(i)}, Defined: defined}, a)
		p.add(format.Run{Name: "b", Group: "b", Params: format.Params{"seed": int64(i)}}, b)
	}
	p.add(format.Run{Name: "one"}, a)
	p.add(format.Run{Name: "two"}, b)
	read := func(config string, o Options, x, y string) map[string][2]float64 {
		t.Helper()
		p.Write(".runs/config.toml", goals+"[metric.val]\ngoal = \"min\"\n"+config)
		c := p.open()
		o.All = true
		got, err := Compare(t.Context(), p.side(c, x), p.side(c, y), o)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string][2]float64{}
		for _, m := range got.Metrics {
			values[m.Key] = [2]float64{m.A.Value, m.B.Value}
		}
		return values
	}
	last := map[string][2]float64{"rmse": {3, 2}, "val": {2, 3}, "acc": {0.5, 0.6}, "other": {3, 9}}
	best := map[string][2]float64{"rmse": {3, 1}, "val": {1, 1}, "acc": {0.5, 0.6}, "other": {3, 9}}
	at := map[string][2]float64{"rmse": {4, 6}, "val": {1, 1}, "acc": {0.5, 0.6}, "other": {2, 7}}
	ofRuns := map[string][2]float64{"rmse": {3, 1}, "val": {2, 3}, "acc": {0.5, 0.6}, "other": {3, 9}}
	const byVal = "[compare]\nvalue = \"at-best\"\nselect_by = \"val\"\n"
	atBest := Options{Value: format.ValueAtBest, SelectBy: "val"}
	for _, x := range []struct {
		name, config string
		o            Options
		a, b         string
		want         map[string][2]float64
	}{
		{"the last, by default", "", Options{}, "one", "two", last},
		{"as the runs define", "", Options{}, "group=a", "group=b", ofRuns},
		{"as the settings say", "[compare]\nvalue = \"last\"\n", Options{}, "group=a", "group=b", last},
		{"the best", "[compare]\nvalue = \"best\"\n", Options{}, "group=a", "group=b", best},
		{"at the best", byVal, Options{}, "group=a", "group=b", at},
		{"at the best of single runs", "", atBest, "one", "two", at},
		{"options come first", byVal, Options{Value: "last"}, "one", "two", last},
	} {
		if d := cmp.Diff(x.want, read(x.config, x.o, x.a, x.b)); d != "" {
			t.Errorf("%s: %s", x.name, d)
		}
	}
	c := p.open()
	other := Options{Value: format.ValueAtBest, SelectBy: "other"}
	_, err := Compare(t.Context(), p.side(c, "one"), p.side(c, "two"), other)
	if err == nil || err.Error() != "comparing at the best other: the metric has no goal" {
		t.Errorf("by a metric without a goal: %v", err)
	}
}

// TestCompareUnevenPoints: the best of many points is not compared with the best of few.
func TestCompareUnevenPoints(t *testing.T) {
	p := newProject(t, goals+"[compare]\nvalue = \"best\"\n")
	long := make([]float64, 50)
	for i := range 4 {
		for k := range long {
			long[k] = 1 + float64((k*7+i)%50)/100
		}
		seed := format.Params{"seed": int64(i)}
		p.add(format.Run{Name: "short", Group: "short", Params: seed}, series{"rmse": {1.3 + float64(i)/100, 1.4}})
		p.add(format.Run{Name: "long", Group: "long", Params: seed}, series{"rmse": long})
	}
	c := p.open()
	got, err := Compare(t.Context(), p.side(c, "group=short"), p.side(c, "group=long"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Metrics[0]; m.Verdict != diff.Inconclusive || m.Why != diff.UnevenPoints || !m.Uneven ||
		m.A.Evaluations != [2]int64{2, 2} || m.B.Evaluations != [2]int64{50, 50} {
		t.Errorf("%+v %+v %+v", m, m.A, m.B)
	}
	got, err = Compare(t.Context(), p.side(c, "group=short"), p.side(c, "group=short"), Options{All: true})
	if err != nil || got.Metrics[0].Uneven || got.Metrics[0].Verdict != diff.Same {
		t.Errorf("%+v, %v", got, err)
	}
}
