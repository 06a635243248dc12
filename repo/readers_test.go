package repo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// TestOtherReaders lets pyarrow, pandas, Polars and DuckDB read what a finish wrote, NaN and infinities too.
func TestOtherReaders(t *testing.T) {
	python := os.Getenv("RUNS_TEST_PYTHON")
	if python == "" {
		t.Skip("RUNS_TEST_PYTHON names no python with pyarrow, pandas, polars and duckdb; .ci/run makes one")
	}
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	var parser format.JournalParser
	for i := range int64(3000) {
		var l format.Line
		text := `{"t":1764000000.25,"m":{"loss":0.5,"val/acc":NaN,"up":Infinity,"down":-Infinity,"é":1e-300}}`
		if err := parser.Parse([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		l.HasStep, l.Step, l.Time = true, (i*7919)%3000-1000, l.Time+i
		l.Metrics[0].Value = float64(i) / 7
		if err := j.Append(&l); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Read(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	rows := []any{}
	err = e.EachPoints(context.Background(), func(key string, points []format.Point) error {
		for _, p := range points {
			rows = append(rows, []any{key, p.Step, p.Time, p.Value})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(t.TempDir(), "points.json")
	if err := os.WriteFile(want, format.AppendJSON(nil, rows), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(
		python, filepath.Join("..", "testdata", "readers", "read.py"), filepath.Join(res.Dir, MetricsName), want,
	).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	readBySpec(t, python, r, res)
}

// specReader is the reader that SPEC.md shows in an appendix.
const specReader = "../testdata/readers/spec.py"

// readBySpec lets the reader of SPEC.md read a run, and makes it refuse the run once its points are damaged.
func readBySpec(t *testing.T, python string, r *Repository, res *Result) {
	if exec.Command(python, "-c", "import tomllib").Run() != nil {
		t.Log("the reader of SPEC.md needs Python 3.11")
		return
	}
	read := func(dir string) (printed, problems string) {
		var out, err bytes.Buffer
		cmd := exec.Command(python, specReader, dir)
		cmd.Stdout, cmd.Stderr = &out, &err
		if failed := cmd.Run(); failed != nil {
			t.Fatalf("%v\n%s", failed, &err)
		}
		return out.String(), err.String()
	}
	want := `{"id": "` + res.Run.ID + `", "status": "finished", "points": 15000}` + "\n"
	if printed, problems := read(r.Dir); printed != want || problems != "" {
		t.Errorf("%s%s, not %s", printed, problems, want)
	}
	points := filepath.Join(res.Dir, MetricsName)
	data, err := os.ReadFile(points)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(points, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if printed, problems := read(r.Dir); printed != "" || !strings.Contains(problems, "damaged: ") {
		t.Errorf("a run with damaged points is read: %s%s", printed, problems)
	}
	if printed, problems := read("../testdata/vectors/repository"); !strings.Contains(printed, `"name": "vector"`) ||
		problems != "" {
		t.Errorf("the run of the vectors: %s%s", printed, problems)
	}
	if printed, problems := read("../testdata/releases/future"); !strings.Contains(printed, `"name": "later"`) ||
		strings.Contains(printed, "packed") || !strings.Contains(problems, "it requires ['pack']") {
		t.Errorf("the runs of a later version: %s%s", printed, problems)
	}
}

// The appendix of SPEC.md shows the reader that TestOtherReaders runs.
func TestSpecShowsItsReader(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := os.ReadFile(specReader)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(spec), "```python\n"+string(reader)+"```\n") {
		t.Errorf("SPEC.md does not show %s as it is", specReader)
	}
}
