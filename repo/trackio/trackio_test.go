package trackio

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite/sqlitetest"
)

func project(t testing.TB) *repo.Repository {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// old are the tables of versions that told runs apart by name.
var old = []string{
	"CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, run_name TEXT NOT NULL, " +
		"step INTEGER NOT NULL, metrics TEXT NOT NULL)",
	"CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT NOT NULL, config TEXT, created_at TEXT)",
	"CREATE TABLE system_metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, metrics TEXT)",
	"CREATE TABLE traces (id TEXT PRIMARY KEY)",
	"CREATE TABLE newer (a)",
	"INSERT INTO metrics VALUES " +
		`(1, '2026-01-02T03:04:05.500000', 'one', 0, '{"loss": 1, "odd": "NaN", "ok": true, "word": "a", "in": {"x": 2}}'),` +
		`(2, '2026-01-02T03:04:06+00:00', 'two', 0, '{"loss": "-Infinity"}'),` +
		`(3, '2026-01-02T03:04:07', 'one', 1, '{"loss": 0.5, "l": [1, 2], "none": null}'),` +
		`(4, '2026-01-02T03:04:08', 'one', 2, 'damaged'),` +
		`(5, '2026-01-02T03:04:09', 'one', 3, '{"h": {"_type": "trackio.histogram", "bins": [0, 1], "values": [3]},` +
		` "t": {"_type": "trackio.table", "_value": [{"x": 1, "y": "a"}]}, "z": {"_type": "trackio.trace"},` +
		` "i": {"_type": "trackio.image", "file_path": "p/one/3/a.png", "caption": "c"},` +
		` "e": {"_type": "trackio.image", "file_path": "../../etc/passwd"},` +
		` "s": {"_type": "trackio.image", "file_path": "link/a.png"}}')`,
	"INSERT INTO configs VALUES (1, 'one', '{\"lr\": 0.1, \"n\": 3, \"m\": {\"a\": [1]}, \"_Username\": \"ann\", " +
		"\"_Created\": \"2026-01-02T03:04:05+00:00\", \"_Group\": \"g\"}', '2026-01-02T03:04:05')",
	`INSERT INTO system_metrics VALUES (1, '2026-01-02T03:04:08', 'one', '{"gpu/0": {"power": 30}}')`,
	"INSERT INTO traces VALUES ('a')",
	"INSERT INTO newer VALUES (1), (2)",
}

// newer turns the tables into those of versions with ids.
var newer = []string{
	"ALTER TABLE metrics ADD COLUMN run_id TEXT", "ALTER TABLE configs ADD COLUMN run_id TEXT",
	"ALTER TABLE system_metrics ADD COLUMN run_id TEXT", "UPDATE metrics SET run_id = 'id of ' || run_name",
	"UPDATE configs SET run_id = 'id of ' || run_name", "UPDATE system_metrics SET run_id = 'id of ' || run_name",
	"UPDATE metrics SET metrics = CAST(metrics AS BLOB)", "CREATE TABLE alerts (id INTEGER PRIMARY KEY, run_id TEXT, " +
		"timestamp TEXT, run_name TEXT, title TEXT, text TEXT, level TEXT, step INTEGER)",
	"INSERT INTO alerts VALUES (1, 'id of two', '2026-01-02T03:04:07', 'two', 'hot', 'too hot', 'warn', 4)",
}

func databaseOf(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bikes.db")
	sqlitetest.Script(t, path, statements...)
	folder := filepath.Join(filepath.Dir(path), "media/p/one/3")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.png"), []byte("an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("p/one/3", filepath.Join(filepath.Dir(path), "media/link")); err != nil {
		t.Skip(err)
	}
	return path
}

// Runs of both layouts are imported, once, also when Trackio has changed the layout meanwhile.
func TestImport(t *testing.T) {
	path := databaseOf(t, old...)
	r := project(t)
	if !Found(t.Context(), path) || !Found(t.Context(), filepath.Dir(path)) || Found(t.Context(), t.TempDir()) {
		t.Error("what is a database of Trackio's is not found")
	}
	done, err := Import(t.Context(), r, importer.Request{Path: path})
	if err != nil || len(done.Runs) != 2 {
		t.Fatal(done, err)
	}
	one := check(t, r, done)
	if one.Key != "" {
		t.Errorf("key %q", one.Key)
	}
	sqlitetest.Script(t, path, newer...)
	again, err := Import(t.Context(), r, importer.Request{Path: filepath.Dir(path)})
	if err != nil || len(again.Runs) > 0 || len(again.Present) != 1 || len(again.Refused) != 1 ||
		!strings.Contains(again.Refused[0].Err.Error(), "its log two has changed since it was imported") {
		t.Errorf("again: %+v, %v", again, err) // two has an alert that is new
	}
	other := project(t)
	fresh, err := Import(t.Context(), other, importer.Request{Path: path})
	if err != nil || len(fresh.Runs) != 2 {
		t.Fatal(fresh, err)
	}
	if one := check(t, other, fresh); one.Key != "id of one" {
		t.Errorf("key %q", one.Key)
	}
}

func check(t *testing.T, r *repo.Repository, done *importer.Imported) *repo.Entry {
	t.Helper()
	one, err := r.ReadFinished(done.Runs[0])
	if err != nil {
		t.Fatal(err)
	}
	if one.Name != "one" || one.Experiment != "bikes" || one.Author != "ann" || one.Group != "g" ||
		one.Params["lr"] != 0.1 || one.Params["n"] != int64(3) || one.Started.Second() != 5 || one.Ended.Second() != 9 {
		t.Errorf("%+v", one.Run)
	}
	if m := one.Metrics; len(m) != 4 || m["loss"].Last != 0.5 || !math.IsNaN(m["odd"].Last) || m["in.x"].Last != 2 {
		t.Errorf("%v", m)
	}
	var paths []string
	for _, a := range one.Artifacts {
		paths = append(paths, a.Path+" "+a.Kind+" "+a.Caption)
	}
	want := []string{"media/i_3_0.png image c", "media/t_3_0.table.json table "}
	if slices.Sort(paths); !slices.Equal(paths, want) {
		t.Errorf("artifacts %q", paths)
	}
	if got, want := strings.Join(done.Warnings, "\n"), "one: skipped files that are not in the folder media next to the "+
		"database: 2\none: skipped rows that are not JSON objects: 1\none: skipped values of kind trace: 1"; got != want {
		t.Error(got)
	}
	if got := fmt.Sprint(done.LeftOut); got != "[{trace 1} {unknown newer row 2}]" {
		t.Errorf("left out %s", got)
	}
	return one
}

// A database whose last changes are in a second file is refused, with the next step.
func TestJournal(t *testing.T) {
	path := databaseOf(t, append(slices.Clone(old), "PRAGMA journal_mode = WAL", "INSERT INTO newer VALUES (3)", "DIE")...)
	if !Found(t.Context(), path) {
		t.Error("it is not found")
	}
	_, err := Import(t.Context(), project(t), importer.Request{Path: path})
	var hint *repo.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "stop Trackio, then run in its folder: python3 -c") {
		t.Errorf("%v", err)
	}
}

func FuzzRow(f *testing.F) {
	f.Add(`{"loss": 1e999, "a": {"_type": "trackio.table", "_value": [{"x": 1}]}, "b": {"c": [1, {"file_path": "x"}]}}`)
	f.Add(`{"i": {"_type": "trackio.image", "file_path": "../a.png", "caption": "\u0000"}, "h": {"_type": "histogram"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		run := &storedRun{of: &database{folder: t.TempDir()}, name: "x", started: 1}
		r := &reading{run: run, out: importer.Discard{}, skipped: map[string]int{}, read: &importer.ReadResult{}}
		r.files = map[string]int{}
		var row map[string]any
		if decode([]byte(text), &row) != nil {
			return
		}
		r.flatten("", row, 1, 0)
		for _, a := range r.media {
			if format.CheckPath(a.line.Name) != nil {
				t.Errorf("%q gives the name %q", text, a.line.Name)
			}
		}
		if err := r.write(r.out.Line); err != nil {
			t.Error(err)
		}
		run.config = row
		if err := r.params(); err != nil {
			t.Error(err)
		}
	})
}
