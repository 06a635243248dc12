package repo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestIsNotebook(t *testing.T) {
	for _, c := range []struct {
		entry   string
		command []string
		want    bool
	}{
		{"nb.ipynb", []string{"/opt/venv/bin/python3"}, true},
		{"nb.ipynb", []string{"python", "-m", "ipykernel_launcher", "-f", "kernel.json"}, true},
		{"nb.ipynb", []string{"python", "/x/ipykernel_launcher.py", "-f", "kernel.json"}, true},
		{"nb.ipynb", []string{"papermill", "nb.ipynb", "out.ipynb"}, false},
		{"nb.ipynb", []string{"python", "-m", "papermill", "nb.ipynb", "out.ipynb"}, false},
		{"nb.ipynb", nil, false},
		{"train.py", []string{"python"}, false},
	} {
		run := &format.Run{Command: c.command, Source: &format.Source{Entry: c.entry}}
		if got := isNotebook(run); got != c.want {
			t.Errorf("%s, %q: %v", c.entry, c.command, got)
		}
	}
	if isNotebook(&format.Run{Command: []string{"python"}}) {
		t.Error("a run without a source")
	}
}

// A notebook is executed by a program next to its interpreter, otherwise by one on the PATH, never by a bare Python.
func TestExecuteNotebook(t *testing.T) {
	bin, empty, both := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("PATH", empty)
	python := filepath.Join(both, "python")
	if _, err := executeNotebook(python, "/src", "a/nb.ipynb", "/src/a"); !errors.Is(err, ErrNoNotebooks) {
		t.Errorf("%v", err)
	}
	for _, file := range []string{
		filepath.Join(bin, "papermill"), filepath.Join(both, "papermill"), filepath.Join(both, "jupyter-nbconvert"),
	} {
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	notebook, result := filepath.FromSlash("/src/a/nb.ipynb"), filepath.FromSlash("/src/a/nb.reproduced.ipynb")
	t.Setenv("PATH", bin)
	got, err := executeNotebook("python", "/src", "a/nb.ipynb", "/src/a")
	want := []string{filepath.Join(bin, "papermill"), notebook, result, "--cwd", "/src/a"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	got, err = executeNotebook(python, "/src", "a/nb.ipynb", "/src/a")
	want = []string{
		filepath.Join(both, "jupyter-nbconvert"), "--to", "notebook", "--execute", "--output", "nb.reproduced.ipynb",
		notebook,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
