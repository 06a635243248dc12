package query

import (
	"math"

	"github.com/gitruns/runs/format"
)

// Summary sums up one metric of a group of runs. Each run contributes its best value by the goal, unless it is NaN.
type Summary struct {
	N        int
	Mean     float64
	SD       float64 // standard deviation of the sample, with n-1; NaN below two runs
	Best     float64
	BestRun  *format.Run
	Excluded int // runs whose value is NaN
}

// Summarize sums up a metric of runs.
func Summarize(runs []*format.Run, metric string, c Context) Summary {
	var s Summary
	var squares float64 // Welford's method, Technometrics 4 (1962)
	for _, r := range runs {
		m, ok := r.Metric(metric)
		if !ok {
			continue
		}
		goal := goalOf(m, metric, c)
		v := Best(m, goal)
		if math.IsNaN(v) {
			s.Excluded++
			continue
		}
		s.N++
		d := v - s.Mean
		s.Mean += d / float64(s.N)
		squares += d * (v - s.Mean)
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
