// Package render shows records as text: one run, a list, a group.
package render

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

const (
	maxParams = 6  // differing ones that a list shows by itself
	maxCell   = 60 // columns of a value in a list: a text or a list may be of any length
)

// List shows runs in a table.
type List struct {
	Primary string                   // metric shown by itself; empty is the most common one with a goal
	Columns []string                 // keys asked for, instead of the params that differ
	Sort    string                   // the key that the list is sorted by, a column too; empty for none
	Part    func(*repo.Entry) string // which part of a chain an entry is, behind its status; nil for none
	Context query.Context
}

// Write writes the list of entries in their order. left are the keys that had no room.
func (l List) Write(w io.Writer, t *terminal.Terminal, entries []*repo.Entry) (left []string, err error) {
	runs := make([]*format.Run, len(entries))
	for i, e := range entries {
		runs[i] = e.Run
	}
	tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: "age"}, {Title: "status"}}}
	experiments := slices.ContainsFunc(runs, func(r *format.Run) bool { return r.Experiment != runs[0].Experiment })
	if experiments {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "experiment", Flexible: true, Drop: true})
	}
	keys, numbers, more := l.keys(runs, experiments)
	for i, key := range keys {
		tb.Columns = append(tb.Columns, terminal.Column{Title: byBest(bare(key), query.BestBy(runs, key, l.Context)), Right: numbers[i], Flexible: !numbers[i], Drop: i > 0, Key: true})
	}
	for _, e := range entries {
		status := Status(e, l.Context.Now)
		if l.Part != nil {
			if part := l.Part(e); part != "" {
				status.Text += ", " + part
			}
		}
		row := []terminal.Cell{{Text: e.Title()}, {Text: terminal.Ago(l.Context.Now.Sub(e.Started))}, status}
		if experiments {
			row = append(row, terminal.Cell{Text: e.Experiment})
		}
		for _, key := range keys {
			row = append(row, terminal.Cell{Text: terminal.Truncate(terminal.Clean(cell(e.Run, key, l.Context)), maxCell)})
		}
		tb.Rows = append(tb.Rows, row)
	}
	err = tb.Write(w, t)
	for _, i := range tb.Dropped {
		if first := len(tb.Columns) - len(keys); i >= first {
			left = append(left, keys[i-first])
		}
	}
	return append(left, more...), err
}

// byBest is the name of a metric that is shown by its best value.
func byBest(name, goal string) string {
	if goal == "" {
		return name
	}
	return name + " (" + goal + ")"
}

// bare is a key without the word that says where to look for it.
func bare(key string) string {
	for _, prefix := range []string{"params.", "metrics.", "summary."} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return rest
		}
	}
	return key
}

// keys chooses the columns behind the fixed ones, says which hold numbers, and which params are left for want of room.
func (l List) keys(runs []*format.Run, experiments bool) (keys []string, numbers []bool, more []string) {
	keys = l.Columns
	if len(keys) == 0 {
		if primary := l.primary(runs); primary != "" {
			keys = append(keys, "metrics."+primary)
		}
		if l.sortColumn(runs, experiments) && !slices.ContainsFunc(keys, func(key string) bool { return bare(key) == bare(l.Sort) }) {
			keys = append(keys, l.Sort)
		}
		var params []string
		for _, key := range query.DifferingParams(runs) {
			if l.Sort != key && l.Sort != "params."+key {
				params = append(params, "params."+key)
			}
		}
		n := min(len(params), maxParams)
		keys, more = append(keys, params[:n]...), params[n:]
	}
	numbers = make([]bool, len(keys))
	for i, key := range keys {
		numbers[i] = !slices.ContainsFunc(runs, func(r *format.Run) bool {
			v, ok := query.Value(r, key, l.Context)
			if !ok {
				return false
			}
			switch v.(type) {
			case int64, float64:
				return false
			}
			return true
		})
	}
	return keys, numbers, more
}

// sortColumn reports whether the key that the list is sorted by needs a column of its own.
func (l List) sortColumn(runs []*format.Run, experiments bool) bool {
	switch strings.TrimPrefix(l.Sort, "attributes.") {
	case "", "id", "name", "started", "status":
		return false
	case "experiment":
		return !experiments
	}
	return slices.ContainsFunc(runs, func(r *format.Run) bool { _, ok := query.Value(r, l.Sort, l.Context); return ok })
}

// primary is the metric to show where none is configured: the one with a goal that most runs have, val before train.
func (l List) primary(runs []*format.Run) string { return Primary(l.Primary, runs, l.Context) }

// Primary is the configured metric, else the one with a goal that most runs have; among equals a validation metric, then
// the first by name.
func Primary(configured string, runs []*format.Run, c query.Context) string {
	if configured != "" {
		return configured
	}
	count := map[string]int{}
	for _, r := range runs {
		for key := range r.Metrics {
			count[key]++
		}
	}
	best, most := "", -1
	for key, n := range count {
		score := 8 * n
		if c.Goal != nil && c.Goal(key) != "" {
			score += 4
		}
		if lower := strings.ToLower(key); strings.Contains(lower, "val") || strings.Contains(lower, "test") {
			score += 2
		}
		if score > most || score == most && key < best {
			best, most = key, score
		}
	}
	return best
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

// Groups shows groups of runs: how many, and mean and standard deviation of the primary metric.
type Groups struct {
	Key     string
	Primary string
	Context query.Context
}

// Write writes one line a group.
func (g Groups) Write(w io.Writer, t *terminal.Terminal, groups []query.Group) error {
	var all []*format.Run
	for _, group := range groups {
		all = append(all, group.Runs...)
	}
	primary := Primary(g.Primary, all, g.Context)
	title := strings.TrimPrefix(g.Key, "params.")
	tb := terminal.Table{Columns: []terminal.Column{{Title: title, Flexible: true, Key: true}, {Title: "runs", Right: true}, {Title: "age"}}}
	if primary != "" {
		tb.Columns = append(tb.Columns, terminal.Column{Title: byBest(primary, query.BestBy(all, "metrics."+primary, g.Context)), Right: true, Key: true}, terminal.Column{Title: "sd", Right: true}, terminal.Column{Title: "best", Right: true, Drop: true})
	}
	for _, group := range groups {
		row := []terminal.Cell{{Text: group.Label}, {Text: strconv.Itoa(len(group.Runs))}, {Text: terminal.Ago(g.Context.Now.Sub(group.Runs[0].Started))}}
		if primary != "" {
			s := query.Summarize(group.Runs, primary, g.Context)
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

// CSV writes one line a run: id, name, experiment, status, started, duration and the columns, or every metric, param and key of a summary.
func (l List) CSV(w io.Writer, write func([]string) error, entries []*repo.Entry) error {
	keys := l.Columns
	if len(keys) == 0 {
		seen := map[string]bool{}
		for _, e := range entries {
			for key := range e.Metrics {
				seen["metrics."+key] = true
			}
			for key := range e.Summary {
				seen["summary."+key] = true
			}
			for key := range e.Params.Flatten() {
				seen["params."+key] = true
			}
		}
		for key := range seen {
			keys = append(keys, key)
		}
		slices.Sort(keys)
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
