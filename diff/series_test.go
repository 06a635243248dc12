package diff

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func points(values ...float64) (p []format.Point) {
	for i, v := range values {
		p = append(p, format.Point{Step: int64(i), Time: int64(i) * 7, Value: v})
	}
	return p
}

func TestCompareSeries(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		a, b []format.Point
		want Sameness
	}{
		{"nothing", nil, nil, Identical},
		{"the same", points(1, nan, inf, 0), points(1, nan, inf, 0), Identical},
		{"a last bit", points(1, math.Nextafter(0.3, 1)), points(1, 0.3), Within},
		{"zero has two signs", points(0), points(math.Copysign(0, -1)), Within},
		{"far off", points(1, 2), points(1, 2.1), Different},
		{"against infinity", points(1), points(inf), Different},
		{"against NaN", points(1), points(nan), Different},
		{"one point fewer", points(1, 2), points(1), Different},
		{"other steps", points(1, 2), []format.Point{{Step: 1, Value: 2}, {Step: 2, Value: 1}}, Different},
		{"not logged again", points(1), nil, Missing},
		{"logged for the first time", nil, points(1), New},
	} {
		if got := CompareSeries(c.a, c.b, 1e-9); got.Sameness != c.want {
			t.Errorf("%s: %v, want %v: %+v", c.name, got.Sameness, c.want, got)
		}
	}
	got := CompareSeries(points(1, 10, 100), points(1, 11, 100), 0)
	want := Series{Sameness: Different, Relative: 1.0 / 11, Absolute: 1, Step: 1, Points: [2]int{3, 3}, Common: 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestTolerance: a tolerance is decided with the numbers as people write them.
func TestTolerance(t *testing.T) {
	for _, c := range []struct {
		a, b, tolerance float64
		want            Sameness
	}{
		{0.8, 0.72, 0.1, Within}, // 0.8 - 0.72 is more than a tenth of 0.8 in floats
		{0.72, 0.8, 0.1, Within},
		{0.8, 0.7199999, 0.1, Different},
		{1, 0.98, 0.02, Within},
		{1, 0.98, 0.0199999999999, Different},
		{-1, 1, 2, Within},
		{-1, 1, 1.9, Different},
		{1, 1, 0, Identical},
		{0, 1e-300, 0.5, Different},
		{1.7e308, -1.7e308, 2, Within},
		{1.7e308, -1.7e308, 1.9, Different},
		{1, math.Inf(1), 1, Different},
		{math.NaN(), 1, 1, Different},
		{math.NaN(), math.NaN(), 0, Identical},
	} {
		if got := CompareSeries(points(c.a), points(c.b), c.tolerance).Sameness; got != c.want {
			t.Errorf("%v and %v within %v: %s, want %s", c.a, c.b, c.tolerance, got, c.want)
		}
	}
}
