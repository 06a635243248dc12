package format

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/gitruns/runs/format/internal/parquet"
)

// MaxCheckedPoints is the largest number of points that Agrees reads. It is bounded because a few bytes of a Parquet
// file can hold any number of equal points.
const MaxCheckedPoints = 20_000_000

// checkLayout checks what a writer must do and a reader of f does not need: the unit of time, and a page index for each
// of some columns, unless there are few rows.
func checkLayout(f *parquet.File, columns []int) error {
	for _, i := range columns {
		c := f.Columns[i]
		if c.Name == "time" && (c.Unit != parquet.Microsecond || !c.UTC) {
			zone := "UTC"
			if !c.UTC {
				zone = "no time zone"
			}
			return fmt.Errorf("the column time has %s and %s, and must have microseconds and UTC", c.Unit, zone)
		}
		if !f.HasIndex(i, parquet.IndexedRows, bounded(c.Name)) {
			return fmt.Errorf("the column %s has no page index", c.Name)
		}
	}
	return nil
}

// Layout returns an error unless the file has what its writer had to write besides the points: the unit of time and the
// page index. A reader does without them.
func (m *Metrics) Layout() error {
	list := slices.Clone(m.column[:runColumn])
	if at := m.column[labelsColumn]; at >= 0 {
		list = append(list, at)
	}
	return checkLayout(m.file, list)
}

// Layout returns an error unless the file has what its writer had to write besides the values: the unit of time and the
// page index. A reader does without them.
func (v *Values) Layout() error {
	return checkLayout(v.rows.file, []int{v.key.index, v.step.index, v.time.index, v.value.index})
}

// checkIndex compares the keys of each row group with its index, which most readers trust.
func (m *Metrics) checkIndex() error {
	for i := range m.spans {
		byIndex, err := m.spansOf(i)
		if err != nil {
			return err
		}
		keys, err := m.reader(keyColumn, i)
		if err == nil {
			err = keys.SeekRow(m.within[i].from)
		}
		l := spanList{check: CheckKey}
		if err == nil {
			err = l.read(keys, m.within[i].from, m.within[i].to)
		}
		if err == nil && !slices.Equal(l.spans, byIndex) {
			err = errors.New("its page index has other keys than its pages")
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMetrics, err)
		}
	}
	return nil
}

// Agrees returns an error unless the points agree with the table [metrics] of a record. The two must have the same
// keys, and for each key the same count, the same last value, and the same extremes with their first steps.
func (m *Metrics) Agrees(ctx context.Context, want map[string]Metric) error {
	if m.Rows() > MaxCheckedPoints {
		return fmt.Errorf("it has %d points, and at most %d are checked", m.Rows(), MaxCheckedPoints)
	}
	if err := m.checkIndex(); err != nil {
		return err
	}
	got := make(map[string]*tally, len(want))
	var before string
	err := m.Each(ctx, func(key string, points []Point) error {
		t := got[key]
		if t == nil {
			if _, ok := want[key]; !ok {
				return fmt.Errorf("it has points of %q, which is not in run.toml", key)
			}
			t = &tally{}
			got[key] = t
		}
		if key < before {
			return fmt.Errorf("%w: %w", ErrMetrics, errUnsorted)
		}
		before = key
		for i := range points {
			if t.count > 0 && comparePoints(t.last, points[i]) > 0 {
				return fmt.Errorf("%w: %w", ErrMetrics, errUnsorted)
			}
			t.add(points[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		t := got[key]
		if t == nil {
			return fmt.Errorf("it has no points of %q", key)
		}
		if err := t.agrees(want[key]); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

// tally accumulates the summary of one metric from its points, which are sorted.
type tally struct {
	count    int64
	last     Point
	min, max *Extreme
}

func (t *tally) add(p Point) {
	t.count++
	t.last = p
	switch {
	case math.IsNaN(p.Value):
		return
	case t.min == nil:
		t.min, t.max = &Extreme{p.Value, p.Step}, &Extreme{p.Value, p.Step}
		return
	}
	if p.Value < t.min.Value || p.Value == t.min.Value && p.Step < t.min.Step {
		*t.min = Extreme{p.Value, p.Step}
	}
	if p.Value > t.max.Value || p.Value == t.max.Value && p.Step < t.max.Step {
		*t.max = Extreme{p.Value, p.Step}
	}
}

func (t *tally) agrees(want Metric) error {
	if t.count == 1 {
		t.min, t.max = nil, nil
	}
	switch {
	case t.count != want.Count:
		return fmt.Errorf("the count is %d, and in run.toml %d", t.count, want.Count)
	case !sameFloat(t.last.Value, want.Last):
		return fmt.Errorf("the last value is %v, and in run.toml %v", t.last.Value, want.Last)
	case !sameExtreme(t.min, want.Min):
		return errors.New("the smallest value differs from run.toml")
	case !sameExtreme(t.max, want.Max):
		return errors.New("the largest value differs from run.toml")
	}
	return nil
}

func sameExtreme(a, b *Extreme) bool {
	return a == b || a != nil && b != nil && *a == *b
}
