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
