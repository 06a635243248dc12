package format

import "cmp"

// Point is one value of one metric.
type Point struct {
	Step   int64
	Time   int64 // µs since 1970 UTC
	Value  float64
	Labels Labels
}

// comparePoints orders the points of one metric by step, and then by time.
func comparePoints(a, b Point) int {
	if a.Step != b.Step {
		return cmp.Compare(a.Step, b.Step)
	}
	return cmp.Compare(a.Time, b.Time)
}

// Thin reduces points to at most n, which are evenly spaced by index. It keeps the first and the last. If there are no
// more than n points, it returns points itself.
func Thin(points []Point, n int) []Point {
	if len(points) <= n {
		return points
	}
	if n < 2 {
		return points[len(points)-max(0, n):]
	}
	thin := make([]Point, n)
	for i := range thin {
		thin[i] = points[int(int64(i)*int64(len(points)-1)/int64(n-1))]
	}
	return thin
}
