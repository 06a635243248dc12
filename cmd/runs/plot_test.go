package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func TestAlongMetric(t *testing.T) {
	point := func(step int64, v float64) format.Point { return format.Point{Step: step, Value: v} }
	steps := []format.Point{point(1, 10), point(3, 30), point(5, 20), point(6, math.NaN())}
	kept, at := alongMetric([]format.Point{point(0, 1), point(1, 2), point(2, 3), point(4, 4), point(5, 5), point(6, 6)}, steps)
	var values []float64
	for _, p := range kept {
		values = append(values, p.Value)
	}
	if d := cmp.Diff([]float64{2, 3, 5, 4}, values) + cmp.Diff([]float64{10, 10, 20, 30}, at); d != "" {
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
		if got := stepMetric(c.entries, "loss"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
