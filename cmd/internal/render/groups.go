package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Groups shows groups of runs.
type Groups struct {
	catalog.Groups
	Asked bool // the columns were asked for, so that the primary metric has none of its own
}

// Write writes one line per group with its size and with the mean and standard deviation of metrics. Below, it names
// the runs that do not count.
func (v Groups) Write(w io.Writer, t *terminal.Terminal, now time.Time) error {
	tb := terminal.Table{Columns: v.columns()}
	for _, group := range v.List {
		tb.Rows = append(tb.Rows, v.row(group, now))
	}
	if err := tb.Write(w, t); err != nil {
		return err
	}
	for _, group := range v.List {
		for _, note := range v.notes(group) {
			text := t.Paint(terminal.Dim, t.Fold(terminal.Clean(note), 0))
			if _, err := fmt.Fprintln(w, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v Groups) columns() []terminal.Column {
	var columns []terminal.Column
	for _, key := range v.Keys {
		columns = append(columns, terminal.Column{Title: query.BareKey(key), Flexible: true, Key: true})
	}
	columns = append(columns, terminal.Column{Title: "runs", Right: true}, terminal.Column{Title: "age"})
	if v.Primary != "" && !v.Asked {
		columns = append(columns, terminal.Column{Title: byBest(v.Primary, v.Goal), Right: true, Key: true},
			terminal.Column{Title: "sd", Right: true}, terminal.Column{Title: "best", Right: true, Drop: true})
	}
	for _, column := range v.Columns {
		columns = append(columns, terminal.Column{
			Title: byBest(query.BareKey(column.Key), column.Goal), Right: column.Metric != "", Key: true,
			Drop: !v.Asked, Flexible: column.Metric == "",
		})
	}
	return columns
}

func (v Groups) row(group catalog.Group, now time.Time) []terminal.Cell {
	var row []terminal.Cell
	if len(group.Values) == len(v.Keys) && len(v.Keys) > 1 {
		for _, value := range group.Values {
			text := "-"
			if value != nil {
				text = query.Text(value)
			}
			row = append(row, terminal.Cell{Text: text})
		}
	} else {
		row = append(row, terminal.Cell{Text: group.Label})
	}
	runs := strconv.Itoa(len(group.Runs))
	if v.Primary != "" && !v.Asked && len(group.Lost) > 0 {
		runs = fmt.Sprintf("%d of %d", group.Summary.N, group.Summary.N+len(group.Lost))
	}
	row = append(row, terminal.Cell{Text: runs}, terminal.Cell{Text: terminal.Ago(now.Sub(group.Runs[0].Started))})
	if v.Primary != "" && !v.Asked {
		s := group.Summary
		row = append(row, numberCell(s.Mean, s.N > 0), numberCell(s.SD, s.N > 1), numberCell(s.Best, s.N > 0))
	}
	for i, cell := range group.Cells {
		text := ""
		switch s := cell.Summary; {
		case v.Columns[i].Metric == "":
			text = ParamText(cell.Value)
		case s.N > 0:
			text = summaryText(s, len(cell.Lost))
		case len(cell.Lost) > 0:
			text = fmt.Sprintf("0 of %d", len(cell.Lost))
		}
		row = append(row, terminal.Cell{Text: text})
	}
	return row
}

// summaryText formats the mean and the standard deviation, and how many runs count if some do not.
func summaryText(s query.Summary, lost int) string {
	text := terminal.Number(s.Mean)
	if s.N > 1 {
		text += " ± " + terminal.Number(s.SD)
	}
	if lost > 0 {
		text += fmt.Sprintf(" (%d of %d)", s.N, s.N+lost)
	}
	return text
}

// notes names the runs of a group that do not count: once if they are the same for all metrics, otherwise by metric.
func (v Groups) notes(group catalog.Group) []string {
	var metrics, texts []string
	add := func(metric string, counted int, lost []diff.Lost) {
		text := ""
		if len(lost) > 0 {
			text = fmt.Sprintf("%d of %d runs do not count: %s", len(lost), counted+len(lost), lostText(lost))
		}
		if metric != "" {
			metrics, texts = append(metrics, metric), append(texts, text)
		}
	}
	if !v.Asked {
		add(v.Primary, group.Summary.N, group.Lost)
	}
	for i, cell := range group.Cells {
		add(v.Columns[i].Metric, cell.Summary.N, cell.Lost)
	}
	same := !slices.ContainsFunc(texts, func(text string) bool { return text != texts[0] })
	var notes []string
	for i, text := range texts {
		switch {
		case text == "" || slices.Contains(metrics[:i], metrics[i]):
		case !same:
			notes = append(notes, group.Label+", "+metrics[i]+": "+text)
		case i == 0:
			notes = append(notes, group.Label+": "+text)
		}
	}
	return notes
}

func numberCell(v float64, ok bool) terminal.Cell {
	if !ok {
		return terminal.Cell{}
	}
	return terminal.Cell{Text: terminal.Number(v)}
}

// GroupsJSON is a group in the output of ls --group-by. If no run has a value of the primary metric, the metric and its
// statistics are left out.
type GroupsJSON struct {
	Best    *float64       `json:"best,omitempty"`
	BestRun string         `json:"best_run,omitempty"`
	Columns map[string]any `json:"columns,omitempty"` // by the keys that were asked for
	Group   string         `json:"group"`
	Keys    map[string]any `json:"keys,omitempty"` // values by the keys of the groups; without those that are missing
	Lost    []LostJSON     `json:"lost,omitempty"`
	Mean    *float64       `json:"mean,omitempty"`
	Metric  string         `json:"metric,omitempty"`
	N       int            `json:"n,omitempty"`
	Runs    []string       `json:"runs"`         // ids
	SD      *float64       `json:"sd,omitempty"` // for two or more values
}

// SummaryJSON sums up a metric of a group.
type SummaryJSON struct {
	N    int        `json:"n"`
	Mean *float64   `json:"mean,omitempty"`
	SD   *float64   `json:"sd,omitempty"`
	Best *float64   `json:"best,omitempty"`
	Lost []LostJSON `json:"lost,omitempty"`
}

// JSON returns the groups for JSON output.
func (v Groups) JSON() []GroupsJSON {
	list := []GroupsJSON{}
	for _, g := range v.List {
		item := GroupsJSON{Group: g.Label, Lost: lostJSON(g.Lost)}
		for i, value := range g.Values {
			if item.Keys == nil {
				item.Keys = map[string]any{}
			}
			if value != nil {
				item.Keys[v.Keys[i]] = value
			}
		}
		for _, r := range g.Runs {
			item.Runs = append(item.Runs, r.ID)
		}
		if s := summaryJSON(g.Summary, nil); v.Primary != "" && s.N > 0 {
			item.Metric, item.N, item.Mean, item.SD, item.Best = v.Primary, s.N, s.Mean, s.SD, s.Best
			item.BestRun = g.Summary.BestRun.ID
		}
		for i, cell := range g.Cells {
			if !v.Asked {
				break
			}
			if item.Columns == nil {
				item.Columns = map[string]any{}
			}
			if v.Columns[i].Metric != "" {
				item.Columns[v.Columns[i].Key] = summaryJSON(cell.Summary, cell.Lost)
			} else if cell.Value != nil {
				item.Columns[v.Columns[i].Key] = sideJSON(cell.Value)
			}
		}
		list = append(list, item)
	}
	return list
}

func summaryJSON(s query.Summary, lost []diff.Lost) SummaryJSON {
	out := SummaryJSON{N: s.N, Lost: lostJSON(lost)}
	if s.N > 0 {
		out.Mean, out.Best = &s.Mean, &s.Best
	}
	if s.N > 1 {
		out.SD = &s.SD
	}
	return out
}
