package query

import (
	"cmp"
	"math"

	"github.com/gitruns/runs/format"
)

// Summary sums up the numbers that runs have for a key.
type Summary struct {
	N       int // runs with a number
	Mean    float64
	SD      float64 // standard deviation of the sample, with n-1; NaN below two runs
	Best    float64 // by the goal of the metric, otherwise the largest
	BestRun *format.Run
}

// Summarize sums up the values of a key, as Value returns them. It leaves out values that are not finite numbers.
func Summarize(runs []*format.Run, key string, c Context) Summary {
	f := newField(key)
	goal := f.goal(Records(runs), c)
	var s Summary
	var squares float64 // Welford's method, Technometrics 4 (1962)
	for _, r := range runs {
		d, ok := f.value(Record(r), c)
		if !ok || !d.isNumber() {
			continue
		}
		v := d.float()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		s.N++
		delta := v - s.Mean
		s.Mean += delta / float64(s.N)
		squares += delta * (v - s.Mean)
		if s.N == 1 || goal == format.GoalMin && v < s.Best || goal != format.GoalMin && v > s.Best {
			s.Best, s.BestRun = v, r
		}
	}
	s.SD = math.NaN()
	if s.N > 1 {
		s.SD = math.Sqrt(squares / float64(s.N-1))
	}
	return s
}

// MetricOf returns the name of the metric that a key refers to in the first run that has it. It returns "" if the key
// is not a metric of the runs.
func MetricOf(rows []Row, key string) string {
	f := newField(key)
	if f.scope != inAll && f.scope != inMetrics {
		return ""
	}
	for _, r := range rows {
		for _, name := range []string{cmp.Or(f.plain, f.name), f.base} {
			if _, ok := metricOf(r, name); ok && name != "" {
				return name
			}
		}
	}
	return ""
}

// Descending reports whether sorting groups by SPEC, as for Sort, puts the largest value first.
func Descending(rows []Row, spec string, c Context) bool {
	key, up, down := cutDirection(spec)
	f := newField(key)
	return down || !up && f.goal(rows, c) == format.GoalMax
}
