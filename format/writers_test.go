package format

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOtherWriters reads points that pyarrow wrote: in dictionaries, all encodings, other sizes and versions of pages,
// and several row groups. What a writer must do and a reader does not need is found by a verification.
func TestOtherWriters(t *testing.T) {
	python := os.Getenv("RUNS_TEST_PYTHON")
	if python == "" {
		t.Skip("RUNS_TEST_PYTHON names no python with pyarrow; .ci/run makes one")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "../testdata/readers/write.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want []keyed
	record := map[string]Metric{}
	for k, key := range []string{"a", "loss", "val/é"} {
		var sum tally
		for i := range 20_000 {
			n := 20_000*k + i
			v := float64(n) / 7
			if n%1000 == 7 {
				v = math.NaN()
			}
			p := Point{Step: int64(i), Time: 1_764_000_000_000_000 + 1000*int64(n), Value: v}
			want = append(want, keyed{key, p})
			sum.add(p)
		}
		record[key] = Metric{Last: sum.last.Value, Min: sum.min, Max: sum.max, Count: sum.count}
	}
	refused := map[string]string{
		"not-index": "the column key has no page index", "not-statistics": "has no page index",
		"not-zone":         "microseconds and no time zone",
		"not-milliseconds": "the column time is in milliseconds", "not-integers": "no unit",
		"not-sorted": "not sorted", "not-snappy": "only zstd",
	}
	files, err := filepath.Glob(dir + "/*.parquet")
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".parquet")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			err = m.Layout()
		}
		if err == nil {
			err = m.Agrees(t.Context(), record)
		}
		if reason := refused[name]; reason != "" || strings.HasPrefix(name, "not-") {
			if err == nil || reason == "" || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v, want %q", name, err, reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same := func(a, b keyed) bool {
			return a.key == b.key && a.Step == b.Step && a.Time == b.Time && sameFloat(a.Value, b.Value)
		}
		if !slices.EqualFunc(want, readPoints(t, data), same) {
			t.Errorf("%s: other points are read than were written", name)
		}
		if points, err := m.Points("loss"); err != nil || len(points) != 20_000 || points[9] != want[20_009].Point {
			t.Errorf("%s: %d points of loss: %v", name, len(points), err)
		}
	}
}
