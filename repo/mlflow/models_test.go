package mlflow

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
)

func pairsOf(texts ...string) (list []any) {
	for i := 0; i < len(texts); i += 2 {
		list = append(list, map[string]string{"key": texts[i], "value": texts[i+1]})
	}
	return list
}

// status makes a call and returns the status of its answer.
func status(s *Service, t *testing.T, c *Call) int {
	t.Helper()
	status, _ := s.Answer(t.Context(), c)
	return status
}

// madeModel makes a model of a run, with a file, and returns its id.
func madeModel(t *testing.T, s *Service, run, name string) string {
	t.Helper()
	made := call(t, s, "POST", "logged-models", map[string]any{
		"experiment_id": "0", "source_run_id": run, "name": name, "model_type": "classifier",
		"params": pairsOf("lr", "0.1", "own", "x"), "tags": pairsOf("stage", "new"),
	})
	info := made["model"].(map[string]any)["info"].(map[string]any)
	at, err := url.Parse(info["artifact_uri"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at.Path, "MLmodel"), []byte("flavors: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return info["model_id"].(string)
}

// foundModels returns the ids of the models that a search finds.
func foundModels(t *testing.T, s *Service, query map[string]any) []string {
	t.Helper()
	query["experiment_ids"] = []string{"0"}
	ids := []string{}
	models, _ := call(t, s, "POST", "logged-models/search", query)["models"].([]any)
	for _, m := range models {
		ids = append(ids, m.(map[string]any)["info"].(map[string]any)["model_id"].(string))
	}
	return ids
}

// A model can be read, found and changed while its run is open, and when it has ended.
func TestModels(t *testing.T) {
	s, r, run := newRun(t)
	call(t, s, "POST", "runs/log-parameter", map[string]any{"run_id": run, "key": "lr", "value": "0.1"})
	first, second := madeModel(t, s, run, "model"), madeModel(t, s, run, "model")
	if first != "m-"+run || second != "m-"+run+"-2" {
		t.Fatalf("the models are %s and %s", first, second)
	}
	call(t, s, "PATCH", "logged-models/"+first, map[string]any{"model_id": first, "status": "LOGGED_MODEL_READY"})
	call(t, s, "POST", "runs/outputs", map[string]any{
		"run_id": run, "models": []any{map[string]any{"model_id": first, "step": "7"}},
	})
	point := func(model, dataset, digest string, v float64, step int) map[string]any {
		return map[string]any{
			"key": "acc", "value": v, "timestamp": 1764000000000, "step": step, "model_id": model, "dataset_name": dataset,
			"dataset_digest": digest,
		}
	}
	call(t, s, "POST", "runs/log-batch", map[string]any{"run_id": run, "metrics": []any{
		map[string]any{"key": "acc", "value": 0.5, "timestamp": 1764000000000, "step": 0},
		point(first, "", "", 0.5, 0), point(first, "dataset", "aa", 0.6, 1), point(first, "dataset", "bb", 0.7, 1),
		point(second, "", "", 0.9, 2),
	}})
	check := func(when string) {
		t.Helper()
		m := call(t, s, "GET", "logged-models/"+first, nil)["model"].(map[string]any)
		info, data := m["info"].(map[string]any), m["data"].(map[string]any)
		if info["status"] != "LOGGED_MODEL_READY" || info["source_run_id"] != run || info["model_type"] != "classifier" {
			t.Errorf("%s: %v", when, info)
		}
		if n := len(data["params"].([]any)); n != 2 {
			t.Errorf("%s: %v", when, data)
		}
		text, err := json.Marshal(data["metrics"])
		if want := `"dataset_digest":"bb","dataset_name":"dataset"`; err != nil || !strings.Contains(string(text), want) ||
			len(data["metrics"].([]any)) != 3 {
			t.Errorf("%s: %s", when, text)
		}
		history := call(t, s, "GET", "metrics/get-history", map[string]any{"run_id": run, "metric_key": "acc"})
		if n := len(history["metrics"].([]any)); n != 4 { // the copy of the first is left out
			t.Errorf("%s: the history has %d points", when, n)
		}
		got := call(t, s, "GET", "runs/get", map[string]any{"run_id": run})["run"].(map[string]any)
		outputs := got["outputs"].(map[string]any)["model_outputs"].([]any)
		if len(outputs) != 2 || outputs[0].(map[string]any)["step"] != 7.0 {
			t.Errorf("%s: %v", when, outputs)
		}
		files := call(t, s, "GET", "logged-models/"+first+"/artifacts/directories", nil)["files"].([]any)
		if len(files) != 1 || files[0].(map[string]any)["path"] != "MLmodel" {
			t.Errorf("%s: %v", when, files)
		}
	}
	searches := func(when string) {
		t.Helper()
		both := []string{second, first}
		for _, c := range []struct {
			query map[string]any
			want  []string
		}{
			{map[string]any{}, both},
			{map[string]any{"filter": "name = 'model' AND params.lr = '0.1' AND params.own = 'x'"}, both},
			{map[string]any{"filter": "params.lr = '0.2'"}, nil},
			{map[string]any{"filter": "status = 'READY'"}, []string{first}},
			{map[string]any{"filter": "source_run_id IN ('" + run + "') AND tags.stage LIKE 'n%'"}, both},
			{map[string]any{"filter": "metrics.acc > 0.8"}, []string{second}},
			{map[string]any{
				"filter": "metrics.acc > 0.65", "datasets": []any{map[string]string{"dataset_name": "dataset"}},
			}, []string{first}},
			{map[string]any{"order_by": []any{map[string]any{"field_name": "metrics.acc"}}}, []string{first, second}},
			{map[string]any{"order_by": []any{map[string]any{"field_name": "creation_time", "ascending": false}}}, both},
			{map[string]any{"max_results": 1}, []string{second}},
		} {
			if got := foundModels(t, s, c.query); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("%s: %v found %v, want %v", when, c.query, got, c.want)
			}
		}
	}
	check("open")
	searches("open")
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	check("ended")
	searches("ended")
	e, err := r.ReadFinished(run)
	if err != nil {
		t.Fatal(err)
	}
	if a := e.Artifacts; len(a) != 2 || a[1].Path != "models/model/MLmodel" || a[0].Kind != "model" {
		t.Errorf("%+v", a)
	}

	call(t, s, "PATCH", "logged-models/"+first+"/tags", map[string]any{"tags": pairsOf("a/b", "1")})
	call(t, s, "DELETE", "logged-models/"+first+"/tags/a%2Fb", nil)
	call(t, s, "DELETE", "logged-models/"+second, nil)
	if got := foundModels(t, s, map[string]any{}); !slices.Equal(got, []string{first}) {
		t.Errorf("after a deletion, the search found %v", got)
	}
	deleted := &Call{Method: "GET", Path: "logged-models/" + second}
	if got := status(s, t, deleted); got != 404 {
		t.Errorf("reading a deleted model: %d", got)
	}
	deleted.Query = url.Values{"allow_deleted": {"true"}}
	if got := status(s, t, deleted); got != 200 {
		t.Errorf("reading a deleted model, which is allowed: %d", got)
	}
	for _, id := range []string{"m-", "x", "m-" + run + "-1", "m-" + run + "-3", "m-" + run + "-02", "m-../x", "%2e"} {
		if got := status(s, t, &Call{Method: "GET", Path: "logged-models/" + id}); got != 404 {
			t.Errorf("reading %s: %d", id, got)
		}
	}
}

// A run that resumes another has other models, although it has the tags of the first.
func TestModelsOfResumedRun(t *testing.T) {
	s, _, run := newRun(t)
	first := madeModel(t, s, run, "model")
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	call(t, s, "POST", "runs/update", map[string]any{"run_id": run, "status": "RUNNING"})
	second := madeModel(t, s, run, "model")
	if first == second {
		t.Fatalf("both models are %s", first)
	}
	for range 2 {
		if got := foundModels(t, s, map[string]any{}); !slices.Equal(got, []string{second, first}) {
			t.Errorf("the search found %v, want %s and %s", got, second, first)
		}
		for _, id := range []string{first, second} {
			if got := status(s, t, &Call{Method: "GET", Path: "logged-models/" + id}); got != 200 {
				t.Errorf("reading %s: %d", id, got)
			}
		}
		if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
			t.Fatal(err)
		}
	}
}

