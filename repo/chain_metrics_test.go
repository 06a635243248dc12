package repo

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
)

// randomChain records a chain of runs whose parts may go back, go on, leave a gap, or lack a metric. The newest part
// may still be active. In half of the chains, some points have labels. It returns the parts, newest first.
func randomChain(t *testing.T, r *Repository, random *rand.Rand) []*Entry {
	var parts []*Entry
	step := int64(0)
	labeled := random.IntN(2) == 0
	for n := 2 + random.IntN(3); len(parts) < n; {
		run := &format.Run{}
		if len(parts) > 0 {
			run.Resumes, run.Adds = parts[0].ID, random.IntN(3) == 0
		}
		a, err := r.Start(t.Context(), run, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		step = max(0, step+int64(random.IntN(7))-4)
		for range 1 + random.IntN(6) {
			l := &format.Line{HasStep: true, Step: step}
			if set := random.IntN(3); labeled && set > 0 {
				var err error
				if l.Labels, err = format.NewLabels(map[string]any{"set": int64(set)}); err != nil {
					t.Fatal(err)
				}
			}
			for _, key := range []string{"a", "b", "c"} {
				if random.IntN(3) > 0 {
					v := float64(random.IntN(5))
					if v == 4 && random.IntN(2) == 0 {
						v = math.NaN()
					}
					l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: v})
				}
			}
			if err := a.AppendShared(l); err != nil {
				t.Fatal(err)
			}
			step += int64(random.IntN(3))
		}
		if len(parts) < n-1 || random.IntN(2) == 0 {
			if _, err := a.Finish(t.Context(), Finish{Status: format.Killed}); err != nil {
				t.Fatal(err)
			}
		}
		e, err := r.Read(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		parts = slices.Insert(parts, 0, e)
	}
	return parts
}

// countingPoints returns the points of the parts that count by the rule of chains, as it is written: a point does not
// count if a later part that repeats steps has one of the same series at the same or a lower step.
func countingPoints(t *testing.T, parts []*Entry) map[string][]format.Point {
	counting := map[string][]format.Point{}
	for i, part := range slices.Backward(parts) {
		err := part.EachPoint(t.Context(), PointFilter{}, func(key string, p format.Point) error {
			for _, later := range parts[:i] {
				points, err := later.Points(t.Context(), key)
				if err != nil {
					return err
				}
				replaces := func(q format.Point) bool { return q.Labels == p.Labels && q.Step <= p.Step }
				if !later.Adds && slices.ContainsFunc(points, replaces) {
					return nil
				}
			}
			counting[key] = append(counting[key], p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, points := range counting {
		sortPoints(points)
	}
	return counting
}

// TestChainMetrics: the metrics of a chain are those of the points that count, whatever its parts repeated.
func TestChainMetrics(t *testing.T) {
	r, _, err := Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(25) {
		parts := randomChain(t, r, rand.New(rand.NewPCG(seed, 7)))
		got, err := ChainMetrics(t.Context(), parts)
		if err != nil {
			t.Fatal(err)
		}
		counting := countingPoints(t, parts)
		want := map[string]format.Metric{}
		run := *parts[0].Run
		run.Metrics = got // the keys
		err = parts[0].Continuing(&run, parts[1:]).EachPoints(t.Context(), func(key string, points []format.Point) error {
			var c curve
			for _, p := range points {
				c.add(p)
			}
			if d := cmp.Diff(counting[key], points, cmpopts.EquateNaNs()); d != "" {
				t.Fatalf("seed %d, %d parts, %s (-rule +points):\n%s", seed, len(parts), key, d)
			}
			want[key] = c.metric(got[key].Goal)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("seed %d, %d parts (-points +metrics):\n%s", seed, len(parts), d)
		}
	}
}

// TestJoinedSeries: a later part replaces only the points with its labels.
func TestJoinedSeries(t *testing.T) {
	a, err := format.NewLabels(map[string]any{"set": "a"})
	if err != nil {
		t.Fatal(err)
	}
	var all joined
	all.put(&format.Run{}, []format.Point{{Step: 1, Value: 5, Labels: a}, {Step: 4, Value: 6, Labels: a}})
	all.put(&format.Run{}, []format.Point{
		{Step: 0, Value: 1, Labels: a}, {Step: 1, Value: 2}, {Step: 2, Value: 3, Labels: a}, {Step: 3, Value: 4},
	})
	want := []format.Point{
		{Step: 0, Value: 1, Labels: a},
		{Step: 1, Value: 2},
		{Step: 1, Value: 5, Labels: a},
		{Step: 3, Value: 4},
		{Step: 4, Value: 6, Labels: a},
	}
	if d := cmp.Diff(want, all.points); d != "" {
		t.Error(d)
	}
}

// TestChainWithoutPoints: if the points of a part are lost, its record still counts, and the doubt is reported.
func TestChainWithoutPoints(t *testing.T) {
	r, _, err := Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var parts []*Entry
	for _, steps := range [][]int64{{0, 1, 2, 3}, {2, 3}} {
		a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			l := &format.Line{HasStep: true, Step: step, Metrics: []format.MetricValue{{Key: "a", Value: float64(step)}}}
			if err := a.AppendShared(l); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Finish(t.Context(), Finish{}); err != nil {
			t.Fatal(err)
		}
		e, err := r.Read(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		parts = slices.Insert(parts, 0, e)
	}
	if m, err := ChainMetrics(t.Context(), parts); err != nil || m["a"].Count != 4 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := os.Remove(filepath.Join(parts[1].Dir, MetricsName)); err != nil {
		t.Fatal(err)
	}
	if m, err := ChainMetrics(t.Context(), parts); err == nil || m["a"].Count != 6 || m["a"].Last != 3 {
		t.Errorf("%+v, %v", m, err)
	}
}
