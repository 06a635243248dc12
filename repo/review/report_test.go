package review

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// branch commits the runs that there are on main, and goes to a branch of it.
func (p *project) branch() {
	p.Helper()
	p.Git("add", "-A", "-f", ".runs")
	p.Git("commit", "-q", "-m", "runs")
	p.Git("switch", "-q", "-c", "feature")
}

func (p *project) review(o Request) *Report {
	p.Helper()
	v, err := Review(p.Context(), p.open(), o)
	if err != nil {
		p.Fatal(err)
	}
	return v
}

// findings are those of a report in short, with the name of the run.
func findings(v *Report) []string {
	var list []string
	for _, f := range v.Findings {
		text := fmt.Sprintf("%d %s%s %d/%d", f.Kind, f.Name, f.Path, f.Count, f.Of)
		if f.Run != nil {
			text = f.Run.Name + " " + text
		}
		for _, r := range f.Lost {
			text += ", " + r.Run.Name + " " + string(r.Why)
		}
		list = append(list, text)
	}
	return list
}

func found(v *Report, kind Kind) []Finding {
	return slices.DeleteFunc(slices.Clone(v.Findings), func(f Finding) bool { return f.Kind != kind })
}

func TestReview(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "older", Params: format.Params{"lr": 9.0}}, series{"rmse": {5}})
	p.add(format.Run{Name: "base"}, series{"rmse": {3, 2}})
	p.branch()
	first := p.add(format.Run{Name: "tuned", Params: format.Params{"lr": 2.0}}, series{"rmse": {3, 1, 1.5}})
	p.add(format.Run{Name: "worse", Params: format.Params{"lr": 3.0}}, series{"rmse": {4}})
	p.add(format.Run{Name: "acc only"}, series{"acc": {1}})
	p.add(format.Run{Name: "nan"}, series{"rmse": {math.NaN()}})
	p.add(format.Run{Name: "broken", Status: format.Failed}, series{"rmse": {0}})
	p.add(format.Run{Name: "again", Reproduces: first}, series{"rmse": {0}})
	v := p.review(Request{Base: "main"})
	if v.Base != "main" || v.Metric != "rmse" || v.Goal != "min" || names(v.Baseline) != "base" || v.Runs() != 2 {
		t.Fatalf("%+v", v)
	}
	var groups []string
	for _, g := range v.Groups {
		groups = append(groups, fmt.Sprintf("%s %v %s %v", names(g.Side), g.Mean, g.Compared.Verdict, g.Compared.Delta))
	}
	if d := cmp.Diff([]string{"tuned 1.5 better -0.5", "worse 4 worse 2"}, groups); d != "" {
		t.Error(d)
	}
	want := []string{
		fmt.Sprintf("%d  1/0, broken failed", Unsuccessful), fmt.Sprintf("%d rmse 1/0", WithoutMetric),
		fmt.Sprintf("%d rmse 1/0, nan NaN", NotFinite),
	}
	if d := cmp.Diff(want, findings(v)); d != "" {
		t.Error(d)
	}
	if len(v.Curves[0]) != 2 || len(v.Curves[1]) != 3 || v.Curves[1][1].Value != 1 {
		t.Errorf("curves: %v", v.Curves)
	}
	if m := v.Comparison.Metrics; len(m) != 1 || m[0].Verdict != diff.Better || m[0].Curve == nil {
		t.Errorf("%+v", m)
	}

	if v := p.review(Request{Base: "main", Baseline: "older"}); names(v.Baseline) != "older" ||
		v.Groups[0].Compared.Delta != -3.5 {
		t.Errorf("with a baseline: %+v", v)
	}
	v = p.review(Request{Base: "main", Metric: "acc"})
	if v.Goal != "max" || v.Baseline != nil || v.Comparison != nil || len(v.Groups) != 1 || v.Groups[0].Compared != nil {
		t.Errorf("by a metric that the base does not have: %+v", v)
	}
	p.Git("switch", "-q", "main")
	if v := p.review(Request{Base: "feature"}); v.Runs() != 2 {
		t.Errorf("runs that are not committed belong to the branch that is checked out: %+v", v)
	}
}

