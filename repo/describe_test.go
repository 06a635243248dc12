package repo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestDescribe(t *testing.T) {
	root := t.TempDir()
	home := t.TempDir()
	t.Setenv("HOME", home)
	r, _, err := Setup(root)
	if err != nil {
		t.Fatal(err)
	}
	given := format.Params{
		"data": filepath.Join(root, "a"), "in": map[string]any{"cache": home}, "lr": 0.1, "x": format.Null,
	}
	run, err := r.Describe(Description{
		Name: "n", Experiment: "e", Group: "g", Key: "k", Parent: "p", Note: "text",
		Params: given, Tags: map[string]string{"t": "1"},
		Command: []string{"python", filepath.Join(root, "train.py"), "--bad=\xff"}, Dir: filepath.Join(root, "sub"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &format.Run{
		Name: "n", Experiment: "e", Group: "g", Key: "k", Parent: "p", Note: "text",
		Params: format.Params{"data": "{project}/a", "in": map[string]any{"cache": "~"}, "lr": 0.1, "x": format.Null},
		Tags:   map[string]string{"t": "1"}, Command: []string{"python", "{project}/train.py", "--bad=\ufffd"}, Cwd: "sub",
	}
	if d := cmp.Diff(want, run); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if given["data"] != filepath.Join(root, "a") {
		t.Error("the caller's params were changed")
	}
	for _, bad := range []Description{{Name: " "}, {Experiment: "a\nb"}, {Group: "\t"}, {Key: "\x00"}} {
		var text *DescriptionError
		if _, err := r.Describe(bad); !errors.As(err, &text) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestEntryPoint(t *testing.T) {
	root := t.TempDir()
	r, _, err := Setup(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"train.py", "sub/eval.py", "sub/__main__.py", "src/lib/run.py", "cfg.yaml", "plain", ".venv/pyvenv.cfg",
		".venv/bin/python", ".venv/bin/torchrun", "node_modules/.bin/tsx.js",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir     string
		command []string
		want    string
	}{
		{root, []string{"python", "-u", "train.py", "sub/eval.py"}, "train.py"},
		{filepath.Join(root, "sub"), []string{"python", "eval.py"}, "sub/eval.py"},
		{filepath.Join(root, "sub"), []string{"python", "../train.py"}, "train.py"},
		{root, []string{filepath.Join(root, "train.py")}, "train.py"},
		{root, []string{"python", "missing", "missing.py", "/etc/hosts"}, ""},
		{root, []string{"python", "sub", "missing.py"}, "sub/__main__.py"},
		{root, []string{"python", "plain", "cfg.yaml"}, "plain"},
		{root, []string{"python3.11", "-m", "sub.eval", "cfg.yaml"}, "sub/eval.py"},
		{root, []string{"python", "-um", "sub", "cfg.yaml"}, "sub/__main__.py"},
		{root, []string{"python", "-mlib.run", "train.py"}, "src/lib/run.py"},
		{root, []string{"python", "-m", "torch.distributed.run", "-m", "sub.eval"}, "sub/eval.py"},
		{root, []string{"python", "-m", "pytest", "train.py"}, "train.py"},
		{root, []string{"python", "-W", "plain", "-X", "dev", "train.py"}, "train.py"},
		{root, []string{"python", "-c", "import sub", "train.py"}, ""},
		{root, []string{"python", "-", "train.py"}, ""},
		{root, []string{".venv/bin/python", "sub/eval.py"}, "sub/eval.py"},
		{root, []string{".venv/bin/torchrun", "--nproc-per-node", "2", "train.py"}, "train.py"},
		{root, []string{"torchrun", "-m", "sub.eval", "cfg.yaml"}, "sub/eval.py"},
		{root, []string{"accelerate", "launch", "--config_file", "cfg.yaml", "train.py"}, "train.py"},
		{root, []string{"uv", "run", "train.py", "cfg.yaml"}, "train.py"},
		{root, []string{"node_modules/.bin/tsx.js", "train.py"}, "train.py"},
		{root, []string{"sh", "-c", "python train.py"}, ""},
		{root, []string{"cat", "cfg.yaml"}, ""},
		{root, []string{"./plain", "train.py"}, "plain"},
		{root, nil, ""},
	} {
		if got := r.EntryPoint(c.dir, c.command); got != c.want {
			t.Errorf("%v in %s: %q, want %q", c.command, c.dir, got, c.want)
		}
	}
}

func TestConfiguredDatasets(t *testing.T) {
	root := t.TempDir()
	r, _, err := Setup(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"train.csv", "local.csv"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, path := range map[string]string{
		"train": "train.csv", "gone": "gone.csv", "out": "../out.csv",
		"moved": "elsewhere.csv", "skip": "train.csv",
	} {
		if err := r.Configure([]string{"dataset", name, "path"}, path); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUNS_DATA_MOVED", filepath.Join(root, "local.csv"))
	if r, err = r.Reopen(); err != nil {
		t.Fatal(err)
	}
	requests, warnings, err := r.ConfiguredDatasets(t.Context(), []string{"skip"})
	if err != nil || len(warnings) != 2 {
		t.Errorf("%v, warnings %q", err, warnings)
	}
	want := []DatasetRequest{
		{Name: "moved", Path: filepath.Join(root, "local.csv")}, {
			Name: "train", Path: filepath.Join(root, "train.csv"),
			Named: true,
		},
	}
	if d := cmp.Diff(want, requests); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, c := range []struct {
		name, path, word string
		want             string // path; empty is an error
	}{
		{"", filepath.Join(root, "train.csv"), "train.csv", "train.csv"},
		{"", filepath.Join(root, "moved"), "moved", "local.csv"},
		{"named", filepath.Join(root, "train.csv"), "train.csv", "train.csv"},
		{"named", filepath.Join(root, "moved"), "moved", ""},
		{"", filepath.Join(root, "out"), "out", ""},
		{"", "https://example.org/a.csv", "https://example.org/a.csv", ""},
	} {
		q, err := r.FindDataset(t.Context(), c.name, c.path, c.word)
		if (err == nil) != (c.want != "") || err == nil && (q.Path != filepath.Join(root, c.want)) {
			t.Errorf("%s=%s: %+v, %v", c.name, c.word, q, err)
		}
	}
}

// TestNoteOfAKilledWriter: what a killed annotation leaves does not count as a note, and damages nothing.
func TestNoteOfAKilledWriter(t *testing.T) {
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(res.Dir, notesName, newPrefix+format.NoteName(now())), "")
	e, err := r.Read(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if notes, err := e.Notes(); err != nil || len(notes) != 0 {
		t.Errorf("%v, %v", notes, err)
	}
}
