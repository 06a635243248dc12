package view

import (
	"context"
	"errors"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view/curve"
)

var errTooLong = errors.New("it has more points than a chart can read")

// series reads the curves of a metric of a run, one for each set of labels, each in the order of x.
func (v *View) series(ctx context.Context, e *repo.Entry, metric, x string, times bool) ([]*curve.Series, error) {
	times = times || x == "time" || x == "relative"
	all, err := v.points(ctx, e, metric, times)
	if err != nil {
		return nil, err
	}
	var along []*curve.Points
	if m, byMetric := strings.CutPrefix(x, metricPrefix); byMetric {
		if along, err = v.alongs(ctx, e, m, all); err != nil {
			return nil, err
		}
	}
	began := e.Began().UnixMicro()
	series := make([]*curve.Series, len(all))
	for i, points := range all {
		switch x {
		case curve.StepAxis:
			series[i] = curve.ByStep(points)
		case "time":
			series[i] = curve.ByTime(points, 0)
		case "relative":
			series[i] = curve.ByTime(points, began)
		default:
			series[i] = curve.ByMetric(points, along[i])
		}
	}
	return series, nil
}

// alongs returns for each series the points of the metric that is its x axis: those with the same labels or, if there
// are none, all of them, as catalog.CurvesBy does.
func (v *View) alongs(ctx context.Context, e *repo.Entry, metric string, all []*curve.Points) ([]*curve.Points, error) {
	parts, err := v.points(ctx, e, metric, false)
	if err != nil {
		return nil, err
	}
	byLabels := make(map[format.Labels]*curve.Points, len(parts))
	for _, p := range parts {
		byLabels[p.Labels] = p
	}
	var whole *curve.Points
	along := make([]*curve.Points, len(all))
	for i, p := range all {
		if along[i] = byLabels[p.Labels]; along[i] != nil {
			continue
		}
		if whole == nil {
			if whole, err = v.wholeMetric(ctx, e, metric, parts); err != nil {
				return nil, err
			}
		}
		along[i] = whole
	}
	return along, nil
}

// wholeMetric returns the points of a metric whatever their labels. parts are its series.
func (v *View) wholeMetric(ctx context.Context, e *repo.Entry, metric string, parts []*curve.Points) (*curve.Points,
	error,
) {
	switch len(parts) {
	case 0:
		return &curve.Points{}, nil
	case 1:
		return parts[0], nil
	}
	points, err := e.Points(ctx, metric)
	if err != nil {
		return nil, err
	}
	for i := range points {
		points[i].Labels = format.Labels{}
	}
	c := curve.NewCollector(false, len(points))
	c.Add(points)
	return c.Series()[0], nil
}

// points reads the points of a metric of a run, by their labels, or takes them from the cache.
func (v *View) points(ctx context.Context, e *repo.Entry, metric string, times bool) ([]*curve.Points, error) {
	if e.Active != nil {
		return v.livePoints(ctx, e, metric, times)
	}
	m, ok := e.Metrics[metric]
	if !ok {
		return nil, nil
	}
	key := pointsKey(e, metric, times)
	if p := v.curves.get(key); p != nil {
		return p, nil
	}
	if e.Parts() == 1 && e.Files[repo.MetricsName].Rows <= maxWholeRows {
		return v.wholeFile(ctx, e, metric, times)
	}
	var c *curve.Collector
	err := e.EachPointsOf(ctx, metric, func(points []format.Point) error {
		if c == nil { // the size of the file is verified now; only a large one may have as many points as it says
			most := max(e.Files[repo.MetricsName].Bytes, freeCurvePoints)
			c = curve.NewCollector(times, int(min(max(m.Count, 0), most, maxCurvePoints)))
		}
		if c.Len()+len(points) > maxCurvePoints {
			return errTooLong
		}
		c.Add(points)
		return nil
	})
	switch {
	case err != nil || c == nil:
		return nil, err
	case !c.Sorted():
		return v.sorted(ctx, e, metric, times)
	}
	series := c.Series()
	v.curves.put(key, series)
	return series, nil
}

// wholeFile reads the points of all metrics of a run, keeps them in the cache, and returns those of one. In a small
// file, the metrics share pages, so one of them takes as long as all; a page of charts asks for the others next.
func (v *View) wholeFile(ctx context.Context, e *repo.Entry, metric string, times bool) ([]*curve.Points, error) {
	all := map[string]*curve.Collector{}
	err := e.EachPoints(ctx, func(key string, points []format.Point) error {
		c := all[key]
		if c == nil {
			c = curve.NewCollector(times, len(points))
			all[key] = c
		}
		c.Add(points)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for key, c := range all {
		if c.Sorted() {
			v.curves.put(pointsKey(e, key, times), c.Series())
		}
	}
	switch c := all[metric]; {
	case c == nil:
		return nil, nil
	case c.Sorted():
		return c.Series(), nil
	}
	return v.sorted(ctx, e, metric, times)
}

// sorted reads points that another program wrote in another order.
func (v *View) sorted(ctx context.Context, e *repo.Entry, metric string, times bool) ([]*curve.Points, error) {
	points, err := e.Points(ctx, metric)
	if err != nil {
		return nil, err
	}
	c := curve.NewCollector(times, len(points))
	c.Add(points)
	series := c.Series()
	v.curves.put(pointsKey(e, metric, times), series)
	return series, nil
}

// livePoints reads the points of a metric of a run in progress.
func (v *View) livePoints(ctx context.Context, e *repo.Entry, metric string, times bool) ([]*curve.Points, error) {
	points, err := v.live.read(ctx, e.Active, metric)
	if err != nil {
		return nil, err
	}
	if points, err = e.JoinPoints(ctx, metric, points); err != nil {
		return nil, err
	}
	if len(points) > maxCurvePoints {
		return nil, errTooLong
	}
	c := curve.NewCollector(times, len(points))
	c.Add(points)
	return c.Series(), nil
}
