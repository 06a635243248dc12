package mlflow

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
)

// What is registered of an open run is there for the next program, with the bytes that were registered. A version whose
// files have changed since is refused.
func TestRegistry(t *testing.T) {
	s, r, id := newRun(t)
	run, err := s.run(id)
	if err != nil {
		t.Fatal(err)
	}
	dir := run.active.FilesDir()
	for _, name := range []string{"model", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		text := "flavors:\n  sklearn: {}\n"
		if err := os.WriteFile(filepath.Join(dir, name, "MLmodel"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	call(t, s, "POST", "registered-models/create", map[string]any{"name": "taxi"})
	for _, source := range []string{fileURI(filepath.Join(dir, "model")), "runs:/" + id + "/other"} {
		call(t, s, "POST", "model-versions/create", map[string]any{"name": "taxi", "source": source, "run_id": id})
	}
	call(t, s, "POST", "registered-models/alias", map[string]any{"name": "taxi", "version": "1", "alias": "champion"})
	place := func(s *Service, version string) string {
		t.Helper()
		answer := call(t, s, "GET", "model-versions/get-download-uri", map[string]any{"name": "taxi", "version": version})
		u, err := url.Parse(answer["artifact_uri"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return filepath.FromSlash(u.Path)
	}
	at := place(s, "1")
	if err := os.WriteFile(filepath.Join(at, "registered_model_meta"), nil, 0o666); err != nil { // as MLflow does
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other", "more"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	status, answer := s.Answer(t.Context(), &Call{
		Method: "GET", Path: "model-versions/get-download-uri", Query: url.Values{"name": {"taxi"}, "version": {"2"}},
	})
	if status != 400 || !strings.Contains(string(answer), "not those that were registered") {
		t.Errorf("a changed version: %d %s", status, answer)
	}
	outside := filepath.Join(t.TempDir(), "x")
	for _, source := range []string{
		"", "file:///etc", "/etc/passwd", outside, "relative", "s3://a/b", "runs:/" + id + "/../x", "runs:/" + id + "//x",
		fileURI(dir) + "/../../x", "models:/taxi", "models:/m-x", "models:/../x/1", "file://host/etc", fileURI(dir),
	} {
		status, answer := s.Answer(t.Context(), &Call{
			Method: "POST", Path: "model-versions/create",
			Body: []byte(`{"name":"taxi","run_id":"` + id + `","source":"` + filepath.ToSlash(source) + `"}`),
		})
		if status != 400 && status != 404 {
			t.Errorf("source %q: %d %s", source, status, answer)
		}
	}
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(at); !os.IsNotExist(err) {
		t.Errorf("the files of a version are left: %v", err)
	}

	next := New(r, Options{})
	found := call(t, next, "GET", "registered-models/alias", map[string]any{"name": "taxi", "alias": "champion"})
	version := found["model_version"].(map[string]any)
	if version["version"] != "1" || version["run_id"] != id || version["source"] != "runs:/"+id+"/model" {
		t.Errorf("the alias names %v", version)
	}
	names, err := os.ReadDir(place(next, "1"))
	if err != nil || len(names) != 1 || names[0].Name() != "MLmodel" {
		t.Errorf("the files of the version are %v, %v", names, err)
	}
}
