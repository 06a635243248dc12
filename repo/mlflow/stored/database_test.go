package stored

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/sqlite/sqlitetest"
)

// imported imports a store into a new repository and returns its runs by MLflow's ids.
func imported(t *testing.T, path string) (map[string]*repo.Entry, *importer.Imported) {
	t.Helper()
	r := project(t)
	done, err := Import(t.Context(), r, importer.Request{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*repo.Entry{}
	for _, id := range done.Runs {
		e, err := r.ReadFinished(id)
		if err != nil {
			t.Fatal(err)
		}
		found[e.Key] = e
	}
	return found, done
}

const (
	oldExperiments = "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT)"
	oldRuns        = "CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, source_name TEXT, source_version TEXT, " +
		"user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT, lifecycle_stage TEXT, experiment_id INTEGER)"
)

// The first databases of MLflow had no steps, no mark of NaN and no table of last points. Their runs have the ids that
// they have from files.
func TestFirstDatabases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "any.sqlite3")
	sqlitetest.Script(t, path, oldExperiments, oldRuns,
		"CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT)",
		"CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)",
		"INSERT INTO experiments VALUES (0, 'Default'), (1, 'bikes')",
		"CREATE TABLE experiment_tags (key TEXT, value TEXT, experiment_id INTEGER)",
		"INSERT INTO experiment_tags VALUES ('team', 'sea', 1), ('path', '/home/ann/x', 1), ('a', 'b', 0), ('c', 'd', 9)",
		"INSERT INTO runs VALUES ('aaaa0000000000000000000000000001', 'first', 'D:\\code\\train.py', "+
			"'0123456789012345678901234567890123456789', 'ann', 'FINISHED', 1681560000000, 1681560060000, 'active', 1)",
		"INSERT INTO metrics VALUES ('loss', 0.5, 1681560001000, 'aaaa0000000000000000000000000001'), "+
			"('loss', 0.25, 1681560002000, 'aaaa0000000000000000000000000001')",
		"INSERT INTO params VALUES ('depth', '3', 'aaaa0000000000000000000000000001')")
	runs, done := imported(t, path)
	e := runs["aaaa0000000000000000000000000001"]
	if got := fmt.Sprint(done.LeftOut); got != "[{experiment tag 1}]" {
		t.Errorf("left out %s", got)
	}
	if e == nil || e.Name != "first" || e.Experiment != "bikes" || e.Author != "ann" || e.Params["depth"] != int64(3) ||
		e.Metrics["loss"].Last != 0.25 || e.Metrics["loss"].Count != 2 || e.Source.Commit == "" ||
		strings.Join(e.Command, " ") != "train.py" {
		t.Fatalf("%+v", e)
	}
	bikes, err := e.Repository().Experiment(t.Context(), "bikes")
	if err != nil || fmt.Sprint(bikes.Tags) != "map[path:x team:sea]" {
		t.Errorf("%+v, %v", bikes, err)
	}
	files := t.TempDir()
	write(t, files, "mlruns/1/meta.yaml", "experiment_id: '1'\nname: bikes\n")
	write(t, files, "mlruns/1/a/meta.yaml",
		"run_id: aaaa0000000000000000000000000001\nstart_time: 1681560000000\nstatus: 3\n")
	fromFiles, _ := imported(t, files)
	if other := fromFiles["aaaa0000000000000000000000000001"]; other == nil || other.ID != e.ID {
		t.Errorf("%s from files, %s from a database", other.ID, e.ID)
	}
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Values of wrong types, times out of bounds, names with escapes and runs without an experiment do no harm.
func TestOddDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mlflow.db")
	sqlitetest.Script(t, path, oldExperiments, oldRuns,
		"CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan)",
		"CREATE TABLE params (key, value, run_uuid)", "CREATE TABLE tags (key, value, run_uuid)",
		"CREATE TABLE datasets (dataset_uuid, name, digest, dataset_source_type, dataset_source)",
		"CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, destination_id)",
		"CREATE TABLE newer (a)", "INSERT INTO newer VALUES (1)",
		"INSERT INTO runs (run_uuid, status, start_time, end_time, experiment_id) VALUES "+
			"('../../escape', 'FINISHED', 1681560000000, -5, 77), ('no start', 'FINISHED', NULL, 5, 0), "+
			"('late', 'FINISHED', 9223372036854775807, 5, 0), (x'ff00', 'FINISHED', 1681560000000, 5, 0), "+
			"(char(27) || '[31m', 'ODD', 1681560000000, 'x', 'y')",
		"INSERT INTO metrics VALUES ('a', 'text', 'x', '../../escape', 'y', 'z'), (NULL, 1, 1, '../../escape', 1, 0), "+
			"(x'fffe', 1e999, -9223372036854775808, '../../escape', 9223372036854775807, 0), "+
			"('../b', 3, 1681560000500, '../../escape', -1, 0), ('a', 1, 1, 'unknown', 1, 0)",
		"INSERT INTO params VALUES ('../p', x'00ff', '../../escape'), ('', '', '../../escape')",
		"INSERT INTO tags VALUES ('mlflow.parentRunId', '../../escape', '../../escape'), (5, 6, '../../escape')",
		"INSERT INTO datasets VALUES ('d', char(10) || 'x', '../y', 'local', '{\"uri\": \"/etc/passwd\"}')",
		"INSERT INTO inputs VALUES ('i', 'DATASET', 'd', 'RUN', '../../escape'), "+
			"('i', 'DATASET', 'e', 'RUN', '../../escape')")
	runs, done := imported(t, path)
	e := runs["../../escape"]
	if len(done.Runs) != 2 || len(done.Refused) != 2 || e == nil {
		t.Fatalf("%d runs, refused %v", len(done.Runs), done.Refused)
	}
	if e.Experiment != "77" || !math.IsNaN(e.Metrics["a"].Last) || e.Metrics["../b"].Last != 3 || len(e.Metrics) != 3 {
		t.Errorf("%q %v", e.Experiment, e.Metrics)
	}
	if len(e.Datasets) != 1 || e.Datasets[0].Source != "passwd" || e.Datasets[0].Name != "_x" {
		t.Errorf("%+v", e.Datasets)
	}
	if got := fmt.Sprint(done.LeftOut); got != "[{unknown newer row 1}]" {
		t.Errorf("left out %s", got)
	}
}

