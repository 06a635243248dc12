package mlflow

import (
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// An artifact that a program adds to a finished run, or replaces, does not change the run: it belongs to a run that
// resumes it. Reading makes none.
func TestArtifactsOfFinishedRun(t *testing.T) {
	s, r, run := newRun(t)
	madeModel(t, s, run, "model")
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	folder := func() string {
		t.Helper()
		got := call(t, s, "GET", "runs/get", map[string]any{"run_id": run})["run"].(map[string]any)
		at, err := url.Parse(got["info"].(map[string]any)["artifact_uri"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return at.Path
	}
	dir := folder()
	file := filepath.Join(dir, "models", "model", "MLmodel")
	if _, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	if ids, err := r.FinishedIDs(); err != nil || len(ids) != 1 {
		t.Fatalf("%v: reading left the runs %v", err, ids)
	}

	folder()
	for name, text := range map[string]string{file: "changed", filepath.Join(dir, "new.txt"): "new"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	entries, _, err := r.List(t.Context())
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v: the runs are %v", err, entries)
	}
	for _, e := range entries {
		want := map[string]bool{"models/model/MLmodel": true}
		if e.ID != run {
			want["new.txt"] = true
			if e.Resumes != run || e.Status != format.Finished {
				t.Errorf("the new run is %+v", e.Run)
			}
		}
		for _, a := range e.Artifacts {
			delete(want, a.Path)
		}
		if len(want) > 0 {
			t.Errorf("run %s lacks %v", e.ID, want)
		}
	}
	for _, e := range entries {
		for i := range e.Artifacts {
			if err := e.CopyArtifact(e.Artifacts[i], io.Discard); err != nil { // it verifies the digest
				t.Error(err)
			}
		}
	}
}
