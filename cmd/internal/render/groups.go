package render

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/catalog"
)

// WriteGroups writes one line per group with its size and with the mean, standard deviation and best value of the
// primary metric.
func WriteGroups(w io.Writer, t *terminal.Terminal, g catalog.Groups, now time.Time) error {
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: strings.TrimPrefix(g.Key, "params."), Flexible: true, Key: true},
		{Title: "runs", Right: true},
		{Title: "age"},
	}}
	if g.Primary != "" {
		tb.Columns = append(tb.Columns, terminal.Column{Title: byBest(g.Primary, g.Goal), Right: true, Key: true},
			terminal.Column{Title: "sd", Right: true}, terminal.Column{Title: "best", Right: true, Drop: true})
	}
	for _, group := range g.List {
		row := []terminal.Cell{
			{Text: group.Label}, {Text: strconv.Itoa(len(group.Runs))}, {Text: terminal.Ago(now.Sub(group.Runs[0].Started))},
		}
		if g.Primary != "" {
			s := group.Summary
			row = append(row, numberCell(s.Mean, s.N > 0), numberCell(s.SD, s.N > 1), numberCell(s.Best, s.N > 0))
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb.Write(w, t)
}

func numberCell(v float64, ok bool) terminal.Cell {
	if !ok {
		return terminal.Cell{}
	}
	return terminal.Cell{Text: terminal.Number(v)}
}
