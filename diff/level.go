package diff

import (
	"math"

	"github.com/gitruns/runs/format"
)

// Choice says which value of a metric stands for a run.
type Choice struct {
	Value    string // format.LastValue, format.BestValue or format.ValueAtBest
	SelectBy string // metric whose best step counts, for format.ValueAtBest
	Goal     string // of SelectBy
}

// Level summarizes a metric on one side.
type Level struct {
	Value       float64 // that is compared; for a group, the mean; NaN if no run counts
	Step        int64   // of Value, for a single run if HasStep
	HasStep     bool
	Last        float64        // of the newest run
	Best        float64        // by the goal, or the last value without a goal; for a group, the mean of the best values
	BestStep    int64          // of a single run with more than one point
	HasBestStep bool           //
	N           int            // runs that count
	Values      []float64      // of the runs that count
	SD          float64        // of a group; NaN below two runs
	Lost        []Lost         // runs that do not count
	Evaluations [2]int64       // the fewest and the most points of a run that counts
	Curve       []format.Point // thinned to CurvePoints; only of single runs whose points were compared
}

// CurvePoints is how many points of a curve a comparison keeps.
const CurvePoints = 400

// lost returns how many runs are lost for good.
func (l *Level) lost() int {
	n := 0
	for _, r := range l.Lost {
		if !r.Why.Pending() {
			n++
		}
	}
	return n
}

// chosen is the value of a run that is compared.
type chosen struct {
	value float64
	step  int64
	steps bool // whether the value has a step
	loss  Loss
}

// Level summarizes a metric of the runs of one side. It also returns the values of s.Runs in their order, NaN for those
// that do not count. It returns nil if no run has the metric.
func (s Side) Level(key, goal string, choice Choice) (*Level, []float64) {
	l := &Level{SD: math.NaN(), Last: math.NaN(), Best: math.NaN(), Value: math.NaN()}
	found := false
	values := make([]float64, len(s.Runs))
	var best []float64
	for i, r := range s.Runs {
		values[i] = math.NaN()
		m, ok := r.Metric(key)
		c := s.choose(r, key, goal, choice)
		if ok && !found {
			found = true
			extreme := bestOf(m, goal)
			l.Last, l.Step, l.HasStep = m.Last, c.step, c.steps
			l.BestStep, l.HasBestStep = extreme.step, extreme.steps
		}
		if c.loss != "" {
			l.Lost = append(l.Lost, Lost{r, c.loss})
			continue
		}
		values[i] = c.value
		l.Values = append(l.Values, c.value)
		best = append(best, bestOf(m, goal).value)
		if l.N == 0 || m.Count < l.Evaluations[0] {
			l.Evaluations[0] = m.Count
		}
		l.Evaluations[1] = max(l.Evaluations[1], m.Count)
		l.N++
	}
	if !found {
		return nil, nil
	}
	for _, r := range s.Lost {
		l.Lost = append(l.Lost, Lost{r, LossOf(r, key)})
	}
	if l.N > 0 {
		l.Value, l.Best = mean(l.Values), mean(best)
	}
	if l.N > 1 {
		l.SD = math.Sqrt(variance(l.Values))
	}
	return l, values
}

// choose returns the value of a metric that stands for a run. The status of a single run does not matter: it is shown
// with the other differences.
func (s Side) choose(r *format.Run, key, goal string, choice Choice) chosen {
	if loss := LossOf(r, key); loss != "" && (s.Group != "" || r.Status == format.Finished) {
		return chosen{loss: loss}
	}
	m, ok := r.Metric(key)
	if !ok {
		return chosen{loss: NoValue}
	}
	var c chosen
	switch {
	case choice.Value == format.BestValue, choice.Value == format.ValueAtBest && key == choice.SelectBy:
		c = bestOf(m, goal)
	case choice.Value == format.ValueAtBest:
		c = s.valueAt(r, key, choice)
	default:
		c.value = m.Last
	}
	if c.loss == "" {
		c.loss = lossOfValue(c.value)
	}
	if c.loss == "" {
		c.loss = lossOfValue(m.Last)
	}
	return c
}

func bestOf(m format.Metric, goal string) chosen {
	switch {
	case goal == format.GoalMin && m.Min != nil:
		return chosen{value: m.Min.Value, step: m.Min.Step, steps: true}
	case goal == format.GoalMax && m.Max != nil:
		return chosen{value: m.Max.Value, step: m.Max.Step, steps: true}
	}
	return chosen{value: m.Last}
}

// valueAt returns the value that a metric had when the metric to select by was best: that of the last point up to this
// step. A metric with a single point is a result of the whole run, such as the test score of the best model.
func (s Side) valueAt(r *format.Run, key string, choice Choice) chosen {
	m, _ := r.Metric(key)
	by, ok := r.Metric(choice.SelectBy)
	switch {
	case !ok:
		return chosen{loss: NoValue}
	case m.Count == 1:
		return chosen{value: m.Last}
	case s.PointsOf == nil:
		return chosen{loss: Unreadable}
	}
	at := bestOf(by, choice.Goal)
	if !at.steps {
		points, err := s.PointsOf(r, choice.SelectBy)
		switch {
		case err != nil:
			return chosen{loss: Unreadable}
		case len(points) == 0 || math.IsNaN(points[0].Value):
			return chosen{loss: NaN}
		}
		at.step = points[0].Step // its only point, or one of several equal ones
	}
	points, err := s.PointsOf(r, key)
	if err != nil {
		return chosen{loss: Unreadable}
	}
	found := chosen{loss: NoValue}
	for _, p := range points {
		if p.Step > at.step {
			break
		}
		found = chosen{value: p.Value, step: p.Step, steps: true}
	}
	return found
}
