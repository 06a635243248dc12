package diff

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

type metrics = map[string]format.Metric

func run(params map[string]any, values metrics) *format.Run {
	return &format.Run{
		ID: "20261123-142530-k7qx2m9a", Status: format.Finished, Params: params, Metrics: values,
		Tags: map[string]string{"t": "1"}, Started: time.Unix(0, 0), Ended: time.Unix(60, 0),
	}
}

func single(r *format.Run) Side { return Side{Runs: []*format.Run{r}} }

func goal(metric string) string { return map[string]string{"rmse": "min", "acc": "max"}[metric] }

func TestCompareParams(t *testing.T) {
	a := run(map[string]any{
		"lr": int64(1), "nested": map[string]any{"x": 0.5, "same": "y"}, "list": []any{int64(1), 2.0},
		"nan": math.NaN(), "text": "1", "big": int64(1<<53 + 1),
	}, nil)
	b := run(map[string]any{
		"lr": 1.0, "nested": map[string]any{"x": 0.25, "same": "y"}, "list": []any{1.0, int64(2)},
		"nan": math.NaN(), "text": int64(1), "big": float64(1 << 53),
	}, nil)
	b.Params["gone"] = format.Null
	want := []Value{
		{"big", int64(1<<53 + 1), float64(1 << 53)},
		{"gone", nil, format.Null},
		{"nested.x", 0.5, 0.25},
		{"text", "1", int64(1)},
	}
	if d := cmp.Diff(want, Compare(single(a), single(b), Options{}).Params); d != "" {
		t.Error(d)
	}
	strict := Compare(single(a), single(b), Options{Strict: true}).Params
	if len(strict) != 6 || strict[2].Key != "list" || strict[3].Key != "lr" {
		t.Errorf("strictly, %+v differ", strict)
	}
}

// TestCompareWithItself: a run has no difference from itself, whatever it holds.
func TestCompareWithItself(t *testing.T) {
	r := run(map[string]any{"l": []any{map[string]any{"a": math.NaN()}}, "e": map[string]any{}}, metrics{
		"rmse": {Last: 1, Min: &format.Extreme{Value: 0.5, Step: 3}, Max: &format.Extreme{Value: 2}, Count: 4},
		"odd":  {Last: 1, Count: 1},
	})
	r.Datasets = []format.Dataset{{Name: "d", SHA256: "x"}}
	r.Params["n"] = format.Null
	c := Compare(single(r), single(r), Options{Goal: goal})
	if len(c.Params)+len(c.Metrics)+len(c.Tags)+len(c.Datasets)+len(c.Attributes)+len(c.Problems) != 0 {
		t.Errorf("%+v", c)
	}
	all := Compare(single(r), single(r), Options{Goal: goal, All: true})
	if len(all.Params) != 3 || len(all.Metrics) != 2 || len(all.Datasets) != 1 {
		t.Errorf("with all: %+v", all)
	}
}

