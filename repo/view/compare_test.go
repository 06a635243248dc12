package view

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// record adds a finished run with one metric.
func (w *watched) record(run format.Run, loss ...float64) string {
	w.t.Helper()
	a, err := w.repo.Start(w.t.Context(), &run, format.OwnerDetached)
	if err != nil {
		w.t.Fatal(err)
	}
	for step, v := range loss {
		line := &format.Line{
			HasStep: true, Step: int64(step), Metrics: []format.MetricValue{{Key: "loss", Value: v}},
		}
		if err := a.AppendShared(line); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := a.Finish(w.t.Context(), repo.Finish{Status: format.Finished}); err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// A chain of resumed runs is one side, by whichever part it is named, and only the newest part is shown.
func TestCompareChain(t *testing.T) {
	w := watch(t, Options{}, "other")
	w.record(format.Run{Name: "a"}, 2)
	first := w.record(format.Run{Name: "b1", Group: "g"}, 1)
	second := w.record(format.Run{Name: "b2", Group: "g", Resumes: first}, 3, 4)
	w.open(Options{})
	for _, c := range []struct {
		b    string
		best float64
		why  diff.Verdict
	}{
		{"b2", 3, diff.Worse},
		{"b1", 1, diff.Better},
		{"group=g", 3, diff.Inconclusive},
		{WherePrefix + "group = g", 3, ""},
	} {
		got, err := w.view.Compare(t.Context(), CompareRequest{Sides: []string{"a", c.b}})
		if err != nil || len(got.Pairs) != 1 || len(got.Pairs[0].Metrics) != 1 {
			t.Fatalf("%s: %+v, %v", c.b, got, err)
		}
		m := got.Pairs[0].Metrics[0]
		if m.B.Best != c.best || c.why != "" && m.Verdict != c.why {
			t.Errorf("%s: best %v, %s, want %+v", c.b, m.B.Best, m.Verdict, c)
		}
		if c.b != "b1" && !got.Shown[second] || got.Shown[first] {
			t.Errorf("%s: shown are %v", c.b, got.Shown)
		}
	}
}

// Comparisons run next to each other and to changes of the runs.
func TestCompareAtOnce(t *testing.T) {
	w := watch(t, Options{})
	for i := range 6 {
		w.record(format.Run{Name: fmt.Sprint("r", i), Params: format.Params{"i": int64(i % 2)}}, float64(i), 1)
	}
	w.git.Git("add", "-A", "-f", ".runs")
	w.git.Commit("runs", nil)
	w.open(Options{})
	var jobs sync.WaitGroup
	for i := range 8 {
		jobs.Go(func() {
			sides := []string{"r0", fmt.Sprint("r", i%5+1), "HEAD:r1", WherePrefix + "params.i = 1", "best=loss"}
			c, err := w.view.Compare(t.Context(), CompareRequest{Sides: sides[:2+i%4]})
			if err != nil || len(c.Missing) > 0 {
				t.Errorf("%v, %+v", err, c)
			}
			if err := w.view.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	jobs.Wait()
}

func TestCompareMissing(t *testing.T) {
	w := watch(t, Options{}, "a", "b")
	c, err := w.view.Compare(t.Context(), CompareRequest{
		Sides: []string{
			"a", "nope", "", WherePrefix, WherePrefix + "params.x >", WherePrefix + "params.x = 1", "nope:last", "b",
		},
	})
	if err != nil || len(c.Sides) != 2 || len(c.Pairs) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	want := []string{"no run has", "empty", "empty", "expected", "no run matches", "no such revision"}
	if len(c.Missing) != len(want) {
		t.Fatalf("missing are %+v", c.Missing)
	}
	for i, m := range c.Missing {
		if !strings.Contains(m.Err.Error(), want[i]) {
			t.Errorf("%q: %v, want %s", m.Selector, m.Err, want[i])
		}
	}
}