func TestReviewErrors(t *testing.T) {
	p := newProject(t, "")
	p.add(format.Run{Name: "a"}, series{"x": {1}})
	p.branch()
	p.add(format.Run{Name: "b"}, series{"acc": {1}})
	for _, x := range []struct {
		o    Request
		want string
	}{
		{Request{Base: "main"}, "reviewing: no primary metric is set"},
		{Request{Base: "main", Metric: "x"}, "reviewing: x has no goal"},
		{Request{Base: "nowhere", Metric: "acc"}, "nowhere"},
		{Request{Base: "main", Metric: "acc", Baseline: "nowhere"}, "nowhere"},
		{Request{Base: "main", Metric: "acc", Baseline: "a"}, "reviewing: the baseline a has no acc"},
	} {
		if _, err := Review(t.Context(), p.open(), x.o); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v, want %s", x.o, err, x.want)
		}
	}
}

// TestReviewReplicates: runs that differ only in their seed are one group, and a mixed order of values does not matter.
func TestReviewReplicates(t *testing.T) {
	p := newProject(t, goals)
	seed := func(name string, seed int64, lr, acc float64) {
		p.add(format.Run{Name: name, Params: format.Params{"seed": seed, "lr": lr}}, series{"acc": {acc}})
	}
	for i, acc := range []float64{0.5, 0.51, 0.52} {
		seed(fmt.Sprintf("base%d", i), int64(i), 1, acc)
	}
	p.branch()
	seed("small0", 0, 2, 0.6)
	seed("large0", 0, 3, 0.9)
	seed("large1", 1, 3, 0.91)
	seed("large2", 2, 3, 0.92)
	v := p.review(Request{Base: "main", Metric: "acc"})
	if len(v.Groups) != 2 || names(v.Groups[0].Side) != "large2 large1 large0" || v.Groups[0].Group != "large2" ||
		v.Groups[1].Group != "" {
		t.Fatalf("%+v", v.Groups)
	}
	if m := v.Groups[0].Compared; m.Verdict != diff.Better || m.B.N != 3 || m.A.N != 3 || m.Interval == nil {
		t.Errorf("%+v", m)
	}
	if m := v.Groups[1].Compared; m.Verdict != diff.Inconclusive || m.Why != diff.TooFewRuns {
		t.Errorf("%+v", m)
	}
	if f := found(v, FewerRuns); len(f) > 0 {
		t.Errorf("%+v", f)
	}
	if v.Curves[0] != nil {
		t.Errorf("curves of one point: %v", v.Curves)
	}
}

// TestReviewFindings: what a reviewer must know of the best run.
func TestReviewFindings(t *testing.T) {
	digest := func(c string) string { return strings.Repeat(c, 64) }
	p := newProject(t, goals)
	p.add(format.Run{Name: "base", Datasets: []format.Dataset{{Name: "d", SHA256: digest("1")}}}, series{"rmse": {2}})
	p.branch()
	s := p.source()
	s.Dirty, s.Omitted = true, []format.Omitted{{Path: "x", Bytes: 1, Reason: "too large"}}
	p.add(
		format.Run{Name: "best", Source: s, Datasets: []format.Dataset{
			{Name: "d", SHA256: digest("2")}, {Name: "e", Path: "data/e", SHA256: digest("2"), Noticed: format.RoadPython},
		}, Trace: &format.Trace{Road: format.RoadPython, Problems: []string{"data/x changed"}}},
		series{"rmse": {1}},
	)
	damaged := p.add(format.Run{Name: "damaged"}, nil)
	p.Commit("later", map[string]string{"train.py": "2\n"})
	record := filepath.Join(p.Path(".runs"), "2026-11-23", damaged, "run.toml")
	if err := os.WriteFile(record, []byte("?"), 0o666); err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprintf("%d  0/0", Damaged),
		fmt.Sprintf("best %d  0/0", Uncommitted),
		fmt.Sprintf("best %d  0/0", NotRestorable),
		fmt.Sprintf("best %d  0/0", InputsUnknown),
		fmt.Sprintf("%d d 0/0", OtherData),
		fmt.Sprintf("best %d train.py 1/0", CodeChanged),
	}
	if d := cmp.Diff(want, findings(p.review(Request{Base: "main"}))); d != "" {
		t.Error(d)
	}
}

