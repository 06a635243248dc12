package catalog

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

func TestAlongMetric(t *testing.T) {
	point := func(step int64, v float64) format.Point { return format.Point{Step: step, Value: v} }
	steps := []format.Point{point(1, 10), point(3, 30), point(5, 20), point(6, math.NaN())}
	x, y := alongMetric([]format.Point{point(0, 1), point(1, 2), point(2, 3), point(4, 4), point(5, 5), point(6, 6)},
		steps)
	if d := cmp.Diff([]float64{2, 3, 5, 4}, y) + cmp.Diff([]float64{10, 10, 20, 30}, x); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestStepMetric(t *testing.T) {
	run := func(axis string, metrics ...string) *repo.Entry {
		r := &format.Run{Metrics: map[string]format.Metric{}, Defined: []format.Definition{{Name: "loss", StepMetric: axis}}}
		for _, key := range metrics {
			r.Metrics[key] = format.Metric{Count: 1}
		}
		return &repo.Entry{Run: r}
	}
	for _, c := range []struct {
		name    string
		entries []*repo.Entry
		want    string
	}{
		{"all agree", []*repo.Entry{run("epoch", "loss", "epoch"), run("epoch", "loss", "epoch")}, "epoch"},
		{"a run without the metric does not count", []*repo.Entry{run("epoch", "loss", "epoch"), run("other")}, "epoch"},
		{"another axis", []*repo.Entry{run("epoch", "loss", "epoch"), run("batch", "loss", "batch")}, ""},
		{"no points of the axis", []*repo.Entry{run("epoch", "loss")}, ""},
		{"itself", []*repo.Entry{run("loss", "loss")}, ""},
		{"none defined", []*repo.Entry{run("", "loss", "")}, ""},
	} {
		if got := StepMetric(c.entries, "loss"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSelectCurves(t *testing.T) {
	entry := func(name string, minute int, metrics ...string) *repo.Entry {
		r := &format.Run{ID: "20261123-142530-" + strings.Repeat(name, 8), Name: name, Metrics: map[string]format.Metric{}}
		r.Started = day.AddDate(0, 0, minute)
		for _, key := range metrics {
			r.Metrics[key] = format.Metric{Count: 2}
		}
		return &repo.Entry{Run: r}
	}
	c := of(entry("a", 1, "loss", "b"), entry("b", 2, "acc"), entry("c", 3, "loss"))
	for _, test := range []struct{ words, runs, metrics string }{
		{"", "c ", ""},
		{"a b", "a ", "b"},     // b is a metric of a
		{"b a", "b a ", ""},    // and a run, if it is named first
		{"loss", "c ", "loss"}, // of the newest run
		{"loss a", "a ", "loss"},
		{"a a", "a ", ""},
		{"a b acc", "", ""},
		{"b acc", "b ", "acc"},
	} {
		entries, metrics, err := c.SelectCurves(t.Context(), strings.Fields(test.words), false)
		var none *query.NotFoundError
		if test.runs == "" && errors.As(err, &none) {
			continue
		}
		if err != nil || names(entries) != test.runs || strings.Join(metrics, " ") != test.metrics {
			t.Errorf("%s: runs %s, metrics %s, %v", test.words, names(entries), metrics, err)
		}
	}
}

func TestCurvesOf(t *testing.T) {
	run := func(counts map[string]int64, defined ...format.Definition) []*repo.Entry {
		r := &format.Run{Metrics: map[string]format.Metric{}, Defined: defined}
		for key, n := range counts {
			r.Metrics[key] = format.Metric{Count: n}
		}
		return []*repo.Entry{{Run: r}}
	}
	for _, c := range []struct {
		name, primary, want string
		entries             []*repo.Entry
	}{
		{"the primary metric", "acc", "acc", run(map[string]int64{"acc": 1, "loss": 9})},
		{"no primary metric in the runs", "acc", "loss", run(map[string]int64{"loss": 9, "once": 1})},
		{"single points", "", "a b", run(map[string]int64{"a": 1, "b": 1})},
		{"hidden", "", "a", run(map[string]int64{"a": 2, "b": 2}, format.Definition{Name: "b", Hidden: true})},
		{"too many", "", "val_d a", run(map[string]int64{"a": 2, "b": 2, "c": 2, "val_d": 2})},
		{"none", "", "", run(nil)},
	} {
		catalog := of()
		catalog.config.Primary = c.primary
		if got := strings.Join(catalog.CurvesOf(c.entries, 2), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCurve(t *testing.T) {
	r := project(t)
	a := start(t, r, &format.Run{})
	for i, value := range []float64{5, 6} { // the later step has the earlier time
		l := &format.Line{Time: int64(2-i) * 1e6, HasStep: true, Step: int64(i), Metrics: []format.MetricValue{{
			Key:   "loss",
			Value: value,
		}}}
		if err := a.AppendShared(l); err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, r, Options{}).Entries()[0]
	e.Started = e.Started.Add(-e.Started.Sub(day))
	began := float64(day.Unix())
	for axis, want := range map[Axis][2][]float64{
		ByStep: {{0, 1}, {5, 6}}, ByTime: {{1, 2}, {6, 5}}, ByDuration: {{1 - began, 2 - began}, {6, 5}},
	} {
		got, err := Curves(t.Context(), e, "loss", axis)
		if d := cmp.Diff([]Series{{X: want[0], Y: want[1]}}, got); d != "" || err != nil {
			t.Errorf("axis %d: %v (-want +got):\n%s", axis, err, d)
		}
	}
}

func TestSmooth(t *testing.T) {
	got := Smooth([]float64{1, math.NaN(), 1, 3}, 0.5)
	want := []float64{1, math.NaN(), 1, (0.125 + 0.25 + 1.5) / 0.875}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}
