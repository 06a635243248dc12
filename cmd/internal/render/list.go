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

// maxCell is the largest width of a value in a list, in columns.
const maxCell = 60

// List shows runs in a table.
type List struct {
	Columns query.ColumnRequest
	Part    func(*repo.Entry) string // returns the part of a chain to show after the status of an entry; may be nil
	Context query.Context
}

// Write writes the entries in the given order. It returns the keys that did not fit.
func (l List) Write(w io.Writer, t *terminal.Terminal, entries []*repo.Entry) (omitted []string, err error) {
	runs := catalog.Records(entries)
	tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: "age"}, {Title: "status"}}}
	columns := query.ChooseColumns(query.Records(runs), l.Columns, l.Context)
	if columns.Experiment {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "experiment", Flexible: true, Drop: true})
	}
	for i, key := range columns.Keys {
		tb.Columns = append(tb.Columns, terminal.Column{
			Title: byBest(query.BareKey(key), query.BestBy(query.Records(runs), key, l.Context)),
			Right: columns.Numeric[i], Flexible: !columns.Numeric[i], Drop: i > 0, Key: true,
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

// byBest returns the column header of a metric that is shown by its best value. Without a goal, the header is only the
// name.
func byBest(name, goal string) string {
	if goal == "" {
		return name
	}
	return name + " (" + goal + ")"
}

// cell formats the value of a key. It is empty if the run lacks the key.
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
		return v.Local().Format(time.DateTime)
	}
	return query.Text(v)
}

// CSV writes one line per run with its id, name, experiment, status, start, duration in seconds and the chosen columns.
// If no columns are chosen, it writes those of query.AllColumns.
func (l List) CSV(write func([]string) error, entries []*repo.Entry) error {
	keys := l.Columns.Keys
	if len(keys) == 0 {
		keys = query.AllColumns(query.Records(catalog.Records(entries)))
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
