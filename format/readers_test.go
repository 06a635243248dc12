package format

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOtherReaders lets pyarrow, pandas, Polars and DuckDB read points of several shapes, so that they meet each
// encoding that the writer chooses from.
func TestOtherReaders(t *testing.T) {
	python := os.Getenv("RUNS_TEST_PYTHON")
	if python == "" {
		t.Skip("RUNS_TEST_PYTHON names no python with pyarrow, pandas, Polars and DuckDB; .ci/run makes one")
	}
	for name, shape := range map[string]struct {
		keys, steps int
		value       func(r *rand.Rand) float64
	}{
		"no points":   {0, 0, nil},
		"four points": {4, 1, (*rand.Rand).NormFloat64},
		"noise":       {3, 100, (*rand.Rand).NormFloat64},
		"float32":     {3, 5000, func(r *rand.Rand) float64 { return float64(float32(r.NormFloat64())) }},
		"decimals":    {10, 3000, func(r *rand.Rand) float64 { return float64(r.IntN(1000)) / 1000 }},
		"constant":    {2, 60_000, func(*rand.Rand) float64 { return 0.5 }},
		"not numbers": {1, 10, func(r *rand.Rand) float64 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			s, same := NewPointSorter(t.TempDir()), NewPointSorter(t.TempDir()) // each and WriteParquet give up the points
			for step := range shape.steps {
				now := 1_764_000_000_000_000 + int64(step)*20_000 + r.Int64N(300)
				for k := range shape.keys {
					p := Point{Step: int64(step), Time: now, Value: shape.value(r)}
					key := "metric/" + string(rune('a'+k))
					if err := errors.Join(s.Add(key, p), same.Add(key, p)); err != nil {
						t.Fatal(err)
					}
				}
			}
			rows := []any{}
			err := same.each(func(key string, points []Point) error {
				for _, p := range points {
					rows = append(rows, []any{key, p.Step, p.Time, p.Value})
				}
				return nil
			})
			var file bytes.Buffer
			if err == nil {
				err = s.WriteParquet(&file)
			}
			path := filepath.Join(t.TempDir(), "metrics.parquet")
			if err == nil {
				err = os.WriteFile(path, file.Bytes(), 0o666)
			}
			if err == nil {
				err = os.WriteFile(path+".json", AppendJSON(nil, rows), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(python, "../testdata/readers/read.py", path, path+".json").CombinedOutput()
			if err != nil {
				t.Fatalf("%d bytes: %v\n%s", file.Len(), err, out)
			}
			t.Logf("%d bytes\n%s", file.Len(), out)
		})
	}
}
