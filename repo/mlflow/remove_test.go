package mlflow

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// A finished run that was removed can be read as deleted until it is restored.
func TestRemovedRun(t *testing.T) {
	s, _, run := newRun(t)
	call(t, s, "POST", "runs/log-parameter", map[string]any{"run_id": run, "key": "lr", "value": "0.1"})
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	stage := func() any {
		t.Helper()
		got := call(t, s, "GET", "runs/get", map[string]any{"run_id": run})["run"].(map[string]any)
		if n := len(got["data"].(map[string]any)["params"].([]any)); n != 1 {
			t.Errorf("the run has %d params", n)
		}
		return got["info"].(map[string]any)["lifecycle_stage"]
	}
	if got := stage(); got != "active" {
		t.Errorf("before: %v", got)
	}
	call(t, s, "POST", "runs/delete", map[string]any{"run_id": run})
	if got := stage(); got != "deleted" {
		t.Errorf("deleted: %v", got)
	}
	call(t, s, "POST", "runs/restore", map[string]any{"run_id": run})
	if got := stage(); got != "active" {
		t.Errorf("restored: %v", got)
	}
}

// A program that is run again, to reproduce a run, does not remove what was recorded before.
func TestReproductionRemovesNothing(t *testing.T) {
	first, r, run := newRun(t)
	if _, err := first.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	program, err := r.Start(t.Context(), &format.Run{Reproduces: run}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	s := New(r, Options{Program: program})
	ask := &Call{Method: "POST", Path: "runs/delete", Body: []byte(`{"run_id":"` + run + `"}`)}
	if status, text := s.Answer(t.Context(), ask); status != 400 || !strings.Contains(string(text), "recorded earlier") {
		t.Errorf("%d %s", status, text)
	}
	if _, err := r.ReadFinished(run); err != nil {
		t.Error(err)
	}
}

// A model without a run gets one, which ends well when the model is there.
func TestModelWithoutRun(t *testing.T) {
	s, r, run := newRun(t)
	id := madeModel(t, s, "", "free")
	of, _, err := modelPlace(id)
	if err != nil || of == run {
		t.Fatalf("the model is %s: %v", id, err)
	}
	call(t, s, "PATCH", "logged-models/"+id, map[string]any{"status": "LOGGED_MODEL_READY"})
	got := call(t, s, "GET", "runs/get", map[string]any{"run_id": of})["run"].(map[string]any)
	if info := got["info"].(map[string]any); info["status"] != "FINISHED" || info["run_name"] != "free" {
		t.Errorf("%v", info)
	}
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	if e, err := r.ReadFinished(of); err != nil || len(e.Artifacts) != 1 {
		t.Errorf("%v, %+v", err, e)
	}
}