// A database whose last changes are in a second file is refused, with the next step.
func TestHotDatabase(t *testing.T) {
	for name, mode := range map[string]string{"mlflow.db-wal": "WAL", "mlflow.db-journal": "DELETE"} {
		path := filepath.Join(t.TempDir(), "mlflow.db")
		sqlitetest.Script(t, path, "PRAGMA journal_mode = "+mode, "PRAGMA cache_size = 1", oldExperiments, oldRuns, "BEGIN",
			"INSERT INTO experiments WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9000) "+
				"SELECT x, x FROM c", "DIE")
		_, err := Import(t.Context(), project(t), importer.Request{Path: filepath.Dir(path)})
		var hint *repo.HintError
		if !errors.As(err, &hint) || err.Error() != name+" holds changes that are not in the database yet" ||
			!strings.Contains(hint.Hint, "stop MLflow, then run in its folder: python3 -c") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRun reads a run of a store of files whose texts are hostile.
func FuzzRun(f *testing.F) {
	f.Add("run_id: a\nstart_time: 1681560000000\nstatus: 3\n", "1681560000000 0.5 1 data set abc\n", "a/b")
	f.Add("run_uuid: ../a\nstart_time: 1.5e12\nend_time: x\nartifact_uri: file:///etc\n", "1 nan\n2 1e999 x\n", "..")
	f.Fuzz(func(t *testing.T, meta, metrics, tag string) {
		dir := t.TempDir()
		write(t, dir, "mlruns/1/meta.yaml", "experiment_id: '1'\nname: x\n")
		write(t, dir, "mlruns/1/run/meta.yaml", meta)
		write(t, dir, "mlruns/1/run/metrics/loss", metrics)
		write(t, dir, "mlruns/1/run/tags/mlflow.source.name", tag)
		write(t, dir, "mlruns/1/models/m-1/meta.yaml", meta)
		write(t, dir, "mlruns/1/models/m-1/metrics/loss", metrics)
		none := repo.OpenCopy(filepath.Join(dir, ".runs"))
		done, err := Import(t.Context(), none, importer.Request{Path: dir, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(metrics, "\n") + 1; done.Points > int64(2*n) {
			t.Errorf("%d points of %d lines", done.Points, n)
		}
	})
}

// The files of a logged model are artifacts of the run that made it, and so is a model among the run's own files. One
// whose files are elsewhere is named.
func TestModelFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "mlruns/1/meta.yaml", "experiment_id: '1'\nname: x\n")
	write(t, dir, "mlruns/1/run/meta.yaml", "run_id: run\nstart_time: 1681560000000\nstatus: 3\n")
	write(t, dir, "mlruns/1/run/artifacts/models/first/MLmodel", "of the run")
	write(t, dir, "mlruns/1/run/artifacts/models/first/data/weights", "of the run")
	write(t, dir, "mlruns/1/run/artifacts/a.txt", "text")
	for _, id := range []string{"m-1", "m-2", "m-3"} {
		name := map[string]string{"m-1": "first", "m-2": "second", "m-3": "gone"}[id]
		write(t, dir, "mlruns/1/models/"+id+"/meta.yaml", "model_id: "+id+"\nname: "+name+"\nsource_run_id: run\n")
		if id != "m-3" {
			write(t, dir, "mlruns/1/models/"+id+"/artifacts/MLmodel", id)
		}
	}
	runs, done := imported(t, dir)
	var got []string
	for _, a := range runs["run"].Artifacts {
		got = append(got, a.Path+" "+a.Kind)
	}
	want := "a.txt file, models/first/MLmodel model, models/first/data/weights model, models/m-1/MLmodel model, " +
		"models/second/MLmodel model"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("artifacts: %s", s)
	}
	if s := strings.Join(done.Warnings, "\n"); s != "run: skipped 1 model whose files are not below PATH, such as gone" {
		t.Error(s)
	}
}
