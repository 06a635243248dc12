package view

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view/curve"
)

// openExport opens a view of all runs for an export.
func openExport(t *testing.T, r *repo.Repository, o ExportOptions) *View {
	t.Helper()
	v, err := Open(t.Context(), r, Options{Export: &o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// What an export leaves out is in no list of the view, and is counted.
func TestExportLimits(t *testing.T) {
	r := setup(t)
	var ids []string
	for i := range 4 {
		e := lossRun(t, r, &format.Run{Name: strconv.Itoa(i), Parent: slices.Concat(ids, []string{""})[0]}, "0=1")
		ids = append(ids, e.ID)
	}
	for _, c := range []struct {
		o       ExportOptions
		runs    int
		left    int
		metrics []string // left out
	}{
		{ExportOptions{}, 4, 0, nil},
		{ExportOptions{MaxRuns: 3}, 3, 1, nil},
		{ExportOptions{IDs: ids[:1]}, 1, 0, nil},
		{ExportOptions{IDs: []string{}}, 0, 0, nil},
		{ExportOptions{Metrics: regexp.MustCompile("^l")}, 4, 0, []string{"epoch"}},
		{ExportOptions{MaxRuns: 1, Metrics: regexp.MustCompile("x")}, 1, 3, []string{"epoch", "loss"}},
	} {
		v := openExport(t, r, c.o)
		left := v.LeftOut()
		if got := len(v.Entries()); got != c.runs || left.Runs != c.left || !slices.Equal(left.Metrics, c.metrics) {
			t.Errorf("%+v: %d runs, left out %+v", c.o, got, left)
		}
		list, err := v.CurveMetrics(t.Context(), nil)
		if want := 2 - len(c.metrics); err != nil || c.runs > 0 && len(list) != want {
			t.Errorf("%+v: the metrics are %v, %v", c.o, list, err)
		}
		for _, e := range v.Entries() {
			run, err := v.Run(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			if len(run.Metrics) != 2-len(c.metrics) {
				t.Errorf("%+v: the run has %d metrics", c.o, len(run.Metrics))
			}
			for _, link := range run.Links {
				known := slices.ContainsFunc(v.Entries(), func(e *repo.Entry) bool { return e.ID == link.ID })
				if !known && link.Status != "" {
					t.Errorf("%+v: a run that is left out is described: %+v", c.o, link)
				}
			}
		}
	}
}

// A few runs are compared each with each, of more the best with the newest.
func TestExportPairs(t *testing.T) {
	r := setup(t)
	if n := len(openExport(t, r, ExportOptions{}).ExportPairs(t.Context())); n != 0 {
		t.Errorf("%d pairs of no runs", n)
	}
	var ids []string
	for i := range allPairs + 2 {
		e := lossRun(t, r, &format.Run{}, fmt.Sprintf("0=%d", (i+3)%(allPairs+2)))
		ids = append(ids, e.ID)
		pairs := openExport(t, r, ExportOptions{}).ExportPairs(t.Context())
		want := (i + 1) * i
		if i >= allPairs {
			want = i
		}
		if len(pairs) != want {
			t.Errorf("%d runs have %d pairs, want %d", i+1, len(pairs), want)
		}
	}
	best := ids[allPairs-1] // its loss is 0
	for _, pair := range openExport(t, r, ExportOptions{}).ExportPairs(t.Context()) {
		if pair[0] != best || pair[1] == best {
			t.Errorf("the pair is %v, the best run is %s", pair, best)
		}
	}
}

// Curves with few points are whole, others have about as many as asked for.
func TestExportCurves(t *testing.T) {
	r := setup(t)
	var points []string
	for i := range 100 {
		points = append(points, fmt.Sprintf("%d=%d", i, i%7))
	}
	lossRun(t, r, &format.Run{}, points...)
	lossRun(t, r, &format.Run{}, "0=1", "50=2")
	v := openExport(t, r, ExportOptions{})
	for _, c := range []struct{ points, cells int }{{100, 100}, {51, 100}, {50, 50}, {10, 10}, {1, 1}} {
		answer, err := v.ExportCurves(t.Context(), "loss", c.points)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := readCurves(t, answer)
		long := slices.IndexFunc(h.Curves, func(l *curve.Line) bool { return l.All == 100 })
		if len(h.Curves) != 2 || long < 0 || h.Curves[long].Cells != c.cells || !h.Curves[long].Times {
			t.Errorf("%d points: %d curves, %+v", c.points, len(h.Curves), h.Curves[max(long, 0)])
		}
	}
}
