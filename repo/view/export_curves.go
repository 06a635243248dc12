package view

import (
	"context"
)

// MaxExportCurves is how many curves of a metric an export contains at most: those of the newest runs.
const MaxExportCurves = maxCurves

// ExportCurves returns the curves of a metric for a page that cannot ask again: with times, and with about the given
// number of points a curve. Curves with no more points on average are whole. It takes the newest MaxExportCurves runs
// that have the metric.
func (v *View) ExportCurves(ctx context.Context, metric string, points int) ([]byte, error) {
	ids := []string{}
	for _, e := range v.Entries() {
		if _, ok := e.Metrics[metric]; ok && len(ids) < MaxExportCurves {
			ids = append(ids, e.ID)
		}
	}
	return v.Curves(ctx, CurvesQuery{
		Metric: metric, Runs: ids, Buckets: points, MaxCells: points * max(1, len(ids)), Times: true,
	})
}
