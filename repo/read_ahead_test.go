package repo

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gitruns/runs/repo/git"
)

// TestReadAhead: reading a file of every run, newest first, takes few requests, each object is asked for once, and
// reading one file fetches one.
func TestReadAhead(t *testing.T) {
	var files []git.Entry
	for i := range 10_000 {
		dir := fmt.Sprintf("2026-01-01/20260101-%06d-aaaaaaaa/", i)
		files = append(files, git.Entry{Path: dir + MetricsName, ID: fmt.Sprint("m", i)},
			git.Entry{Path: dir + "artifacts/model.pt", ID: fmt.Sprint("a", i)})
	}
	a := &readAhead{files: func() []git.Entry { return files }}
	asked := map[string]bool{}
	requests := 0
	for i, f := range slices.Backward(files) {
		if i%2 == 1 { // artifacts are not read
			continue
		}
		ids := a.with(f)
		if len(ids) == 0 {
			continue
		}
		if requests++; requests == 1 && len(ids) != 1 {
			t.Errorf("the first request is for %d files", len(ids))
		}
		for _, id := range ids {
			if asked[id] || id[0] != 'm' {
				t.Fatalf("asked for %s", id)
			}
			asked[id] = true
		}
	}
	if len(asked) != 10_000 || requests > 16 {
		t.Errorf("%d requests for %d files", requests, len(asked))
	}
}

// TestAheadKind tells files that are read together.
func TestAheadKind(t *testing.T) {
	for file, want := range map[string]string{
		"2026-01-01/20260101-000000-aaaaaaaa/metrics.parquet":   "metrics.parquet",
		"2026-01-01/20260101-000000-aaaaaaaa/artifacts/a/b.png": "artifacts/",
		"2026-01-01/20260101-000000-aaaaaaaa/notes/x.toml":      "notes/",
		"sources/x.patch": "sources",
		"config.toml":     ".",
	} {
		if got := aheadKind(file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
