package render

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// maxCell is the largest width of a value in a list, in columns.
const maxCell = 60

// List shows runs in a table.
type List struct {
	Columns query.ColumnRequest
	Part    func(id string, parts int) string // returns the part of a chain to show after the status; may be nil
	Context query.Context
	Titles  map[string]string // the names that experiments are shown under, where these are not those of their runs
}

// Write writes the rows in the given order. It returns the keys that did not fit. Beside the rows themselves it needs
// no memory for each.
func (l List) Write(w io.Writer, t *terminal.Terminal, rows []*catalog.Row) (omitted []string, err error) {
	all := catalog.AsRows(rows)
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "run", Flexible: true, Name: true}, {Title: "age"}, {Title: "status"},
	}}
	columns := query.ChooseColumns(all, l.Columns, l.Context)
	if columns.Experiment {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "experiment", Flexible: true, Name: true, Drop: true})
	}
	worktrees := slices.ContainsFunc(rows, (*catalog.Row).Elsewhere)
	if worktrees {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "worktree", Flexible: true, Name: true, Drop: true})
	}
	keys := make([]query.Key, len(columns.Keys))
	for i, key := range columns.Keys {
		keys[i] = query.NewKey(key)
		tb.Columns = append(tb.Columns, terminal.Column{
			Title: byBest(query.BareKey(key), query.BestBy(all, key, l.Context)),
			Right: columns.Numeric[i], Flexible: !columns.Numeric[i], Drop: i > 0, Key: true,
		})
	}
	tb.Each = func(yield func([]terminal.Cell) bool) {
		cells := make([]terminal.Cell, len(tb.Columns))
		for _, r := range rows {
			if !yield(l.line(cells[:0], r, columns.Experiment, worktrees, keys)) {
				return
			}
		}
	}
	err = tb.Write(w, t)
	for _, i := range tb.Dropped {
		if first := len(tb.Columns) - len(columns.Keys); i >= first {
			omitted = append(omitted, columns.Keys[i-first])
		}
	}
	return append(omitted, columns.Omitted...), err
}

// line appends the cells of a row.
func (l List) line(cells []terminal.Cell, r *catalog.Row, experiment, worktrees bool, keys []query.Key,
) []terminal.Cell {
	status := statusOf(r, l.Context.Now)
	if l.Part != nil {
		if part := l.Part(r.ID(), r.Parts()); part != "" {
			status.Text += ", " + part
		}
	}
	cells = append(cells, terminal.Cell{Text: r.Title()},
		terminal.Cell{Text: terminal.Ago(l.Context.Now.Sub(r.Started()))}, status)
	if experiment {
		cells = append(cells, terminal.Cell{Text: cmp.Or(l.Titles[r.Experiment()], r.Experiment())})
	}
	if worktrees {
		text := ""
		if w := r.Worktree(); w != nil {
			text = terminal.Clean(w.String())
		}
		cells = append(cells, terminal.Cell{Text: text})
	}
	for _, key := range keys {
		cells = append(cells, terminal.Cell{Text: terminal.Truncate(terminal.Clean(cell(r, key, l.Context)), maxCell)})
	}
	return cells
}

// byBest returns the column header of a metric that is shown by its best value. Without a goal, the header is only the
// name.
func byBest(name, goal string) string {
	if goal == "" {
		return name
	}
	return name + " (" + goal + ")"
}

// cell formats the value of a key. It is empty if the run lacks the key.
func cell(r query.Row, key query.Key, c query.Context) string {
	v, ok := key.Value(r, c)
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
		return v.Local().Format(time.DateTime)
	}
	return query.Text(v)
}

// CSV writes one line per run with its id, name, experiment, status, start, duration in seconds and the chosen columns.
// If no columns are chosen, it writes those of query.AllColumns.
func (l List) CSV(write func([]string) error, rows []*catalog.Row) error {
	names := l.Columns.Keys
	if len(names) == 0 {
		names = query.AllColumns(catalog.AsRows(rows))
	}
	if err := write(append([]string{"id", "name", "experiment", "status", "started", "duration"}, names...)); err != nil {
		return err
	}
	keys := make([]query.Key, len(names))
	for i, name := range names {
		keys[i] = query.NewKey(name)
	}
	for _, r := range rows {
		duration := ""
		if v, ok := r.Attribute("duration"); ok {
			duration = fmt.Sprint(v.Any())
		}
		row := []string{r.ID(), r.Name(), r.Experiment(), string(r.Status()), r.Started().Format(time.RFC3339Nano), duration}
		for _, key := range keys {
			text := ""
			if v, ok := key.Value(r, l.Context); ok {
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