// What a client sends about models is bounded.
func TestModelBounds(t *testing.T) {
	s, _, run := newRun(t)
	long := strings.Repeat("x", 6000)
	var many []any
	for i := range 20 {
		many = append(many, map[string]string{"key": "k" + string(rune('a'+i)), "value": long})
	}
	for name, body := range map[string]map[string]any{
		"a path as a name": {"name": "../x"},
		"long params":      {"name": "m", "params": many},
		"many params":      {"name": "m", "params": slices.Repeat(many, 6)},
		"an odd key":       {"name": "m", "tags": pairsOf("a\nb", "x")},
	} {
		body["source_run_id"], body["experiment_id"] = run, "0"
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := status(s, t, &Call{Method: "POST", Path: "logged-models", Body: data}); got != 400 {
			t.Errorf("%s: %d, want 400", name, got)
		}
	}
	made := madeModel(t, s, run, "fixed")
	for value, want := range map[string]int{"0.1": 200, "0.2": 400} {
		data, err := json.Marshal(map[string]any{"params": pairsOf("lr", value)})
		if err != nil {
			t.Fatal(err)
		}
		if got := status(s, t, &Call{Method: "POST", Path: "logged-models/" + made + "/params", Body: data}); got != want {
			t.Errorf("param lr=%s of a model with lr=0.1: %d, want %d", value, got, want)
		}
	}
	body, err := json.Marshal(map[string]string{"run_id": run, "key": "runs.model.1", "value": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	if got := status(s, t, &Call{Method: "POST", Path: "runs/set-tag", Body: body}); got != 400 {
		t.Errorf("a reserved tag: %d, want 400", got)
	}
}
