package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// Points are compared with those of the same labels, also where other labels have points at the same steps.
func TestCompareSeriesByLabels(t *testing.T) {
	val, test := dataset(t, "val"), dataset(t, "test")
	at := func(step int64, v float64, l format.Labels) format.Point {
		return format.Point{Step: step, Value: v, Labels: l}
	}
	a := []format.Point{at(0, 1, val), at(0, 2, test), at(1, 3, val), at(1, 4, test)}
	for _, c := range []struct {
		name string
		b    []format.Point
		want Series
	}{
		{
			"in another order",
			[]format.Point{a[1], a[0], a[3], a[2]},
			Series{Sameness: Identical, Points: [2]int{4, 4}, Common: 4},
		},
		{
			"one value differs",
			[]format.Point{a[0], a[1], a[2], at(1, 8, test)},
			Series{Sameness: Different, Relative: 0.5, Absolute: 4, Step: 1, Points: [2]int{4, 4}, Common: 4},
		},
		{
			"labels exchanged",
			[]format.Point{at(0, 1, test), at(0, 2, val)},
			Series{Sameness: Different, Relative: 0.5, Absolute: 1, Points: [2]int{4, 2}, Common: 2},
		},
		{
			"a series is missing",
			[]format.Point{a[0], a[2]},
			Series{Sameness: Different, Points: [2]int{4, 2}, Common: 2},
		},
		{
			"no labels",
			[]format.Point{at(0, 1, format.Labels{}), at(1, 3, format.Labels{})},
			Series{Sameness: Different, Points: [2]int{4, 2}},
		},
		{"no points", nil, Series{Sameness: Missing, Points: [2]int{4, 0}}},
	} {
		if d := cmp.Diff(c.want, CompareSeries(a, c.b, 0)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func dataset(t *testing.T, name string) format.Labels {
	t.Helper()
	l, err := format.NewLabels(map[string]any{"dataset": name})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