// TestReviewOfARunsBranch: if all runs are on one branch, the code that a run has recorded says whose it is.
func TestReviewOfARunsBranch(t *testing.T) {
	p := newProject(t, goals+"[commit]\nbranch = \"runs\"\n")
	p.Git("add", "-f", ".runs/config.toml")
	p.Git("commit", "-q", "-m", "config")
	p.add(format.Run{Name: "base"}, series{"rmse": {2}})
	p.Git("switch", "-q", "-c", "feature")
	p.add(format.Run{Name: "same commit"}, series{"rmse": {1.5}})
	p.Commit("work", map[string]string{"train.py": "2\n"})
	p.add(format.Run{Name: "new commit", Params: format.Params{"lr": 1.0}}, series{"rmse": {1}})
	s := p.source()
	p.Git("switch", "-q", "-c", "other", "main")
	p.Commit("elsewhere", map[string]string{"train.py": "3\n"})
	p.add(format.Run{Name: "of another branch"}, series{"rmse": {0}})
	p.Git("switch", "-q", "feature")
	s.Branch = "renamed"
	p.add(format.Run{Name: "by commit", Source: s, Params: format.Params{"lr": 2.0}}, series{"rmse": {1.25}})
	p.add(format.Run{Name: "no source", Source: &format.Source{Branch: "elsewhere"}}, series{"rmse": {0}})
	v := p.review(Request{Base: "main"})
	var got []string
	for _, g := range v.Groups {
		got = append(got, names(g.Side))
	}
	if d := cmp.Diff([]string{"new commit", "by commit", "same commit"}, got); d != "" || names(v.Baseline) != "base" {
		t.Errorf("%s, baseline %v", d, v.Baseline)
	}
}

// TestReviewOfManyGroups: groups share the level, and lost runs are named and never win.
func TestReviewOfManyGroups(t *testing.T) {
	p := newProject(t, goals)
	group := func(lr float64, values ...float64) {
		for i, v := range values {
			status := format.Finished
			if v < 0 {
				status, v = format.Crashed, -v
			}
			name := fmt.Sprintf("lr%v-%d", lr, i)
			p.add(format.Run{Name: name, Params: format.Params{"seed": int64(i), "lr": lr}, Status: status}, series{"rmse": {v}})
		}
	}
	group(1, 1, 1.1, 0.9)
	p.branch()
	group(2, 0.5, 0.7, 0.6) // better on its own
	verdict := func(v *Report, lr float64) string {
		for _, g := range v.Groups {
			if g.Entries[0].Params["lr"] == lr {
				return string(g.Compared.Verdict) + " " + string(g.Compared.Why)
			}
		}
		return "none"
	}
	if got := verdict(p.review(Request{Base: "main"}), 2); got != "better " {
		t.Errorf("alone: %s", got)
	}
	for lr := 3.0; lr < 9; lr++ {
		group(lr, 1.2, 1, 0.9)
	}
	v := p.review(Request{Base: "main"})
	if got := verdict(v, 2); got != "inconclusive no difference shown by Holm" {
		t.Errorf("one of many: %s", got)
	}
	if m := v.Comparison.Metrics[0]; m.Verdict != diff.Inconclusive || m.Why != diff.NotAmongMany {
		t.Errorf("the best group: %+v", m)
	}
	group(10, 0.1, 0.11, 0.1, -0.1, math.NaN())
	v = p.review(Request{Base: "main"})
	if got := verdict(v, 10); got != "inconclusive lost runs" || v.Groups[0].N != 3 || len(v.Groups[0].Lost) != 2 {
		t.Errorf("with lost runs: %s, %+v", got, v.Groups[0])
	}
	want := []string{fmt.Sprintf("%d lr10-4 0/5, lr10-4 NaN, lr10-3 crashed", LostRuns)}
	v.Findings = found(v, LostRuns)
	if d := cmp.Diff(want, findings(v)); d != "" {
		t.Error(d)
	}
}
