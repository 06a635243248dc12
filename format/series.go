package format

import (
	"maps"
	"slices"
)

// LabeledPoints are the points of a metric that have the same labels.
type LabeledPoints struct {
	Labels Labels
	Points []Point
}

// SplitSeries divides the points of a metric by their labels, and keeps their order. The series are sorted by their
// labels, beginning with the points that have none. If all points have the same, it returns points itself.
func SplitSeries(points []Point) []LabeledPoints {
	if len(points) == 0 {
		return nil
	}
	first := points[0].Labels
	if !slices.ContainsFunc(points, func(p Point) bool { return p.Labels != first }) {
		return []LabeledPoints{{first, points}}
	}
	byLabels := map[Labels][]Point{}
	for _, p := range points {
		byLabels[p.Labels] = append(byLabels[p.Labels], p)
	}
	var all []LabeledPoints
	for _, l := range slices.SortedFunc(maps.Keys(byLabels), Labels.Compare) {
		all = append(all, LabeledPoints{l, byLabels[l]})
	}
	return all
}

// MainSeries returns the points of the series that stands for a metric where there is room for one curve: the one with
// most points, and of several such the first by its labels.
func MainSeries(points []Point) []Point {
	var main []Point
	for _, s := range SplitSeries(points) {
		if len(s.Points) > len(main) {
			main = s.Points
		}
	}
	return main
}

// MainPair is like MainSeries for the points of two runs that are compared: of the labels that both have, it takes
// those with most points. If they have none in common, it returns the main series of each.
func MainPair(a, b []Point) (x, y []Point) {
	others := map[Labels][]Point{}
	for _, s := range SplitSeries(b) {
		others[s.Labels] = s.Points
	}
	for _, s := range SplitSeries(a) {
		if other := others[s.Labels]; other != nil && len(s.Points)+len(other) > len(x)+len(y) {
			x, y = s.Points, other
		}
	}
	if x == nil {
		return MainSeries(a), MainSeries(b)
	}
	return x, y
}
