package review

import (
	"context"
	"maps"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Reproduction says whether a repeated run gave the same result as the first one.
type Reproduction struct {
	Of, Run   *repo.Entry // the first run, and the one that repeats it
	Tolerance float64     // relative; values that differ by at most this much are the same
	Metrics   []ReproducedMetric
	Machine   []diff.Change
}

// ReproducedMetric compares the points of one metric.
type ReproducedMetric struct {
	Key    string
	A, B   *float64 // the last values; nil if the run lacks the metric
	Series diff.Series
}

// CompareReproduction compares all points of all metrics of two runs.
func CompareReproduction(ctx context.Context, of, run *repo.Entry, tolerance float64) (*Reproduction, error) {
	before, err := of.Curves()
	if err != nil {
		before.Close()
		return nil, err
	}
	defer before.Close()
	after, err := run.Curves()
	if err != nil {
		after.Close()
		return nil, err
	}
	defer after.Close()
	p := &Reproduction{Of: of, Run: run, Tolerance: tolerance, Machine: diff.CompareMachines(of.Machine, run.Machine)}
	keys := map[string]format.Metric{}
	maps.Copy(keys, of.Metrics)
	maps.Copy(keys, run.Metrics)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a, err := before.Points(ctx, key)
		if err != nil {
			return nil, err
		}
		b, err := after.Points(ctx, key)
		if err != nil {
			return nil, err
		}
		p.Metrics = append(p.Metrics, ReproducedMetric{
			Key: key, A: last(of.Metrics, key), B: last(run.Metrics, key), Series: diff.CompareSeries(a, b, tolerance),
		})
	}
	return p, nil
}

func last(metrics map[string]format.Metric, key string) *float64 {
	if m, ok := metrics[key]; ok {
		return &m.Last
	}
	return nil
}

// Sameness returns the sameness of the metric that differs most, or diff.Identical if there are no metrics.
func (p *Reproduction) Sameness() diff.Sameness {
	most := diff.Identical
	for _, m := range p.Metrics {
		most = max(most, m.Series.Sameness)
	}
	return most
}

// Different returns the number of metrics that are not the same within the tolerance. A metric that the new run lacks
// is not one of them.
func (p *Reproduction) Different() int {
	n := 0
	for _, m := range p.Metrics {
		if m.Series.Sameness > diff.Within && m.Series.Sameness != diff.Missing {
			n++
		}
	}
	return n
}

// Missing returns the number of metrics that the new run has not logged.
func (p *Reproduction) Missing() int {
	n := 0
	for _, m := range p.Metrics {
		if m.Series.Sameness == diff.Missing {
			n++
		}
	}
	return n
}
