package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format/listsort"
)

// Diff shows a comparison of two runs or two groups.
type Diff struct {
	Primary string   // the metric to show first
	Only    []string // the parts to show; empty means all
	Curves  bool     // draw a small curve of each metric of side b
	Most    int      // entries to show of each part; 0 means all
}

// DiffParts lists the parts of a comparison in the order in which they are shown.
var DiffParts = []string{
	"metrics", "summary", "params", "tags", "datasets", "environment", "source", "command", "artifacts", "duration",
}

func (v Diff) shows(part string) bool { return len(v.Only) == 0 || slices.Contains(v.Only, part) }

// Write writes the comparison as text for a terminal.
func (v Diff) Write(w io.Writer, t *terminal.Terminal, c *diff.Comparison) error {
	p := &page{w: w, t: t}
	p.line("%s %s", t.Paint(terminal.Dim, "a"), t.Paint(terminal.Bold, terminal.Clean(title(c.A))))
	p.line("%s %s", t.Paint(terminal.Dim, "b"), t.Paint(terminal.Bold, terminal.Clean(title(c.B))))
	if v.shows("metrics") && len(c.Metrics) > 0 {
		p.line("")
		if tb := v.metrics(c, t.Width() < wide); p.err == nil {
			p.err = tb.Write(w, t)
		}
		for _, note := range MetricNotes(c) {
			p.line("%s", t.Paint(terminal.Dim, t.Fold(terminal.Clean(note), 0)))
		}
	}
	some := len(c.Metrics) > 0
	for _, s := range v.sections(c) {
		some = true
		p.line("\n%s", t.Paint(terminal.Bold, s.title))
		width := 0
		for _, l := range s.lines {
			width = max(width, min(terminal.Width(terminal.Clean(l.key)), 32))
		}
		for i, l := range s.lines {
			if v.Most > 0 && i == v.Most && len(s.lines) > v.Most+1 {
				p.line("  … %d more: --all", len(s.lines)-i)
				break
			}
			key := terminal.Clean(l.key)
			if t.OutIsTerminal() && l.a+l.b != "" {
				key = terminal.Shorten(key, max(shortestKey, t.Width()/2-2))
			}
			pad := strings.Repeat(" ", max(0, width-terminal.Width(key)))
			text := change(t, l, max(width, terminal.Width(key))+4)
			if text != "" {
				text = pad + "  " + text
			}
			p.line("  %s%s", t.Paint(l.style, key), text)
		}
	}
	for _, problem := range c.Problems {
		p.line("\n%s", t.Paint(terminal.Yellow, terminal.Clean(problem.String())))
	}
	if !some && len(c.Problems) == 0 {
		p.line("\nno differences")
	}
	return p.err
}

// shortestKey is the smallest width to which a key is shortened, in columns.
const shortestKey = 8

// change shows the values of a and b. The caller writes them from the column given by at. If they do not fit on one
// line, each value gets its own line.
func change(t *terminal.Terminal, l line, at int) string {
	const mark = 2 // columns of the sign in front of a value
	a, b := terminal.Clean(l.a), terminal.Clean(l.b)
	switch {
	case a == "" && b == "":
		return ""
	case a == "":
		return t.Paint(terminal.Green, "+ ") + t.Fold(b, at+mark)
	case b == "":
		return t.Paint(terminal.Red, "- ") + t.Fold(a, at+mark)
	case t.OutIsTerminal() && at+terminal.Width(a+" → "+b) > t.Width():
		return t.Fold(a, at) + "\n" + strings.Repeat(" ", at) + t.Paint(terminal.Dim, "→ ") + t.Fold(b, at+mark)
	}
	return a + t.Paint(terminal.Dim, " → ") + b
}

// title returns the title of a side.
func title(h diff.Head) string {
	switch {
	case h.Group != "":
		return fmt.Sprintf("%s (%s)", h.Group, terminal.Count(int64(len(h.Runs)), "run"))
	case h.Name != "":
		return h.Name + "  " + h.ID
	}
	return h.ID
}

// ordered returns the metrics, with the primary metric first.
func (v Diff) ordered(c *diff.Comparison) []diff.Metric {
	list := slices.Clone(c.Metrics)
	listsort.Stable(list, func(x, y diff.Metric) int {
		switch {
		case x.Key == v.Primary && y.Key != v.Primary:
			return -1
		case y.Key == v.Primary && x.Key != v.Primary:
			return 1
		}
		return 0
	})
	return list
}

// wide is the terminal width, in columns, at which a comparison also shows the steps of best values and draws longer
// curves.
const wide = 100

func (v Diff) metrics(c *diff.Comparison, narrow bool) terminal.Table {
	curveWidth := 16
	if narrow {
		curveWidth = 8
	}
	group := c.A.Group != "" || c.B.Group != ""
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "metric", Flexible: true, Name: true, Key: true},
		{Title: "a", Right: true},
		{Title: "b", Right: true},
		{Title: "change", Right: true, Drop: true},
		{Title: "", Right: true, Drop: true},
		{Title: "verdict"},
	}}
	if group {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "interval", Drop: true})
	} else if v.Curves {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "curve", Drop: true})
	}
	for _, m := range v.ordered(c) {
		style := VerdictStyle(m.Verdict)
		row := []terminal.Cell{
			{Text: ComparedLabel(m.Key, m)},
			{Text: LevelText(m.A, m, !narrow)},
			{Text: LevelText(m.B, m, !narrow)},
			{Text: Delta(m.Delta), Style: style},
			{Text: Percent(m.Relative), Style: style},
			{Text: VerdictText(m), Style: style},
		}
		switch {
		case group && m.Interval != nil:
			interval := "[" + Delta(m.Interval[0]) + ", " + Delta(m.Interval[1]) + "]"
			row = append(row, terminal.Cell{Text: interval, Style: terminal.Dim})
		case !group && v.Curves:
			row = append(row, terminal.Cell{Text: spark(m.B, curveWidth), Style: terminal.Cyan})
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb
}

// spark draws the curve of one side. It is empty if the curve has fewer than two points.
func spark(l *diff.Level, width int) string {
	if l == nil || len(l.Curve) < 2 {
		return ""
	}
	return chart.Spark(heights(l.Curve), width)
}
