package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// hostile is a text that a page must show as it is.
const hostile = "<script>alert(1)</script> \x1b[31m\u202e \"'&"

// oneRun finishes a run with the journal lines and the artifacts, by their names.
func oneRun(t *testing.T, r *repo.Repository, run *format.Run, lines []string, files map[string]string) *repo.Entry {
	t.Helper()
	a, err := r.Start(t.Context(), run, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	writeRun(t, a, lines, files)
	if _, err := a.Finish(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	e, err := r.Read(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func writeRun(t *testing.T, a *repo.Active, lines []string, files map[string]string) {
	t.Helper()
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	add := func(text string) {
		var l format.Line
		if err := new(format.JournalParser).Parse([]byte(text), &l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := j.Append(&l); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range lines {
		add(text)
	}
	for name, text := range files {
		line, err := a.AddArtifactFrom(name, true, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		if strings.HasPrefix(name, "media/") {
			key = `,"key":"` + strings.Split(name, "/")[1] + `","kind":"file"`
		}
		add(fmt.Sprintf(`{"t":1764000000.5,"artifact":{"name":%q,"path":%q,"sha256":%q,"bytes":%d%s}}`, line.Name, line.Name,
			line.SHA256, line.Bytes, key))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func setup(t *testing.T) *repo.Repository {
	t.Helper()
	r, _, err := repo.Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openView(t *testing.T, r *repo.Repository) *View {
	t.Helper()
	v, err := Open(t.Context(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestRun(t *testing.T) {
	r := setup(t)
	parent := oneRun(t, r, &format.Run{Name: "parent"}, nil, nil)
	e := oneRun(t, r, &format.Run{
		Name: hostile, Parent: parent.ID,
		Params: format.Params{"a": map[string]any{"b": int64(1), "c.d": "x"}, "z": format.Null},
	}, []string{
		`{"t":1764000000,"step":0,"m":{"loss":2,"odd":NaN}}`,
		`{"t":1764000001,"step":1,"m":{"loss":1,"odd":Infinity},"p":{"z":5}}`,
		`{"t":1764000002,"step":1,"values":{"text":"` + `<b>` + `"},"summary":{"best":0.5}}`,
	}, map[string]string{"b.txt": "x", "media/key/a.txt": "y"})
	v := openView(t, r)
	run, err := v.Run(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if run.Title != hostile || run.Record.Params != nil || run.Record.Name != hostile || run.Damaged != nil {
		t.Errorf("run %+v", run)
	}
	var params []string
	for _, p := range run.Params {
		params = append(params, fmt.Sprintf("%s %q=%s|%s", p.Name, p.Path, p.Text, p.Again))
	}
	want := `a.b ["a" "b"]=1|` + "\n" + `a.c.d ["a" "c.d"]="x"|` + "\n" + `z ["z"]=null|5`
	if got := strings.Join(params, "\n"); got != want {
		t.Errorf("params\n%s\nwant\n%s", got, want)
	}
	if m := run.Metrics[0]; m.Name != "loss" || m.Min != 1.0 || m.MinAt != 1 || m.Goal != "min" || m.Count != 2 {
		t.Errorf("metric %+v", m)
	}
	if a := run.Artifacts; a.Total != 2 || a.Bytes != 2 || a.List[0].Key != "key" || a.List[1].Place != PlaceHere {
		t.Errorf("artifacts %+v: what has a key must come first", a)
	}
	if len(run.Links) != 1 || run.Links[0].Title != "parent" || !run.Values || run.Log != nil || run.System {
		t.Errorf("links %+v", run.Links)
	}
	text, err := json.Marshal(run)
	if err != nil || !strings.Contains(string(text), `"last":"Infinity"`) {
		t.Errorf("JSON: %v\n%s", err, text)
	}
	other, err := v.Run(t.Context(), "parent")
	if err != nil || other.ID != parent.ID || len(other.Links) != 1 || other.Links[0].Relation != "child" {
		t.Errorf("by name: %+v, %v", other, err)
	}
}

func TestRunErrors(t *testing.T) {
	r := setup(t)
	oneRun(t, r, &format.Run{Name: "a"}, nil, nil)
	v := openView(t, r)
	for _, selector := range []string{"nothing", "20261123-142530-k7qx2m9a", "a@{upstream}", "best=loss", ""} {
		if run, err := v.Run(t.Context(), selector); err == nil {
			t.Errorf("%q names run %s", selector, run.ID)
		}
	}
	var missing *NotFoundError
	var hint *repo.HintError
	if _, err := v.Run(t.Context(), "20261123-142530-k7qx2m9a"); !errors.As(err, &missing) || !errors.As(err, &hint) {
		t.Errorf("unknown id: %v", err)
	}
}

// TestDamagedRun reads what is left of a run, and follows no link to elsewhere.
func TestDamagedRun(t *testing.T) {
	r := setup(t)
	a := oneRun(t, r, &format.Run{Name: "a"}, nil, map[string]string{"x.txt": "x"})
	b := oneRun(t, r, &format.Run{Name: "b"}, nil, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(a.Dir, repo.RecordName)
	if err := os.WriteFile(record, []byte("status = <b>broken"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(a.Dir, "link")); err != nil {
		t.Skip(err)
	}
	record = filepath.Join(b.Dir, repo.RecordName)
	if err := errors.Join(os.Remove(record), os.Symlink(secret, record)); err != nil {
		t.Fatal(err)
	}
	v := openView(t, r)
	run, err := v.Run(t.Context(), a.ID)
	if err != nil || run.Damaged == nil || run.Record != nil {
		t.Fatalf("%+v, %v", run, err)
	}
	if text, err := json.Marshal(run); err != nil || !strings.Contains(string(text), `"params":[]`) {
		t.Errorf("JSON %s, %v", text, err)
	}
	if run.Damaged.Record != "status = <b>broken" || len(run.Damaged.Files) != 2 {
		t.Errorf("damage %+v", run.Damaged)
	}
	run, err = v.Run(t.Context(), b.ID)
	if err != nil || run.Damaged == nil || run.Damaged.Record != "" {
		t.Errorf("a linked record: %+v, %v", run, err)
	}
	_, err = v.Artifact(t.Context(), a.ID, strings.Repeat("0", 64))
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("artifact of a damaged run: %v", err)
	}
}

func TestChain(t *testing.T) {
	r := setup(t)
	first := oneRun(t, r, &format.Run{Name: "first"}, []string{`{"t":1764000000,"step":0,"m":{"loss":3}}`}, nil)
	second := oneRun(t, r, &format.Run{Name: "second", Resumes: first.ID},
		[]string{`{"t":1764000009,"step":5,"m":{"loss":1}}`}, nil)
	lost := oneRun(t, r, &format.Run{Name: "orphan", Resumes: "20200101-000000-k7qx2m9a"}, nil, nil)
	v := openView(t, r)
	for _, c := range []struct {
		id     string
		parts  int
		points int64
		chain  string
	}{
		{second.ID, 2, 2, first.ID + " " + second.ID + " "},
		{first.ID, 1, 1, first.ID + " " + second.ID + " "},
		{lost.ID, 1, 0, "20200101-000000-k7qx2m9a " + lost.ID + " "},
	} {
		run, err := v.Run(t.Context(), c.id)
		if err != nil {
			t.Fatal(err)
		}
		chain := ""
		for _, l := range run.Chain {
			chain += l.ID + " "
		}
		points := int64(0)
		for _, m := range run.Metrics {
			points += m.Count
		}
		if run.Parts != c.parts || points != c.points || chain != c.chain {
			t.Errorf("%s: %d parts, %d points, chain %s; want %+v", c.id, run.Parts, points, chain, c)
		}
	}
}

func TestRunInProgress(t *testing.T) {
	r := setup(t)
	a, err := r.Start(t.Context(), &format.Run{Name: "live"}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	writeRun(t, a, []string{`{"t":1764000000,"step":0,"m":{"loss":3},"values":{"k":"one"}}`},
		map[string]string{"x.txt": "x"})
	v := openView(t, r)
	run, err := v.Run(t.Context(), a.ID)
	if err != nil || run.Live == nil || run.Live.Life != "detached" || run.Metrics[0].Count != 1 ||
		run.Artifacts.Total != 1 {
		t.Fatalf("%+v, %v", run, err)
	}
	data, err := v.Artifact(t.Context(), a.ID, run.Artifacts.List[0].SHA256)
	if err != nil || string(data) != "x" {
		t.Errorf("artifact %q, %v", data, err)
	}
	values, err := v.Values(t.Context(), a.ID)
	if err != nil || len(values.Keys) != 1 || values.Keys[0].Kind != KindText {
		t.Errorf("values %+v, %v", values, err)
	}
	if _, err := v.System(t.Context(), a.ID); err == nil {
		t.Error("a run in progress has machine samples")
	}
}

func TestCommitLink(t *testing.T) {
	const commit = "4f56540a429f001c1fa0f971b97f3a49bd494d45"
	for remote, want := range map[string]string{
		"git@github.com:ada/project.git":       "https://github.com/ada/project/commit/" + commit,
		"https://GitHub.com/ada/project":       "https://github.com/ada/project/commit/" + commit,
		"ssh://git@gitlab.com/a/b/c.git":       "https://gitlab.com/a/b/c/-/commit/" + commit,
		"http://user@codeberg.org/a/b.git":     "https://codeberg.org/a/b/commit/" + commit,
		"https://bitbucket.org/a/b.git":        "https://bitbucket.org/a/b/commits/" + commit,
		"javascript:alert(1)":                  "",
		"javascript://github.com/%0aalert(1)":  "",
		"https://evil.example/github.com/a":    "",
		"https://github.com.evil.example/a/b":  "",
		"https://github.com/a/../b":            "",
		"https://github.com/a\"onclick=/b":     "",
		"https://github.com/":                  "",
		"/srv/git/project.git":                 "",
		"../github.com:a/b":                    "",
		"":                                     "",
		"https://github.com/a/b?x=<script>":    "https://github.com/a/b/commit/" + commit,
		"git@github.com:a/b\nhttps://evil.com": "",
	} {
		if got := commitLink(remote, commit); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
	if got := commitLink("https://github.com/a/b", "../../x"); got != "" {
		t.Errorf("an invalid commit: %q", got)
	}
}

// TestExportedLinks tells nothing about runs that an export does not contain, but their ids.
func TestExportedLinks(t *testing.T) {
	r := setup(t)
	parent := oneRun(t, r, &format.Run{Name: "secret project"}, nil, nil)
	e := oneRun(t, r, &format.Run{Name: "sent", Parent: parent.ID}, nil, nil)
	oneRun(t, r, &format.Run{Name: "secret child", Parent: e.ID}, nil, nil)
	v, err := Open(t.Context(), r, Options{Selectors: []string{"sent"}, Export: &ExportOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	run, err := v.Run(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := RunLink{Relation: "parent", ID: parent.ID, Title: parent.ID}
	if len(run.Links) != 1 || run.Links[0] != want {
		t.Errorf("links %+v", run.Links)
	}
}
