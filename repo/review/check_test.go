package review

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
)

// brief are the outcomes without the comparison, the run and the error behind them.
func brief(outcomes []Outcome) []Outcome {
	list := make([]Outcome, len(outcomes))
	for i, o := range outcomes {
		o.Compared, o.Finding.Run, o.Finding.Err, o.Lost = nil, nil, nil, nil
		list[i] = o
	}
	return list
}

func TestCheckMetric(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "base"}, series{"rmse": {2}, "acc": {0.5}, "other": {1}, "old": {1}, "nan": {1}})
	p.add(
		format.Run{Name: "run"},
		series{"rmse": {2.5, 2.1}, "acc": {0.75}, "other": {1}, "new": {1}, "nan": {math.NaN()}},
	)
	p.add(format.Run{Name: "s1", Group: "seeds", Params: format.Params{"seed": int64(1)}}, series{"rmse": {2}})
	p.add(format.Run{Name: "s2", Group: "seeds", Params: format.Params{"seed": int64(2)}}, series{"rmse": {4}})
	p.add(format.Run{Name: "m1", Group: "mixed", Params: format.Params{"lr": 1.0, "wd": 1.0}}, series{"rmse": {2}})
	p.add(format.Run{Name: "m2", Group: "mixed", Params: format.Params{"lr": 2.0, "wd": 2.0}}, series{"rmse": {2}})
	c := p.open()
	const within = 0.1
	for _, x := range []struct {
		name, subject string
		rule          format.Check
		want          Outcome
	}{
		{"a value", "run", format.Check{Metric: "rmse"}, Outcome{OK: true, Finding: Finding{Kind: HasValue}, Value: 2.1}},
		{
			"a value by the last", "run",
			format.Check{Metric: "other"},
			Outcome{OK: true, Finding: Finding{Kind: HasValue}, Value: 1},
		},
		{"no value", "run", format.Check{Metric: "old"}, Outcome{Finding: Finding{Kind: NoValue}}},
		{
			"NaN without a baseline", "run",
			format.Check{Metric: "nan"},
			Outcome{Finding: Finding{Kind: HasValue}, Value: math.NaN()},
		},
		{
			"better", "run",
			format.Check{Metric: "acc", Baseline: "base"},
			Outcome{OK: true, Finding: Finding{Kind: Compared}, Worse: -0.25},
		},
		{
			"equal", "base",
			format.Check{Metric: "rmse", Baseline: "base"},
			Outcome{OK: true, Finding: Finding{Kind: Compared}},
		},
		{
			"worse", "run",
			format.Check{Metric: "rmse", Baseline: "base"},
			Outcome{Finding: Finding{Kind: Compared}, Worse: within},
		},
		{
			"worse within a number", "run",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 0.2},
			Outcome{OK: true, Finding: Finding{Kind: Compared}, Worse: within, Allowed: 0.2},
		},
		{
			"worse by more", "run",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 0.05},
			Outcome{Finding: Finding{Kind: Compared}, Worse: within, Allowed: 0.05},
		},
		{
			"within percent of the baseline", "run",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 6, Percent: true},
			Outcome{OK: true, Finding: Finding{Kind: Compared}, Worse: within, Allowed: 6, Percent: true},
		},
		{
			"worse by more percent", "run",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 4, Percent: true},
			Outcome{Finding: Finding{Kind: Compared}, Worse: within, Allowed: 4, Percent: true},
		},
		{
			"the mean of a group", "group=seeds",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 1},
			Outcome{OK: true, Finding: Finding{Kind: Compared}, Worse: 1, Allowed: 1},
		},
		{
			"no goal", "run",
			format.Check{Metric: "other", Baseline: "base"},
			Outcome{Finding: Finding{Kind: NoGoal, Name: "other"}},
		},
		{"neither has it", "run", format.Check{Metric: "none", Baseline: "base"}, Outcome{Finding: Finding{Kind: NoMetric}}},
		{
			"the run lacks it", "run",
			format.Check{Metric: "old", Baseline: "base"},
			Outcome{Finding: Finding{Kind: NoMetricOfRun}},
		},
		{
			"the baseline lacks it", "run",
			format.Check{Metric: "new", Baseline: "base"},
			Outcome{Finding: Finding{Kind: NoMetricOfBaseline}},
		},
		{"NaN", "run", format.Check{Metric: "nan", Baseline: "base"}, Outcome{Finding: Finding{Kind: NotANumber}}},
		{
			"a mixed group", "group=mixed",
			format.Check{Metric: "rmse", Baseline: "base", MaxRegression: 9},
			Outcome{Finding: Finding{Kind: MixedGroup, Keys: []string{"lr", "wd"}}},
		},
		{
			"a mixed baseline", "run",
			format.Check{Metric: "rmse", Baseline: "group=mixed", MaxRegression: 9},
			Outcome{Finding: Finding{Kind: MixedGroup, Keys: []string{"lr", "wd"}}},
		},
	} {
		got, err := Check(t.Context(), c, p.side(c, x.subject), []format.Check{x.rule})
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		x.want.Rule = x.rule.Metric
		if d := cmp.Diff([]Outcome{x.want}, brief(got), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, d)
		}
		if (got[0].Compared != nil) != (x.want.Finding.Kind == Compared) {
			t.Errorf("%s: compared %+v", x.name, got[0].Compared)
		}
	}
}