func TestCompareMetrics(t *testing.T) {
	nan := math.NaN()
	once := func(v float64) format.Metric { return format.Metric{Last: v, Count: 1} }
	a := run(nil, metrics{
		"rmse": {Last: 3, Min: &format.Extreme{Value: 2, Step: 5}, Max: &format.Extreme{Value: 9}, Count: 9},
		"acc":  once(0.5), "x": once(1), "nan": once(nan), "old": once(1), "zero": once(0),
	})
	b := run(nil, metrics{
		"rmse": once(1), "acc": once(0.25), "x": once(2), "nan": once(1), "new": once(1), "zero": once(1),
	})
	got := map[string]Metric{}
	for _, m := range Compare(single(a), single(b), Options{Goal: goal}).Metrics {
		got[m.Key] = m
	}
	for key, want := range map[string]struct {
		verdict         Verdict
		delta, relative float64
	}{
		"rmse": {Better, -2, -2.0 / 3},
		"acc":  {Worse, -0.25, -0.5},
		"x":    {Unknown, 1, 1},
		"nan":  {Unknown, nan, nan},
		"old":  {Unknown, nan, nan},
		"new":  {Unknown, nan, nan},
		"zero": {Unknown, 1, nan},
	} {
		m := got[key]
		if m.Verdict != want.verdict || !same(m.Delta, want.delta) || !same(m.Relative, want.relative) {
			t.Errorf("%s: %+v, want %+v", key, m, want)
		}
	}
	if m := got["rmse"]; m.A.BestStep != 5 || !m.A.HasBestStep || m.A.HasStep || m.B.HasBestStep || m.Why != OneRunEach {
		t.Errorf("%+v, %+v, %s", m.A, m.B, m.Why)
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestCompareGroups(t *testing.T) {
	group := func(name string, lr float64, values ...float64) Side {
		s := Side{Group: name}
		for i, v := range values {
			params := map[string]any{"lr": lr, "seed": int64(i)}
			s.Runs = append(s.Runs, run(params, metrics{"rmse": {Last: v, Count: 1}}))
		}
		return s
	}
	options := Options{Goal: goal, Level: 0.05, All: true}
	nan, almost := math.NaN(), math.Nextafter(0.3, 1)
	for _, c := range []struct {
		name string
		a, b Side
		want Verdict
		why  Reason
	}{
		{"clearly", group("a", 1, 3, 3.1, 2.9), group("b", 2, 1, 1.1, 0.9), Better, ""},
		{"clearly not", group("a", 1, 1, 1.1, 0.9), group("b", 2, 3, 3.1, 2.9), Worse, ""},
		{"within the noise", group("a", 1, 1, 2, 3), group("b", 2, 1.5, 2.5, 2.9), Inconclusive, NoDifference},
		{"too few", group("a", 1, 1, 2, 3), group("b", 2, 1.5), Inconclusive, TooFewRuns},
		{"two runs", group("a", 1, 1, 1.01), group("b", 2, 5, 5.01), Inconclusive, TooFewRuns},
		{"infinite", group("a", 1, 1, 2, 3), group("b", 2, math.Inf(1), 1, 2, 3.5), Inconclusive, NoDifference},
		{"no spread", group("a", 1, 1, 1, 1), group("b", 2, 2, 2, 2), Inconclusive, NoSpread},
		{"rounding", group("a", 1, 0.3, almost, 0.3), group("b", 2, 2, 2, 2), Inconclusive, NoSpread},
		{"equal but for rounding", group("a", 1, 0.3, almost, 0.3), group("b", 2, 0.3, 0.3, 0.3), Same, ""},
		{"the worse lost a run", group("a", 1, 3, 3.1, 2.9, nan), group("b", 2, 1, 1.1, 0.9), Better, ""},
		{"the better lost a run", group("a", 1, 3, 3.1, 2.9), group("b", 2, 1, 1.1, 0.9, nan), Inconclusive, LostRuns},
		{"the better a lost one", group("a", 1, 1, 1.1, 0.9, nan), group("b", 2, 3, 3.1, 2.9), Inconclusive, LostRuns},
		{"only NaN", group("a", 1, 1, 1.1, 0.9), group("b", 2, nan, nan, nan), Unknown, NotANumber},
	} {
		m := Compare(c.a, c.b, options).Metrics
		if len(m) != 1 || m[0].Verdict != c.want || m[0].Why != c.why {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
	mixed := group("a", 1, 1, 2, 3)
	mixed.Runs[1].Params["lr"] = 7.0
	c := Compare(mixed, group("b", 2, 9, 9.1, 9.2), options)
	if d := cmp.Diff([]string{"lr"}, c.Mixed); d != "" || c.Metrics[0].Verdict != Unknown {
		t.Errorf("%s %+v", d, c.Metrics)
	}
	c = Compare(group("a", 1, 1, 2), group("b", 2, 1, 2), options)
	if d := cmp.Diff([]Value{{"lr", 1.0, 2.0}}, c.Params); d != "" {
		t.Error(d)
	}
}

func TestCompareManifests(t *testing.T) {
	e := func(path, sum string, bytes int64) format.ManifestEntry {
		return format.ManifestEntry{Path: path, SHA256: sum, Bytes: bytes}
	}
	a := []format.ManifestEntry{
		e("changed", "1", 1), e("gone", "2", 2), e("old", "3", 3), e("old2", "3", 3), e("same", "4", 4),
	}
	b := []format.ManifestEntry{e("added", "5", 5), e("changed", "6", 6), e("new", "3", 3), e("same", "4", 4)}
	want := []FileChange{
		{Path: "added", Change: "added", Bytes: [2]int64{0, 5}},
		{Path: "changed", Change: "changed", Bytes: [2]int64{1, 6}},
		{Path: "gone", Change: "removed", Bytes: [2]int64{2, 0}},
		{Path: "new", From: "old", Change: "renamed", Bytes: [2]int64{3, 3}},
		{Path: "old2", Change: "removed", Bytes: [2]int64{3, 0}},
	}
	if d := cmp.Diff(want, CompareManifests(a, b)); d != "" {
		t.Error(d)
	}
}

// TestCurves: the thinned curves of single runs are a part of the metric.
func TestCurves(t *testing.T) {
	long := points(make([]float64, 3*CurvePoints)...)
	long[len(long)-1].Value = 7
	a := single(run(nil, metrics{"rmse": {Last: 7, Count: 1200}}))
	b := single(run(nil, metrics{"rmse": {Last: 1, Count: 2}}))
	a.Points = func(string) ([]format.Point, error) { return long, nil }
	b.Points = func(string) ([]format.Point, error) { return points(2, 1), nil }
	m := Compare(a, b, Options{}).Metrics[0]
	if n := len(m.A.Curve); n != CurvePoints || m.A.Curve[0] != long[0] || m.A.Curve[n-1] != long[len(long)-1] {
		t.Errorf("%d points of %d: %v", n, len(long), m.A.Curve)
	}
	if d := cmp.Diff(points(2, 1), m.B.Curve); d != "" {
		t.Error(d)
	}
	b.Points = func(string) ([]format.Point, error) { return nil, errors.New("not here") }
	if m := Compare(a, b, Options{}).Metrics[0]; len(m.A.Curve) != CurvePoints || m.B.Curve != nil || m.Curve != nil {
		t.Errorf("unread: %+v, %+v", m.Curve, m.B)
	}
	b.Points = nil
	if m := Compare(a, b, Options{}).Metrics[0]; m.A.Curve != nil {
		t.Errorf("without points: %v", m.A.Curve)
	}
}

func TestProblems(t *testing.T) {
	a, b := run(nil, metrics{"rmse": {Last: 1, Count: 2}}), run(nil, metrics{"rmse": {Last: 2, Count: 2}})
	a.Datasets = []format.Dataset{{Name: "d", SHA256: "x", Manifest: "m"}}
	b.Datasets = []format.Dataset{{Name: "d", SHA256: "y", Manifest: "n"}}
	x, y := single(a), single(b)
	x.Points = func(string) ([]format.Point, error) { return []format.Point{{Step: 1}, {Step: 2}}, nil }
	y.Points = func(string) ([]format.Point, error) { return []format.Point{{Step: 3}, {Step: 4}}, nil }
	x.Manifest = func(format.Dataset) ([]format.ManifestEntry, error) { return nil, errors.New("not here") }
	y.Manifest = x.Manifest
	texts := func() (list []string) {
		for _, p := range Compare(x, y, Options{Goal: goal}).Problems {
			list = append(list, p.String())
		}
		return list
	}
	want := []string{"the curves of rmse have no common step", "the files of dataset d were not compared: not here"}
	if d := cmp.Diff(want, texts()); d != "" {
		t.Error(d)
	}
	y.Points = func(string) ([]format.Point, error) { return nil, errors.New("no such file") }
	want[0] = "the curves of rmse were not compared: no such file"
	if d := cmp.Diff(want, texts()); d != "" {
		t.Error(d)
	}
	problem := Problem{Kind: SourceUnread, Err: errors.New("not here")}
	if got := problem.String(); got != "the source was not compared: not here" {
		t.Error(got)
	}
}

// TestSummaryIsAMetric: a number of the summary is compared like a metric with one point.
func TestSummaryIsAMetric(t *testing.T) {
	summary := func(values map[string]any) *format.Run {
		r := run(nil, metrics{"rmse": {Last: 1, Count: 1}})
		r.Summary = values
		return r
	}
	a, b := summary(map[string]any{"acc": int64(1), "text": "x"}), summary(map[string]any{"acc": 0.5, "text": "y"})
	c := Compare(single(a), single(b), Options{Goal: goal})
	if len(c.Metrics) != 1 || c.Metrics[0].Key != "acc" || c.Metrics[0].Verdict != Worse || c.Metrics[0].Delta != -0.5 {
		t.Errorf("%+v", c.Metrics)
	}
	if len(c.Summary) != 2 {
		t.Errorf("the summary: %+v", c.Summary)
	}
}

// TestVaryingParams: a param that varies within a group is compared as the set of its values.
func TestVaryingParams(t *testing.T) {
	group := func(values ...any) Side {
		s := Side{Group: "g"}
		for i, v := range values {
			params := map[string]any{"random_seed": int64(i), "same": "x"}
			if v != nil {
				params["lr"] = v
			}
			s.Runs = append(s.Runs, run(params, nil))
		}
		return s
	}
	nan, mixed := math.NaN(), []string{"lr"}
	several := func(values ...any) Several { return Several{Values: values} }
	lr := func(a, b any) []Value { return []Value{{"lr", a, b}} }
	for _, c := range []struct {
		a, b   Side
		strict bool
		want   []Value
		mixed  []string
	}{
		{group(0.3, 0.1, 0.3), group(0.2, 0.2), false, lr(several(0.1, 0.3), 0.2), mixed},
		{group(1.0, int64(1)), group(int64(1)), false, nil, nil},
		{group(1.0, int64(1)), group(int64(1)), true, lr(several(1.0, int64(1)), int64(1)), mixed},
		{group("b", 2.0, "a", 1.0), group(nil), false, lr(several(1.0, 2.0, "b", "a"), nil), mixed},
		{group(1.0, nil, nil), group(1.0), false, lr(Several{Values: []any{1.0}, Missing: 2}, 1.0), mixed},
		{group(1.0, 2.0), group(2.0, 1.0, 2.0), false, nil, mixed},
		{group(nan, nan), group(nan), false, nil, nil},
		{group([]any{1.0}, []any{2.0}), group([]any{1.0}), false, lr(several([]any{1.0}, []any{2.0}), []any{1.0}), mixed},
	} {
		got := Compare(c.a, c.b, Options{Strict: c.strict})
		if d := cmp.Diff(c.want, got.Params); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(c.mixed, got.Mixed); d != "" {
			t.Error(d)
		}
	}
}

// TestMembers: a run that did not finish is lost, unless it was repeated with the same seed.
func TestMembers(t *testing.T) {
	at := func(minute int, status format.Status, params map[string]any) *format.Run {
		r := run(params, nil)
		r.Status, r.Started = status, time.Unix(int64(60*minute), 0)
		return r
	}
	seed := func(v int64) map[string]any { return map[string]any{"lr": 0.1, "a": map[string]any{"np_seed": v}} }
	runs := []*format.Run{
		at(9, format.Running, seed(9)),
		at(8, format.Failed, seed(1)),                        // failed again after it finished
		at(7, format.Finished, seed(1)),                      //
		at(6, format.Killed, seed(1)),                        // repeated
		at(5, format.Finished, map[string]any{"lr": 0.1}),    //
		at(4, format.Crashed, map[string]any{"lr": 0.1}),     // nothing says that it was repeated
		at(3, format.Crashed, map[string]any{"trial": 1.0}),  //
		at(2, format.Finished, map[string]any{"trial": 1.0}), // earlier
	}
	finished, lost := Members(runs, nil)
	if d := cmp.Diff([]*format.Run{runs[2], runs[4], runs[7]}, finished); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]*format.Run{runs[0], runs[1], runs[5], runs[6]}, lost); d != "" {
		t.Error(d)
	}
}

// TestCompareTags: what programs keep in tags is no difference.
func TestCompareTags(t *testing.T) {
	a, b := run(nil, nil), run(nil, nil)
	b.Tags = map[string]string{"t": "2", format.OwnTagPrefix + "model.1": "{}"}
	if d := cmp.Diff([]Value{{"t", "1", "2"}}, Compare(single(a), single(b), Options{}).Tags); d != "" {
		t.Error(d)
	}
}
