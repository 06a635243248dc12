package repo

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git/gittest"
)

func TestWritten(t *testing.T) {
	root := t.TempDir()
	gittest.Git(t, root, "init", "-q")
	r, _, err := Setup(root)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	before, during := began.Add(-time.Hour), began.Add(time.Second)
	write := func(name, text string, at time.Time) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("old.json", "{}", before)
	write("saved.json", "{}", during)
	write("edited.json", "{}", during)
	write("made.py", "x = 1", during)
	write("curve.png", "x", during)
	write("old.png", "x", before)
	write("config.json", `{"lr": 1}`, during)
	write("xgb.json", `{"learner":{"attributes":{}`, during)
	write("xgb2.json", "{\n  \"learner\": {", during)
	write("lgb.txt", "tree\nversion=v4\n", during)
	var saved []string
	for _, name := range []string{"old.json", "saved.json", "edited.json", "made.py", "missing.json"} {
		saved = append(saved, filepath.Join(root, name))
	}
	run := &format.Run{Started: began, Ended: began.Add(time.Minute), Source: &format.Source{}}
	r.noteOutputs(run, append(saved, filepath.Join(t.TempDir(), "outside.json")))
	write("edited.json", "{ }", during.Add(time.Second))
	written, _ := r.written()
	for name, want := range map[string]bool{
		"old.json": false, "saved.json": true, "edited.json": false, "made.py": false, "curve.png": true, "old.png": false,
		"config.json": false, "xgb.json": true, "xgb2.json": true, "lgb.txt": true,
	} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := written(name, info); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if err := r.compactOutputs(r.outputsPath()); err != nil {
		t.Fatal(err)
	}
	known := readOutputs(r.outputsPath())
	if len(known.files) != 1 || len(known.windows) != 1 || known.files["saved.json"].Size != 2 {
		t.Errorf("%+v", known)
	}
}

// A damaged list is not an error: files that it does not name are source.
func TestReadOutputsDamaged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "outputs.jsonl")
	text := "{\"path\":\"a\",\"size\":1,\"time\":2}\nnot JSON\n{\"from\":5,\"to\":3}\n[]\n{\"path\":\"b\""
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if known := readOutputs(name); len(known.files) != 1 || len(known.windows) != 0 {
		t.Errorf("%+v", known)
	}
}
