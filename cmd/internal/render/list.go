// Package render shows records as text: one run, a list, a group.
package render

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// maxCell is how many columns of the terminal a value has in a list: a text or a list may be of any length.
const maxCell = 60

// List shows runs in a table.
type List struct {
	Columns query.ColumnRequest
	Part    func(*repo.Entry) string // which part of a chain an entry is, shown after its status; nil for none
	Context query.Context
}

// Write writes the list of entries in their order. omitted are the keys for which there was no room.
func (l List) Write(w io.Writer, t *terminal.Terminal, entries []*repo.Entry) (omitted []string, err error) {
	runs := catalog.Records(entries)
	tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: "age"}, {Title: "status"}}}
	columns := query.ChooseColumns(runs, l.Columns, l.Context)
	if columns.Experiment {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "experiment", Flexible: true, Drop: true})
	}
	for i, key := range columns.Keys {
		tb.Columns = append(tb.Columns, terminal.Column{
			Title: byBest(query.BareKey(key), query.BestBy(runs, key, l.Context)), Right: columns.Numeric[i], Flexible: !columns.Numeric[i],
			Drop: i > 0, Key: true,
		})
	}
	for _, e := range entries {
		status := Status(e, l.Context.Now)
		if l.Part != nil {
			if part := l.Part(e); part != "" {
				status.Text += ", " + part
			}
		}
		row := []terminal.Cell{{Text: e.Title()}, {Text: terminal.Ago(l.Context.Now.Sub(e.Started))}, status}
		if columns.Experiment {
			row = append(row, terminal.Cell{Text: e.Experiment})
		}
		for _, key := range columns.Keys {
			row = append(row, terminal.Cell{Text: terminal.Truncate(terminal.Clean(cell(e.Run, key, l.Context)), maxCell)})
		}
		tb.Rows = append(tb.Rows, row)
	}
	err = tb.Write(w, t)
	for _, i := range tb.Dropped {
		if first := len(tb.Columns) - len(columns.Keys); i >= first {
			omitted = append(omitted, columns.Keys[i-first])
		}
	}
	return append(omitted, columns.Omitted...), err
}

// byBest is the name of a metric that is shown by its best value.
func byBest(name, goal string) string {
	if goal == "" {
		return name
	}
	return name + " (" + goal + ")"
}

func cell(r *format.Run, key string, c query.Context) string {
	v, ok := query.Value(r, key, c)
	if !ok {
		return ""
	}
	switch v := v.(type) {
	case float64:
		return terminal.Number(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	case time.Time:
		return v.Local().Format("2006-01-02 15:04:05")
	}
	return query.Text(v)
}

// idleAfter is how long a run that is in progress says nothing until it is shown as idle.
const idleAfter = time.Hour

// Status is the state of a run in the words and colour of a list. A run in progress says for how long, and whether its
// process still is.
func Status(e *repo.Entry, now time.Time) terminal.Cell {
	if e.Active != nil {
		running := terminal.Span(now.Sub(e.Started).Truncate(time.Second))
		silent := now.Sub(e.Silent)
		switch {
		case e.Life == repo.Gone:
			return terminal.Cell{Text: "crashed?", Style: terminal.Red}
		case (e.Life == repo.Elsewhere || e.Life == repo.Foreign) && silent > time.Minute:
			return terminal.Cell{Text: "running? silent " + terminal.Span(silent.Truncate(time.Second)), Style: terminal.Yellow}
		}
		if silent >= idleAfter {
			return terminal.Cell{Text: "idle " + terminal.Span(silent.Truncate(time.Minute)), Style: terminal.Yellow}
		}
		return terminal.Cell{Text: "running " + running, Style: terminal.Cyan}
	}
	switch e.Status {
	case format.Finished:
		return terminal.Cell{Text: "finished", Style: terminal.Green}
	case format.Killed:
		return terminal.Cell{Text: "killed", Style: terminal.Yellow}
	}
	return terminal.Cell{Text: string(e.Status), Style: terminal.Red}
}

// WriteGroups writes one line per group: its size, and the mean, standard deviation and best value of the primary metric.
func WriteGroups(w io.Writer, t *terminal.Terminal, g catalog.Groups, now time.Time) error {
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: strings.TrimPrefix(g.Key, "params."), Flexible: true, Key: true}, {Title: "runs", Right: true}, {Title: "age"},
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

// CSV writes one line per run: id, name, experiment, status, started, duration in seconds and the columns asked for;
// without any, those of query.AllColumns.
func (l List) CSV(write func([]string) error, entries []*repo.Entry) error {
	keys := l.Columns.Keys
	if len(keys) == 0 {
		keys = query.AllColumns(catalog.Records(entries))
	}
	if err := write(append([]string{"id", "name", "experiment", "status", "started", "duration"}, keys...)); err != nil {
		return err
	}
	for _, e := range entries {
		duration := ""
		if !e.Ended.IsZero() {
			duration = fmt.Sprint(e.Ended.Sub(e.Started).Seconds())
		}
		row := []string{e.ID, e.Name, e.Experiment, string(e.Status), e.Started.Format(time.RFC3339Nano), duration}
		for _, key := range keys {
			text := ""
			if v, ok := query.Value(e.Run, key, l.Context); ok {
				text = query.Text(v)
				if f, ok := v.(float64); ok && math.IsInf(f, 0) {
					text = strings.ToLower(strings.TrimPrefix(text, "+"))
				}
			}
			row = append(row, text)
		}
		if err := write(row); err != nil {
			return err
		}
	}
	return nil
}
