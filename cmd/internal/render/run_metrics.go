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

// curves reads the values of each metric in order of step. It returns nothing if there are too many points or if no
// metric has several.
func (v Run) curves(ctx context.Context, e *repo.Entry) (map[string][]float64, error) {
	total := int64(0)
	for _, m := range e.Metrics {
		total += m.Count
	}
	if !v.Curves || total > curvePoints || total == int64(len(e.Metrics)) {
		return nil, nil
	}
	curves := make(map[string][]float64, len(e.Metrics))
	err := e.EachPoints(ctx, func(key string, points []format.Point) error {
		for _, p := range points {
			curves[key] = append(curves[key], p.Value)
		}
		return nil
	})
	return curves, err
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
