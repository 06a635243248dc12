package repo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
	out, err := exec.Command(python, filepath.Join("..", "testdata", "readers", "read.py"), filepath.Join(res.Dir, MetricsName), want).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
