package format

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitSeries(t *testing.T) {
	a, b := labels(t, map[string]any{"dataset": "a"}), labels(t, map[string]any{"dataset": "b"})
	points := []Point{{Step: 1, Labels: b}, {Step: 2}, {Step: 3, Labels: a}, {Step: 4, Labels: b}}
	want := []LabeledPoints{{Labels{}, points[1:2]}, {a, points[2:3]}, {b, []Point{points[0], points[3]}}}
	if d := cmp.Diff(want, SplitSeries(points)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[2].Points, MainSeries(points)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]LabeledPoints{{a, points[2:3]}}, SplitSeries(points[2:3])); d != "" {
		t.Error(d)
	}
	if SplitSeries(nil) != nil || MainSeries(nil) != nil {
		t.Error("no points have a series")
	}
	x, y := MainPair(points, []Point{{Step: 5, Labels: a}, {Step: 6, Labels: a}})
	if len(x) != 1 || x[0].Step != 3 || len(y) != 2 {
		t.Errorf("the pair is %v and %v", x, y)
	}
	if x, y = MainPair(points[2:3], points[1:2]); x[0].Step != 3 || y[0].Step != 2 {
		t.Errorf("without labels in common, the pair is %v and %v", x, y)
	}
}
