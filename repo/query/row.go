package query

import (
	"iter"
	"maps"
	"time"

	"github.com/gitruns/runs/format"
)

// Row is a run as this package sees it. Record makes a row of a record. A table of columns has rows too, which answer
// the same as the records that it was made from. Everything that decides something about runs works on rows, so it
// cannot depend on where the values come from.
type Row interface {
	ID() string
	Name() string
	Key() string
	Experiment() string
	Group() string
	Resumes() string
	Status() format.Status
	Started() time.Time

	// Metric returns a metric of the table [metrics].
	Metric(name string) (Metric, bool)
	// Number returns a value of the summary by its exact name, if it is a number.
	Number(name string) (Datum, bool)
	// Summary returns a value of the summary, found as format.Params.Find does.
	Summary(key string) (Datum, bool)
	// Param returns a param, found as format.Params.Find does.
	Param(key string) (Datum, bool)
	Tag(name string) (string, bool)
	// Attribute returns an attribute, as Value describes them.
	Attribute(key string) (Datum, bool)

	// Metrics yields the names in [metrics], in no order.
	Metrics() iter.Seq[string]
	// Summaries yields the names and values of the summary, in no order.
	Summaries() iter.Seq2[string, Datum]
	// Params yields the params by the keys of format.Params.Flatten, in no order.
	Params() iter.Seq2[string, Datum]
	// Tags yields the tags, in no order.
	Tags() iter.Seq2[string, string]
}

// Metric is what a row knows of a metric. Unlike a format.Metric, it needs no allocation.
type Metric struct {
	Last             float64
	Min, Max         float64
	MinStep, MaxStep int64
	HasMin, HasMax   bool // as for the extremes of a format.Metric
	Count            int64
	Goal             string
}

// NewMetric returns a metric of a record.
func NewMetric(m format.Metric) Metric {
	q := Metric{Last: m.Last, Count: m.Count, Goal: m.Goal}
	if m.Min != nil {
		q.HasMin, q.Min, q.MinStep = true, m.Min.Value, m.Min.Step
	}
	if m.Max != nil {
		q.HasMax, q.Max, q.MaxStep = true, m.Max.Value, m.Max.Step
	}
	return q
}

// Format returns the metric of the record that m was made from.
func (m Metric) Format() format.Metric {
	f := format.Metric{Last: m.Last, Count: m.Count, Goal: m.Goal}
	if m.HasMin {
		f.Min = &format.Extreme{Value: m.Min, Step: m.MinStep}
	}
	if m.HasMax {
		f.Max = &format.Extreme{Value: m.Max, Step: m.MaxStep}
	}
	return f
}

// Best returns the best value by a goal, or the last value without a goal. It is NaN if every point is.
func (m Metric) Best(goal string) float64 {
	switch {
	case goal == format.GoalMin && m.HasMin:
		return m.Min
	case goal == format.GoalMax && m.HasMax:
		return m.Max
	}
	return m.Last
}

// varies reports whether the best value may be another than the last one.
func (m Metric) varies() bool { return m.HasMin || m.HasMax }

// Has reports whether a row has a name in a part of it.
func Has(r Row, p Part, name string) bool {
	var ok bool
	switch p {
	case PartMetrics:
		_, ok = r.Metric(name)
	case PartSummary:
		_, ok = r.Summary(name)
		if !ok {
			_, ok = r.Number(name)
		}
	case PartParams:
		_, ok = r.Param(name)
	case PartTags:
		_, ok = r.Tag(name)
	}
	return ok
}

// metricOf returns a metric of a row. A number in the summary counts as a metric with one point, if there is no metric
// with its name.
func metricOf(r Row, name string) (Metric, bool) {
	if m, ok := r.Metric(name); ok {
		return m, true
	}
	if d, ok := r.Number(name); ok {
		return Metric{Last: d.float(), Count: 1}, true
	}
	return Metric{}, false
}

// record is a record as a row. It is one pointer, so that an interface holds it without an allocation.
type record struct{ run *format.Run }

// Record returns a record as a row.
func Record(r *format.Run) Row { return record{r} }

// Records returns records as rows, in the same order.
func Records(runs []*format.Run) []Row {
	rows := make([]Row, len(runs))
	for i, r := range runs {
		rows[i] = record{r}
	}
	return rows
}

// RecordsOf returns the records that Records made rows of.
func RecordsOf(rows []Row) []*format.Run {
	runs := make([]*format.Run, len(rows))
	for i, r := range rows {
		runs[i] = r.(record).run
	}
	return runs
}

func (r record) ID() string            { return r.run.ID }
func (r record) Name() string          { return r.run.Name }
func (r record) Key() string           { return r.run.Key }
func (r record) Experiment() string    { return r.run.Experiment }
func (r record) Group() string         { return r.run.Group }
func (r record) Resumes() string       { return r.run.Resumes }
func (r record) Status() format.Status { return r.run.Status }
func (r record) Started() time.Time    { return r.run.Started }

func (r record) Metric(name string) (Metric, bool) {
	m, ok := r.run.Metrics[name]
	if !ok {
		return Metric{}, false
	}
	return NewMetric(m), true
}

func (r record) Number(name string) (Datum, bool) {
	v, ok := r.run.Summary[name]
	if !ok || !format.IsNumber(v) {
		return Datum{}, false
	}
	return NewDatum(v), true
}

func (r record) Summary(key string) (Datum, bool)   { return paramDatum(r.run.Summary, key) }
func (r record) Param(key string) (Datum, bool)     { return paramDatum(r.run.Params, key) }
func (r record) Attribute(key string) (Datum, bool) { return attribute(r.run, key) }

func (r record) Tag(name string) (string, bool) {
	s, ok := r.run.Tags[name]
	return s, ok
}

func (r record) Metrics() iter.Seq[string]           { return maps.Keys(r.run.Metrics) }
func (r record) Tags() iter.Seq2[string, string]     { return maps.All(r.run.Tags) }
func (r record) Summaries() iter.Seq2[string, Datum] { return data(r.run.Summary) }
func (r record) Params() iter.Seq2[string, Datum]    { return data(r.run.Params.Flatten()) }

func data(m map[string]any) iter.Seq2[string, Datum] {
	return func(yield func(string, Datum) bool) {
		for name, v := range m {
			if !yield(name, NewDatum(v)) {
				return
			}
		}
	}
}
