package dvclive

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// points reads the lines of a text of points.
func points(t testing.TB, text string) (list []string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loss.tsv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err = eachPoint(t.Context(), path, func(row *pointRow) error {
		switch {
		case row.bad:
			list = append(list, "bad")
		case row.isText:
			list = append(list, fmt.Sprint(row.step, " ", row.time, " ", "text ", row.text))
		default:
			list = append(list, fmt.Sprint(row.step, " ", row.time, " ", row.value))
		}
		return nil
	})
	return list, err
}

// TestPoints reads files of points.
func TestPoints(t *testing.T) {
	for text, want := range map[string]string{
		"step\tloss\n0\t0.5\n1\tnan\n":                        "0 0 0.5, 1 0 NaN",
		"timestamp\tstep\tloss\r\n5\t3\t-inf\r\n":             "3 5000 -Inf",
		"step\ttimestamp\n1\t2\n":                             "1 0 2",
		"step\tloss\n\n1\twarm\n2\tTrue\n3\t0x10\n":           "1 0 text warm, 2 0 1, 3 0 text 0x10",
		"step\tloss\n1\n1\t2\t3\nx\t1\n1.5\t1\n1\t":           "bad, bad, bad, bad, bad",
		"step\tloss\n1\t1e999":                                "1 0 +Inf",
		"step\tloss\n1\t" + strings.Repeat("1", maxLineBytes): "bad",
		"":                    errHeader.Error(),
		"loss\n1":             errHeader.Error(),
		"a\tb\n1\t2":          errHeader.Error(),
		"step\ta\tb\tc\n1\t2": errHeader.Error(),
	} {
		list, err := points(t, text)
		if err != nil {
			list = append(list, err.Error())
		}
		if got := strings.Join(list, ", "); got != want {
			t.Errorf("%.60q: got %s, want %s", text, got, want)
		}
	}
}

// folder writes the files of a run, as old as an hour.
func folder(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(at, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

func project(t testing.TB) *repo.Repository {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var files = map[string]string{
	"dvclive/metrics.json":                 `{"step": 2, "train": {"loss": 0.25}, "final": 3, "word": "ok", "odd": "nan"}`,
	"dvclive/params.yaml":                  "lr: 1e-08\nlayers:\n- 64\n- 32\nname: '1'\nnone:\nflag: true\n",
	"dvclive/plots/metrics/train/loss.tsv": "step\tloss\n0\t1.0\n1\t0.5\nbad\n2\t0.25\n",
	"dvclive/plots/images/a.png":           "an image",
	"dvclive/plots/sklearn/roc.json":       "[]",
	"dvclive/report.md":                    "# report",
	"dvclive/other.bin":                    "not of DVCLive",
}

// A folder is one run, also if it is copied to another place at another time.
func TestImport(t *testing.T) {
	r, root := project(t), t.TempDir()
	folder(t, filepath.Join(root, "one"), files)
	done, err := Import(t.Context(), r, importer.Request{Path: root})
	if err != nil || len(done.Runs) != 1 {
		t.Fatal(done, err)
	}
	if s := strings.Join(done.Warnings, "\n"); s != "one: skipped 1 lines of train/loss.tsv that cannot be read" {
		t.Error(s)
	}
	e, err := r.ReadFinished(done.Runs[0])
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "one" || e.Params["lr"] != 1e-08 || e.Params["name"] != "1" || e.Params["flag"] != true ||
		fmt.Sprint(e.Params["layers"]) != "[64 32]" {
		t.Errorf("%q %v", e.Name, e.Params)
	}
	if m := e.Metrics; len(m) != 3 || m["train/loss"].Count != 3 || m["final"].Last != 3 || !math.IsNaN(m["odd"].Last) {
		t.Errorf("%v", m)
	}
	var paths []string
	for _, a := range e.Artifacts {
		paths = append(paths, a.Path+" "+a.Kind)
	}
	want := "plots/images/a.png image, plots/sklearn/roc.json file, report.md file"
	if got := strings.Join(paths, ", "); got != want {
		t.Errorf("artifacts: %s", got)
	}
	other := t.TempDir()
	folder(t, filepath.Join(other, "two"), files)
	again, err := Import(t.Context(), r, importer.Request{Path: filepath.Join(other, "two/dvclive")})
	if err != nil || len(again.Runs) > 0 || len(again.Present) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// Damage costs what is damaged, and a folder without a run is an error.
func TestDamaged(t *testing.T) {
	root := t.TempDir()
	folder(t, root, map[string]string{
		"a/plots/metrics/x.tsv": "nothing", "a/metrics.json": "{", "a/params.yaml": "a: [",
		"a/plots/metrics/y.tsv": "step\ty\n0\t1",
		"b/metrics.json":        "{}", "c/params.yaml": "a: 1",
	})
	done, err := Import(t.Context(), project(t), importer.Request{Path: root})
	if err != nil || len(done.Runs) != 1 || len(done.Warnings) != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := Import(t.Context(), project(t), importer.Request{Path: filepath.Join(root, "b")}); err == nil {
		t.Error("a folder without a run is taken")
	}
}

func FuzzPoints(f *testing.F) {
	f.Add("timestamp\tstep\tloss\n1700000000000\t1\t0.5\n1700000000000\t2\tnan\n")
	f.Add("step\tloss\r\n1\ttext\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := points(t, text)
		if len(list) > len(text) {
			t.Errorf("%q gives %d points", text, len(list))
		}
	})
}
