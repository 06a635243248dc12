package mlflow

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// call makes a call that must succeed, and reads its answer into a map.
func call(t *testing.T, s *Service, method, path string, body map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := s.Answer(t.Context(), &Call{Method: method, Path: path, Body: data})
	var read map[string]any
	if err := json.Unmarshal(answer, &read); err != nil || status != 200 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return read
}

// A finished run that a program goes on with is one run to it, under the id that it knows, and its continuation is the
// run that records the program.
func TestResume(t *testing.T) {
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first := New(r, Options{})
	created := call(t, first, "POST", "runs/create", map[string]any{"experiment_id": "0", "run_name": "one"})
	id := created["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
	call(t, first, "POST", "runs/log-metric", map[string]any{"run_id": id, "key": "loss", "value": 0.5, "step": 0})
	if _, err := first.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}

	program, err := r.Start(t.Context(), &format.Run{Tags: map[string]string{"mine": "1"}}, format.OwnerProcess)
	if err != nil {
		t.Fatal(err)
	}
	s := New(r, Options{Program: program})
	call(t, s, "POST", "runs/update", map[string]any{"run_id": id, "status": "RUNNING"})
	call(t, s, "POST", "runs/log-metric", map[string]any{"run_id": id, "key": "loss", "value": 0.25, "step": 1})
	found := call(t, s, "POST", "runs/search", map[string]any{"experiment_ids": []string{"0"}})
	var ids []string
	for _, run := range found["runs"].([]any) {
		ids = append(ids, run.(map[string]any)["info"].(map[string]any)["run_id"].(string))
	}
	if !slices.Equal(ids, []string{id}) {
		t.Errorf("the search found %q, want only %s", ids, id)
	}
	history := call(t, s, "GET", "metrics/get-history", map[string]any{"run_id": id, "metric_key": "loss"})
	if n := len(history["metrics"].([]any)); n != 2 {
		t.Errorf("the history has %d points, want 2", n)
	}
	end, err := s.End(t.Context(), repo.Finish{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Finish(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	e, err := r.ReadFinished(program.ID)
	if err != nil || e.Resumes != id || e.Name != "one" || e.Tags["mine"] != "1" {
		t.Errorf("%v: %+v", err, e)
	}
}

// A long name of a run is cut to what a record can hold, between two characters: it stops no program.
func TestLongName(t *testing.T) {
	s, _, _ := newRun(t)
	made := call(t, s, "POST", "runs/create", map[string]any{"experiment_id": "0", "run_name": strings.Repeat("xü", 200)})
	name := made["run"].(map[string]any)["info"].(map[string]any)["run_name"].(string)
	if want := strings.Repeat("xü", format.MaxKeyBytes/3) + "x"; name != want {
		t.Errorf("the name has %d bytes: %s", len(name), name)
	}
}
