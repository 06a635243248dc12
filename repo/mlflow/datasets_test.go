package mlflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// newRun makes a service of a new repository and a run, and returns the id of the run.
func newRun(t *testing.T) (*Service, *repo.Repository, string) {
	t.Helper()
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := New(r, Options{})
	created := call(t, s, "POST", "runs/create", map[string]any{"experiment_id": "0", "run_name": "one"})
	return s, r, created["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
}

func dataset(name, digest, kind, source, context string) map[string]any {
	return map[string]any{
		"tags": []any{map[string]string{"key": "mlflow.data.context", "value": context}},
		"dataset": map[string]string{
			"name": name, "digest": digest, "source_type": kind, "source": source,
			"schema": `{"mlflow_colspec":[{"name":"x","type":"long"}]}`, "profile": `{"num_rows":3}`,
		},
	}
}

// Datasets are recorded once, under names of their own, with no password and no path outside the project, and a file
// of the project has its hash. They come back while the run is open and when it has ended.
func TestInputs(t *testing.T) {
	s, r, id := newRun(t)
	file := filepath.Join(r.TreeRoot(), "train.csv")
	if err := os.WriteFile(file, []byte("x\n1\n2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inputs := []any{
		dataset("dataset", "aa", "local", `{"uri":"train.csv"}`, "training"),
		dataset("dataset", "aa", "local", `{"uri":"train.csv"}`, "again"),
		dataset("dataset", "bb", "http", `{"url":"https://ada:secret@h/test.csv?token=1"}`, "test"),
		dataset("outside", "cc", "local", `{"uri":"/home/ada/secret.csv"}`, "test"),
		dataset("gone", "dd", "local", `{"uri":"gone.csv"}`, "test"),
		dataset("odd\nname", "ee", "code", `{"tags":{}}`, ""),
	}
	call(t, s, "POST", "runs/log-inputs", map[string]any{"run_id": id, "datasets": inputs})
	call(t, s, "POST", "runs/log-inputs", map[string]any{
		"run_id": id, "models": []any{map[string]string{"model_id": "m-20260101-000000-abcdefgh"}},
	})
	check := func(when string) {
		t.Helper()
		got := call(t, s, "GET", "runs/get", map[string]any{"run_id": id})
		in := got["run"].(map[string]any)["inputs"].(map[string]any)
		var names []string
		for _, d := range in["dataset_inputs"].([]any) {
			d := d.(map[string]any)["dataset"].(map[string]any)
			names = append(names, d["name"].(string)+":"+d["digest"].(string))
			if d["schema"] == nil || d["profile"] == nil || d["source"] == nil {
				t.Errorf("%s: %v", when, d)
			}
		}
		text := strings.Join(names, " ")
		if !strings.HasPrefix(text, "dataset:aa dataset:bb outside:cc gone:dd odd") || len(names) != 5 {
			t.Errorf("%s: the run has %q", when, text)
		}
		if n := len(in["model_inputs"].([]any)); n != 1 {
			t.Errorf("%s: the run has %d model inputs", when, n)
		}
		for where, n := range map[string]int{"dataset.digest = 'bb'": 1, "dataset.context = 'again'": 0} {
			found := call(t, s, "POST", "runs/search", map[string]any{"experiment_ids": []string{"0"}, "filter": where})
			if runs, _ := found["runs"].([]any); len(runs) != n {
				t.Errorf("%s: %s found %d runs", when, where, len(runs))
			}
		}
	}
	check("open")
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	check("ended")
	e, err := r.ReadFinished(id)
	if err != nil {
		t.Fatal(err)
	}
	d := e.Datasets
	if len(d) != 6 || d[0].SHA256 == "" || d[0].Path != "train.csv" || d[0].Role != "training" || d[0].Digest != "aa" {
		t.Errorf("%+v", d)
	}
	for i, source := range []string{"train.csv", "https://h/test.csv", "", "gone.csv", ""} {
		if d[i].Source != source {
			t.Errorf("the source of dataset %d is %q, want %q", i, d[i].Source, source)
		}
	}
	if d[1].Identity() != format.LibraryDigest+"bb" {
		t.Errorf("the identity is %q", d[1].Identity())
	}
}
