package curve

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
)

// Points are the points of a metric of a run that have the same labels, ordered by step and time, by columns.
type Points struct {
	Labels format.Labels
	Steps  Ints
	Times  Ints // in µs since 1970; empty if they were not asked for
	Values []float64
}

// Bytes returns the memory of the points in bytes.
func (p *Points) Bytes() int64 { return p.Steps.Bytes() + p.Times.Bytes() + 8*int64(cap(p.Values)) }

// Collector takes the points of a metric piece by piece, and divides them by their labels.
type Collector struct {
	times    bool
	most     int
	n        int
	series   map[format.Labels]*collected
	recent   *collected // that took the last point
	unsorted bool
}

// collected is the points of one set of labels.
type collected struct {
	Points
	last format.Point
}

// NewCollector returns a collector that keeps the times only if times is true. most is how many points are expected.
func NewCollector(times bool, most int) *Collector {
	return &Collector{times: times, most: most, series: map[format.Labels]*collected{}}
}

// Add appends points.
func (c *Collector) Add(points []format.Point) {
	for _, p := range points {
		s := c.recent
		if s == nil || s.Labels != p.Labels {
			s = c.of(p.Labels)
		}
		if len(s.Values) > 0 && (p.Step < s.last.Step || p.Step == s.last.Step && p.Time < s.last.Time) {
			c.unsorted = true
		}
		s.last = p
		s.Steps.add(p.Step, cap(s.Values))
		if c.times {
			s.Times.add(p.Time, cap(s.Values))
		}
		s.Values = append(s.Values, p.Value)
	}
	c.n += len(points)
}

// of returns the place of labels. The first one gets the memory that all points need, because most metrics have no
// labels.
func (c *Collector) of(l format.Labels) *collected {
	s := c.series[l]
	if s == nil {
		s = &collected{Points: Points{Labels: l}}
		if len(c.series) == 0 {
			s.Values = make([]float64, 0, c.most)
		}
		c.series[l] = s
	}
	c.recent = s
	return s
}

// Len returns how many points were added.
func (c *Collector) Len() int { return c.n }

// Sorted reports whether the points of each set of labels came ordered by step and time. If not, they must be sorted
// before they are used.
func (c *Collector) Sorted() bool { return !c.unsorted }

// Series returns the points of each set of labels, sorted by them as format.SplitSeries does. If there are no points,
// it returns one series that is empty.
func (c *Collector) Series() []*Points {
	if len(c.series) == 0 {
		return []*Points{{}}
	}
	all := make([]*Points, 0, len(c.series))
	for _, l := range slices.SortedFunc(maps.Keys(c.series), format.Labels.Compare) {
		all = append(all, &c.series[l].Points)
	}
	return all
}
