package review

import (
	"testing"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

func TestCompareReproduction(t *testing.T) {
	p := newProject(t, goals)
	p.add(
		format.Run{Name: "first", Machine: &format.Machine{CPU: "x"}},
		series{"same": {1, 2}, "near": {1, 2}, "far": {1, 2}, "old": {7}},
	)
	p.add(
		format.Run{Name: "again", Machine: &format.Machine{CPU: "y"}},
		series{"same": {1, 2}, "near": {1, 2.000001}, "far": {1, 3}, "new": {8}},
	)
	p.add(format.Run{Name: "near"}, series{"same": {1, 2}, "near": {1, 2.000001}})
	p.add(format.Run{Name: "none"}, nil)
	c := p.open()
	compare := func(of, run string) *Reproduction {
		t.Helper()
		got, err := CompareReproduction(t.Context(), p.side(c, of).Entries[0], p.side(c, run).Entries[0], 1e-6)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := compare("first", "again")
	want := map[string]diff.Sameness{
		"same": diff.Identical,
		"near": diff.Within,
		"far":  diff.Different,
		"old":  diff.Missing,
		"new":  diff.New,
	}
	for _, m := range got.Metrics {
		if m.Series.Sameness != want[m.Key] {
			t.Errorf("%s: %v, want %v", m.Key, m.Series.Sameness, want[m.Key])
		}
		if (m.A == nil) != (m.Key == "new") || (m.B == nil) != (m.Key == "old") {
			t.Errorf("%s: last %v and %v", m.Key, m.A, m.B)
		}
	}
	if len(got.Metrics) != len(want) || got.Different() != 2 || got.Missing() != 1 ||
		got.Sameness() != diff.New || len(got.Machine) != 1 {
		t.Errorf("%+v", got)
	}
	if got := compare("near", "near"); got.Different() != 0 || got.Sameness() != diff.Identical {
		t.Errorf("with itself: %+v", got)
	}
	if got := compare("none", "none"); len(got.Metrics) != 0 || got.Different() != 0 || got.Sameness() != diff.Identical {
		t.Errorf("without metrics: %+v", got)
	}
	within, err := CompareReproduction(t.Context(), p.side(c, "first").Entries[0], p.side(c, "near").Entries[0], 1)
	if err != nil || within.Different() != 0 || within.Missing() != 2 {
		t.Errorf("%+v, %v", within, err)
	}
}
