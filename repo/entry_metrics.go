package repo

import "github.com/gitruns/runs/format"

// WithMetrics returns an entry of the same run without the metrics that keep does not return true for.
func (e *Entry) WithMetrics(keep func(metric string) bool) *Entry {
	kept := func(e *Entry) *Entry {
		run, other := *e.Run, *e
		run.Metrics = map[string]format.Metric{}
		for key, m := range e.Metrics {
			if keep(key) {
				run.Metrics[key] = m
			}
		}
		other.Run = &run
		return &other
	}
	other := kept(e)
	if e.newest != nil {
		other.newest = kept(e.newest)
	}
	return other
}