func TestCheckRunsAndBaseline(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "a", Group: "g"}, series{"rmse": {1}})
	p.add(format.Run{Name: "b", Group: "g"}, series{"rmse": {1}})
	p.add(format.Run{Name: "lost", Group: "broken", Status: format.Failed}, nil)
	p.add(format.Run{Name: "lost too", Group: "broken", Status: format.Failed}, nil)
	c := p.open()
	enough := Outcome{Rule: "min_runs", OK: true, Finding: Finding{Kind: RunCount, Count: 2, Of: 2}}
	fewer := Outcome{Rule: "min_runs", Finding: Finding{Kind: RunCount, Count: 1, Of: 2}}
	none := func(selector string) Outcome {
		return Outcome{Rule: "baseline", Finding: Finding{Kind: NoBaseline, Name: selector}}
	}
	for _, x := range []struct {
		name, subject string
		rules         []format.Check
		want          []Outcome
	}{
		{"no rules", "a", nil, nil},
		{"enough runs", "group=g", []format.Check{{MinRuns: 2}}, []Outcome{enough}},
		{"too few runs", "a", []format.Check{{MinRuns: 2}}, []Outcome{fewer}},
		{"no baseline", "a", []format.Check{{Metric: "rmse", Baseline: "nowhere"}}, []Outcome{none("nowhere")}},
		{
			"no successful baseline", "a",
			[]format.Check{{Metric: "rmse", Baseline: "group=broken"}},
			[]Outcome{none("group=broken")},
		},
		{
			"what a rule asks after the baseline is missing", "a",
			[]format.Check{{Metric: "rmse", Baseline: "nowhere", MinRuns: 2, Require: []string{"clean"}}},
			[]Outcome{fewer, none("nowhere")},
		},
		{
			"several rules", "a",
			[]format.Check{{MinRuns: 2}, {Baseline: "nowhere", MinRuns: 2}},
			[]Outcome{fewer, fewer, none("nowhere")},
		},
	} {
		got, err := Check(t.Context(), c, p.side(c, x.subject), x.rules)
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if d := cmp.Diff(x.want, brief(got), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, d)
		}
	}
	if _, err := Check(t.Context(), c, p.side(c, "a"), []format.Check{{Metric: "rmse", Baseline: "last~x"}}); err == nil {
		t.Error("a baseline that cannot be read is no error")
	}
}

