package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// plantModel writes a model with a version of each run. The last version is in production.
func plantModel(t *testing.T, r *repo.Repository, name string, runs ...string) {
	t.Helper()
	folder := filepath.Join(r.Dir, filepath.FromSlash(format.ModelFolder(name)))
	write := func(file string, data []byte, err error) {
		path := filepath.Join(folder, filepath.FromSlash(file))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666))
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := format.EncodeModel(&format.Model{Name: name})
	write("model.toml", data, err)
	at := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC)
	var last format.ModelVersionID
	for i, run := range runs {
		last = format.ModelVersionID{Number: int64(i + 1), Random: fmt.Sprintf("%08d", i)}
		data, err := format.EncodeModelVersion(&format.ModelVersion{
			ModelVersionID: last, Run: run, SHA256: strings.Repeat("ab", 32), Bytes: 1, Files: 1, Author: "Ada",
			Created: at.Add(time.Duration(i) * time.Minute),
		})
		write("versions/"+last.String()+".toml", data, err)
	}
	data, err = format.EncodeModelPointer(format.ModelStages, &format.ModelPointer{
		Versions: []format.ModelVersionID{last}, Time: at.Add(time.Hour), By: "Ada", Reason: "best",
	})
	write("stages/production.toml", data, err)
}

// A model has its versions, newest first, with what is known of their runs. An export has those of its runs alone, and
// of the metrics only those that it keeps.
func TestModels(t *testing.T) {
	r := setup(t)
	v := openView(t, r)
	if p, err := v.Project(t.Context()); err != nil || p.Models != 0 {
		t.Errorf("without models: %+v, %v", p, err)
	}
	a := lossRun(t, r, &format.Run{Name: "a"}, "0=3")
	b := lossRun(t, r, &format.Run{Name: "b"}, "0=Infinity")
	plantModel(t, r, "taxi", a.ID, "20260101-000000-aaaaaaaa", b.ID)
	plantModel(t, r, "bus", "20260101-000000-aaaaaaaa")
	if err := os.WriteFile(filepath.Join(r.Dir, "models", "taxi", "stages", "odd.toml"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	v = openView(t, r)
	if p, err := v.Project(t.Context()); err != nil || p.Models != 2 {
		t.Errorf("with models: %+v, %v", p, err)
	}
	m, err := v.Model(t.Context(), "taxi")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, version := range m.List {
		got = append(got, fmt.Sprint(version.Number, version.Stage, version.Title, version.Shown, version.Metrics))
	}
	want := "3production" + "b true map[epoch:0 loss:Infinity]; 2 false map[]; 1a true map[epoch:0 loss:3]"
	if text := strings.ReplaceAll(strings.Join(got, "; "), " ", ""); text != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if len(m.History) != 4 || m.History[0].Reason != "best" && m.History[3].Reason != "best" || len(m.Faults) != 1 {
		t.Errorf("the history is %+v, the faults %+v", m.History, m.Faults)
	}
	for _, name := range []string{"none", "..", "a/b", ""} {
		if _, err := v.Model(t.Context(), name); !errors.As(err, new(*NotFoundError)) {
			t.Errorf("model %q: %v", name, err)
		}
	}

	part, err := Open(t.Context(), r, Options{Selectors: []string{"a"}, Export: &ExportOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(part.Close)
	list, err := part.Models(t.Context())
	if err != nil || len(list.Models) != 1 || list.Models[0].Versions != 1 || len(list.Models[0].Named) != 0 {
		t.Errorf("the models of a part are %+v, %v", list, err)
	}
	m, err = part.Model(t.Context(), "taxi")
	if err != nil || len(m.List) != 1 || m.List[0].Number != 1 || len(m.History) != 1 {
		t.Errorf("the model of a part is %+v, %v", m, err)
	}
}
