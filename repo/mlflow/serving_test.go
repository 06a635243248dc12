package mlflow

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// served makes a call of a process that must succeed.
func served(t *testing.T, s *Service, pid int, path string, body map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := s.Answer(t.Context(), &Call{Method: "POST", Path: path, Body: data, PID: pid})
	var read map[string]any
	if err := json.Unmarshal(answer, &read); err != nil || status != 200 {
		t.Fatalf("%s: %d %s", path, status, answer)
	}
	return read
}

func servedRun(t *testing.T, s *Service, pid int) string {
	t.Helper()
	run := served(t, s, pid, "runs/create", map[string]any{"experiment_id": "0"})
	return run["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
}

func statusNow(t *testing.T, r *repo.Repository, id string) format.Status {
	t.Helper()
	e, err := r.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Status
}

// A run belongs to the process that began it. It is finished when MLflow has ended it, with MLflow's status, and as
// crashed if its process dies before. A later service goes on with the runs of a process.
func TestServing(t *testing.T) {
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Skipf("no program to run: %v", err)
	}
	me, dying := os.Getpid(), other.Process.Pid
	s := New(r, Options{})
	ended, died, kept := servedRun(t, s, me), servedRun(t, s, dying), servedRun(t, s, me)
	_ = other.Process.Kill()
	_ = other.Wait()
	served(t, s, me, "runs/log-metric", map[string]any{"run_id": kept, "key": "loss", "value": 1, "step": 0})
	served(t, s, me, "runs/update", map[string]any{"run_id": ended, "status": "FAILED", "end_time": 1764000000000})
	if open, err := s.Sweep(t.Context()); err != nil || open != 2 { // the one that has just ended settles
		t.Fatalf("%d open, %v", open, err)
	}
	if got := statusNow(t, r, died); got != format.Crashed {
		t.Errorf("a run whose process died is %s", got)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := statusNow(t, r, ended); got != format.Failed {
		t.Errorf("a run that MLflow ended is %s", got)
	}
	if got := statusNow(t, r, kept); got != format.Running {
		t.Errorf("a run in progress is %s after the service has ended", got)
	}

	s = New(r, Options{})
	body := map[string]any{"run_id": kept, "key": "loss", "value": 0.5, "step": 1}
	data, _ := json.Marshal(body)
	for _, pid := range []int{0, 1} {
		if status, answer := s.Answer(t.Context(), &Call{
			Method: "POST", Path: "runs/log-metric", Body: data, PID: pid,
		}); status != 400 {
			t.Errorf("another process writes to the run: %d %s", status, answer)
		}
	}
	served(t, s, me, "runs/log-metric", body)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = New(r, Options{})
	served(t, s, me, "runs/update", map[string]any{"run_id": kept, "status": "FINISHED", "end_time": 1764000000000})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := r.Read(t.Context(), kept)
	if err != nil || e.Status != format.Finished || e.Metrics["loss"].Count != 2 {
		t.Errorf("%+v, %v", e, err)
	}

	// Writing to it resumes it. The continuation ends by itself, as the run had ended.
	s = New(r, Options{})
	served(t, s, me, "runs/log-metric", map[string]any{"run_id": ended, "key": "loss", "value": 1, "step": 0})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if active, err := os.ReadDir(filepath.Join(r.Dir, "active")); err != nil || len(active) != 1 { // .gitignore
		t.Errorf("%v in progress, %v", active, err)
	}
}

// What a process writes to a journal of its own is read when it is asked for.
func TestDirect(t *testing.T) {
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, me := New(r, Options{}), os.Getpid()
	id := servedRun(t, s, me)
	served(t, s, me, "runs/set-tag", map[string]any{"run_id": id, "key": "gone", "value": "x"})
	served(t, s, me, "runs/delete-tag", map[string]any{"run_id": id, "key": "gone"})
	direct := served(t, s, me, "gitruns/journal", map[string]any{"run_id": id})
	if removed := direct["removed"].([]any); len(removed) != 1 || direct["host"] != repo.Host() {
		t.Errorf("%v", direct)
	}
	lines := `{"t":1764000000,"step":3,"m":{"loss":0.5}}
{"t":1764000001,"step":2,"m":{"loss":0.75},"p":{"lr":0.1},"tags":{"a":"b"}}
`
	path := filepath.Join(direct["dir"].(string), "journal-x-1-y.jsonl")
	if err := os.WriteFile(path, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	ask := []byte(`{"run_id":"` + id + `"}`)
	status, answer := s.Answer(t.Context(), &Call{Method: "GET", Path: "runs/get", Body: ask})
	var got struct {
		Run struct {
			Data dataJSON `json:"data"`
		} `json:"run"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	d := got.Run.Data
	if len(d.Metrics) != 1 || d.Metrics[0].Value != 0.5 || d.Metrics[0].Step != 3 || len(d.Params) != 1 ||
		d.Params[0] != (tagJSON{"lr", "0.1"}) || len(d.Tags) != 2 || d.Tags[0] != (tagJSON{"a", "b"}) {
		t.Errorf("%s", answer)
	}
	changed := []byte(`{"run_id":"` + id + `","key":"lr","value":"0.2"}`)
	if status, answer := s.Answer(t.Context(), &Call{
		Method: "POST", Path: "runs/log-parameter", Body: changed, PID: me,
	}); status != 400 {
		t.Errorf("a param of the journal is changed: %d %s", status, answer)
	}
	served(t, s, me, "runs/delete-tag", map[string]any{"run_id": id, "key": "a"})
	served(t, s, me, "runs/update", map[string]any{"run_id": id, "status": "FINISHED", "end_time": time.Now().UnixMilli()})
	if err := os.WriteFile(path, []byte(lines+`{"t":1764000002,"event":"end"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := r.Read(t.Context(), id)
	if err != nil || e.Status != format.Finished || e.Metrics["loss"].Count != 2 || len(e.Tags) != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}
