package render

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

const (
	curveWidth  = 16        // characters of a small curve
	curvePoints = 2_000_000 // limit for all metrics together; beyond it, no curves are drawn
)

// curves reads the values of each metric in order of step, of the series with most points. It returns nothing if there
// are too many points or if no metric has several.
func (v Run) curves(ctx context.Context, e *repo.Entry) (map[string][]float64, error) {
	total := int64(0)
	for _, m := range e.Metrics {
		total += m.Count
	}
	if !v.Curves || total > curvePoints || total == int64(len(e.Metrics)) {
		return nil, nil
	}
	series := make(map[string]map[format.Labels][]float64, len(e.Metrics))
	err := e.EachPoints(ctx, func(key string, points []format.Point) error {
		if series[key] == nil {
			series[key] = map[format.Labels][]float64{}
		}
		var values []float64
		for i, p := range points {
			if i > 0 && p.Labels != points[i-1].Labels {
				series[key][points[i-1].Labels], values = values, nil
			}
			if values == nil {
				values = series[key][p.Labels]
			}
			values = append(values, p.Value)
		}
		series[key][points[len(points)-1].Labels] = values
		return nil
	})
	curves := make(map[string][]float64, len(series))
	for key, of := range series {
		curves[key] = mainCurve(of)
	}
	return curves, err
}

// mainCurve returns the curve that stands for a metric, as format.MainSeries does.
func mainCurve(series map[format.Labels][]float64) []float64 {
	var main []float64
	for _, l := range slices.SortedFunc(maps.Keys(series), format.Labels.Compare) {
		if len(series[l]) > len(main) {
			main = series[l]
		}
	}
	return main
}

func (v Run) metrics(ctx context.Context, p *page, e *repo.Entry) {
	r := e.Run
	if len(r.Metrics) == 0 {
		return
	}
	curves, err := v.curves(ctx, e)
	p.line("")
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "metric", Flexible: true, Name: true},
		{Title: "last", Right: true},
		{Title: "min", Right: true, Drop: true},
		{Title: "at", Right: true, Drop: true},
		{Title: "max", Right: true, Drop: true},
		{Title: "at", Right: true, Drop: true},
		{Title: "points", Right: true, Drop: true},
		{Title: "goal", Drop: true},
	}}
	if len(curves) > 0 {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "curve", Drop: true})
	}
	hidden := 0
	for _, key := range slices.Sorted(maps.Keys(r.Metrics)) {
		if d, ok := r.Definition(key); ok && d.Hidden && !v.Hidden {
			hidden++
			continue
		}
		m := r.Metrics[key]
		goal := m.Goal
		if v.Goal != nil {
			goal = v.Goal(key)
		}
		row := []terminal.Cell{
			{Text: key},
			{Text: terminal.Number(m.Last)},
			{},
			{},
			{},
			{},
			{Text: strconv.FormatInt(m.Count, 10)},
			{Text: goal, Style: terminal.Dim},
		}
		if m.Min != nil {
			row[2], row[3] = extremeCells(m.Min)
			row[4], row[5] = extremeCells(m.Max)
			switch goal {
			case format.GoalMin:
				row[2].Style = terminal.Bold
			case format.GoalMax:
				row[4].Style = terminal.Bold
			}
		}
		if y := curves[key]; len(y) > 1 {
			row = append(row, terminal.Cell{Text: chart.Spark(y, curveWidth), Style: terminal.Cyan})
		}
		tb.Rows = append(tb.Rows, row)
	}
	if p.err == nil && len(tb.Rows) > 0 {
		p.err = tb.Write(p.w, p.t)
	}
	if hidden > 0 {
		p.line("%s", p.t.Paint(terminal.Dim, fmt.Sprintf("%d hidden; show them with --hidden", hidden)))
	}
	if err != nil {
		p.line("%s", p.t.Paint(terminal.Red, terminal.Clean(err.Error())))
	}
}

func extremeCells(e *format.Extreme) (value, step terminal.Cell) {
	return terminal.Cell{Text: terminal.Number(e.Value)},
		terminal.Cell{Text: strconv.FormatInt(e.Step, 10), Style: terminal.Dim}
}
