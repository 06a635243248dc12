package repo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// TestComparePatchesSaysWhatTheTreesSay compares generated sources both ways.
func TestComparePatchesSaysWhatTheTreesSay(t *testing.T) {
	fast := 0
	for seed := range uint64(12) {
		p, _ := newProject(t, seed*15+3) // with a remote
		r, _, err := Init(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		var runs []*format.Run
		for range 3 {
			run := &format.Run{ID: format.NewID(now())}
			if _, err := r.Origin(t.Context(), run, OriginRequest{Dir: p.dir}); err != nil {
				t.Fatal(err)
			}
			runs = append(runs, run)
			for range 2 {
				p.step()
			}
		}
		for i, a := range runs {
			for _, b := range runs[i+1:] {
				if a.Source.Tree == b.Source.Tree {
					continue
				}
				quick, ok := comparePatches(t.Context(), r, a.Source, r, b.Source)
				exact, err := CompareSources(t.Context(), r, a, r, b, true)
				if err != nil {
					t.Fatal(err)
				}
				exact.Close()
				if !ok {
					continue
				}
				fast++
				if d := cmp.Diff(exact.Files, quick); d != "" {
					t.Errorf("seed %d (-trees +patches):\n%s", seed, d)
				}
			}
		}
	}
	if fast < 5 {
		t.Errorf("only %d pairs were compared by their patches", fast)
	}
}