func TestCheckRequirements(t *testing.T) {
	p := newProject(t, goals)
	p.Commit("second", map[string]string{"src/a.py": "1\n", "docs/x.md": "1\n"})
	digest := func(c string) string { return strings.Repeat(c, 64) }
	one := []format.Dataset{{Name: "d", SHA256: digest("1")}}
	two := []format.Dataset{{Name: "d", SHA256: digest("2")}, {Name: "e", SHA256: digest("3")}}
	source := func(change func(*format.Source)) *format.Source {
		s := p.source()
		change(s)
		return s
	}
	p.add(format.Run{Name: "good", Group: "g", Datasets: one}, nil)
	p.add(
		format.Run{Name: "dirty", Group: "g", Datasets: two, Source: source(func(s *format.Source) { s.Dirty = true })},
		nil,
	)
	p.add(
		format.Run{
			Name:   "partial",
			Source: source(func(s *format.Source) { s.Omitted = []format.Omitted{{Path: "x", Bytes: 1, Reason: "too large"}} }),
		},
		nil,
	)
	p.add(format.Run{Name: "none", Source: &format.Source{}}, nil)
	p.add(
		format.Run{Name: "wrong", Source: source(func(s *format.Source) { s.Tree = p.Git("rev-parse", "HEAD:src") })},
		nil,
	)
	p.Commit("third", map[string]string{"docs/x.md": "2\n", "docs/y.md": "2\n"})
	c := p.open()
	for _, x := range []struct {
		require, subject string
		paths            []string
		want             Finding
		run              string
	}{
		{"clean", "good", nil, Finding{}, ""},
		{"clean", "dirty", nil, Finding{Kind: Uncommitted}, "dirty"},
		{"clean", "group=g", nil, Finding{Kind: Uncommitted}, "dirty"},
		{"restorable", "good", nil, Finding{}, ""},
		{"restorable", "dirty", nil, Finding{}, ""},
		{"restorable", "partial", nil, Finding{Kind: NotRestorable, Reason: "1 file was left out"}, "partial"},
		{"restorable", "none", nil, Finding{Kind: NotRestorable, Reason: "no tree was recorded"}, "none"},
		{"same_data", "good", nil, Finding{}, ""},
		{"same_data", "dirty", nil, Finding{Kind: OtherData, Name: "d"}, ""},
		{"same_data", "partial", nil, Finding{Kind: OtherData, Name: "d"}, ""},
		{"current", "good", nil, Finding{Kind: CodeChanged, Count: 2, Path: "docs/x.md"}, "good"},
		{"current", "good", []string{"docs/y.md"}, Finding{Kind: CodeChanged, Count: 1, Path: "docs/y.md"}, "good"},
		{"current", "good", []string{"src", "doc"}, Finding{}, ""},
		{"current", "none", nil, Finding{Kind: SourceUnknown}, "none"},
		{"current", "wrong", nil, Finding{Kind: CodeUncompared}, "wrong"},
	} {
		name := x.require + " of " + x.subject
		rule := format.Check{Require: []string{x.require}, Baseline: "good", Paths: x.paths}
		got, err := Check(t.Context(), c, p.side(c, x.subject), []format.Check{rule})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := []Outcome{{Rule: x.require, OK: x.want.Kind == None, Finding: x.want}}
		if d := cmp.Diff(want, brief(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		found := got[0].Finding
		if run := found.Run; (run != nil) != (x.run != "") || run != nil && run.Name != x.run {
			t.Errorf("%s: found of %+v", name, run)
		}
		if (found.Err != nil) != (found.Kind == CodeUncompared) {
			t.Errorf("%s: %v", name, found.Err)
		}
	}
	_, err := Check(cancelled(), c, p.side(c, "good"), []format.Check{{Require: []string{"current"}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestCleanWithoutSource: a run whose source was not recorded is not clean.
func TestCleanWithoutSource(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "a"}, nil)
	c := p.open()
	s := p.side(c, "a")
	s.Entries[0].Source = nil
	got, err := Check(t.Context(), c, s, []format.Check{{Require: []string{"clean"}}})
	if err != nil || len(got) != 1 || got[0].OK || got[0].Finding.Kind != SourceUnknown {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCheckInDecimals: limits are decided with the numbers as people write them, not as floats hold them.
func TestCheckInDecimals(t *testing.T) {
	p := newProject(t, goals)
	add := func(name string, values ...float64) {
		for i, v := range values {
			p.add(format.Run{Name: name, Group: name, Params: format.Params{"seed": int64(i)}}, series{"rmse": {v}, "acc": {v}})
		}
	}
	add("one", 1)
	add("1.02", 1.02)
	add("0.7", 0.7)
	add("0.8", 0.8)
	add("0.81", 0.81)
	add("0.6", 0.6)
	add("tenths", 0.1, 0.2, 0.3)
	add("more", 0.2, 0.3, 0.4)
	add("negative", -1)
	c := p.open()
	for _, x := range []struct {
		metric, subject, baseline string
		limit                     float64
		percent, ok               bool
	}{
		{"rmse", "1.02", "one", 2, true, true},
		{"rmse", "1.02", "one", 1.99, true, false},
		{"rmse", "1.02", "one", 0.02, false, true},
		{"rmse", "0.8", "0.7", 0.1, false, true},
		{"rmse", "0.81", "0.7", 0.1, false, false},
		{"rmse", "0.8", "0.7", 0.09999999999999, false, false},
		{"acc", "0.6", "0.7", 0.1, false, true},
		{"acc", "0.7", "0.8", 0.1, false, true},
		{"acc", "0.7", "0.81", 0.11, false, true},
		{"acc", "0.7", "0.81", 0.1, false, false},
		{"rmse", "group=more", "group=tenths", 0.1, false, true},
		{"rmse", "group=more", "group=tenths", 50, true, true},
		{"rmse", "one", "negative", 200, true, true},
		{"rmse", "one", "negative", 199.9, true, false},
	} {
		rule := format.Check{Metric: x.metric, Baseline: x.baseline, MaxRegression: x.limit, Percent: x.percent}
		got, err := Check(t.Context(), c, p.side(c, x.subject), []format.Check{rule})
		if err != nil || len(got) != 1 || got[0].OK != x.ok {
			t.Errorf("%+v: %+v, %v", x, got, err)
		}
	}
}

// TestCheckLostRuns: a rule is not met by the runs that happened to survive.
func TestCheckLostRuns(t *testing.T) {
	p := newProject(t, goals)
	nan := math.NaN()
	seed := func(i int) format.Params { return format.Params{"seed": int64(i)} }
	p.add(format.Run{Name: "base"}, series{"rmse": {2}})
	for i, v := range []float64{1, 1.1, nan} {
		p.add(format.Run{Name: "n", Group: "nan", Params: seed(i)}, series{"rmse": {1, v}})
		p.add(format.Run{Name: "s", Group: "sound", Params: seed(i)}, series{"rmse": {1}})
	}
	p.add(format.Run{Name: "c1", Group: "crashed", Params: seed(1)}, series{"rmse": {1}})
	p.add(format.Run{Name: "c2", Group: "crashed", Params: seed(2)}, series{"rmse": {1}})
	p.add(format.Run{Name: "c3", Group: "crashed", Params: seed(3), Status: format.Crashed}, series{"rmse": {1}})
	p.add(format.Run{Name: "r1", Group: "repeated", Params: seed(1), Status: format.Killed}, series{"rmse": {1}})
	p.add(format.Run{Name: "r2", Group: "repeated", Params: seed(1)}, series{"rmse": {1}})
	p.add(format.Run{Name: "r3", Group: "repeated", Params: seed(2)}, series{"rmse": {1}})
	p.add(format.Run{Name: "failed", Status: format.Failed}, series{"rmse": {1}})
	p.add(format.Run{Name: "diverged"}, series{"rmse": {1, math.Inf(1)}})
	c := p.open()
	for _, x := range []struct {
		subject, lost string
		ok            bool
		count         int
	}{
		{"group=nan", "NaN", false, 2},
		{"group=sound", "", true, 3},
		{"group=crashed", "crashed", false, 2},
		{"group=repeated", "", true, 2},
		{"failed", "failed", false, 1},
		{"diverged", "infinite", false, 0},
	} {
		for _, baseline := range []string{"", "base"} {
			rule := format.Check{Metric: "rmse", Baseline: baseline, MinRuns: 1}
			got, err := Check(t.Context(), c, p.side(c, x.subject), []format.Check{rule})
			if err != nil || len(got) != 2 {
				t.Fatalf("%+v: %+v, %v", x, got, err)
			}
			lost := ""
			for _, r := range got[1].Lost {
				lost += string(r.Why)
			}
			if got[0].Finding.Count != x.count || got[1].OK != x.ok || lost != x.lost {
				t.Errorf("%s, baseline %q: %+v, lost %q", x.subject, baseline, got, lost)
			}
		}
	}
}
