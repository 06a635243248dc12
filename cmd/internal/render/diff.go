package render

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// Diff shows a comparison.
type Diff struct {
	Primary string   // the metric that comes first
	Only    []string // parts to show; empty is all
	Curves  bool     // draw a small curve of each metric of the second run
	Most    int      // entries of a part; 0 is all
}

// DiffParts are the parts of a comparison, in the order in which they are shown.
var DiffParts = []string{"metrics", "summary", "params", "tags", "datasets", "environment", "source", "command", "artifacts", "duration"}

func (v Diff) shows(part string) bool { return len(v.Only) == 0 || slices.Contains(v.Only, part) }

// line is one difference: what, and how it was and is.
type line struct {
	key, a, b string
	style     terminal.Style
}

// section is a part with its differences.
type section struct {
	title string
	lines []line
}

// Write writes it for a terminal.
func (v Diff) Write(w io.Writer, t *terminal.Terminal, c *diff.Comparison) error {
	p := &page{w: w, t: t}
	p.line("%s %s", t.Paint(terminal.Dim, "a"), t.Paint(terminal.Bold, terminal.Clean(title(c.A))))
	p.line("%s %s", t.Paint(terminal.Dim, "b"), t.Paint(terminal.Bold, terminal.Clean(title(c.B))))
	if v.shows("metrics") && len(c.Metrics) > 0 {
		p.line("")
		if tb := v.metrics(c, t.Width() < wide); p.err == nil {
			p.err = tb.Write(w, t)
		}
		if len(c.Mixed) > 0 {
			p.line("%s", t.Paint(terminal.Dim, terminal.Clean(mixed(c.Mixed))))
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

// change is how a value was and is. It begins in column at; where a line has no room for both, each begins one.
func change(t *terminal.Terminal, l line, at int) string {
	const mark = 2 // columns of a sign before a value
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

func title(h diff.Head) string {
	switch {
	case h.Group != "":
		return fmt.Sprintf("%s (%s)", h.Group, terminal.Count(int64(len(h.Runs)), "run"))
	case h.Name != "":
		return h.Name + "  " + h.ID
	}
	return h.ID
}

func (v Diff) ordered(c *diff.Comparison) []diff.Metric {
	list := slices.Clone(c.Metrics)
	slices.SortStableFunc(list, func(x, y diff.Metric) int {
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

// wide is from how many columns on the steps of the best values and longer curves are shown.
const wide = 100

func (v Diff) metrics(c *diff.Comparison, narrow bool) terminal.Table {
	curveWidth := 16
	if narrow {
		curveWidth = 8
	}
	group := c.A.Group != "" || c.B.Group != ""
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "metric", Flexible: true, Key: true}, {Title: "a", Right: true}, {Title: "b", Right: true}, {Title: "change", Right: true}, {Title: "", Right: true}, {Title: "verdict"},
	}}
	if group {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "interval", Drop: true})
	} else if v.Curves {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "curve", Drop: true})
	}
	for _, m := range v.ordered(c) {
		style := VerdictStyle(m.Verdict)
		row := []terminal.Cell{{Text: byBest(m.Key, bestBy(m))}, {Text: levelText(m.A, !narrow)}, {Text: levelText(m.B, !narrow)}, {Text: Delta(m.Delta), Style: style}, {Text: Percent(m.Relative), Style: style}, {Text: VerdictText(m), Style: style}}
		switch {
		case group && m.Interval != nil:
			row = append(row, terminal.Cell{Text: "[" + Delta(m.Interval[0]) + ", " + Delta(m.Interval[1]) + "]", Style: terminal.Dim})
		case !group && v.Curves:
			row = append(row, terminal.Cell{Text: spark(m.B, curveWidth), Style: terminal.Cyan})
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb
}

// spark draws the curve of one side; empty below two points.
func spark(l *diff.Level, width int) string {
	if l == nil || len(l.Curve) < 2 {
		return ""
	}
	return chart.Spark(heights(l.Curve), width)
}

// bestBy is the goal by whose best values a metric is compared where one of them is not the last.
func bestBy(m diff.Metric) string {
	for _, l := range []*diff.Level{m.A, m.B} {
		if l != nil && l.HasStep && (l.N > 1 || l.Best != l.Last) {
			return m.Goal
		}
	}
	return ""
}

// VerdictStyle colours a verdict.
func VerdictStyle(v diff.Verdict) terminal.Style {
	switch v {
	case diff.Better:
		return terminal.Green
	case diff.Worse:
		return terminal.Red
	}
	return terminal.Plain
}

// VerdictText is a verdict as people read it.
func VerdictText(m diff.Metric) string {
	switch {
	case m.A == nil:
		return "only in b"
	case m.B == nil:
		return "only in a"
	case m.Verdict == diff.Inconclusive, m.Verdict == diff.Unknown && m.Why != diff.OneRunEach:
		return string(m.Why)
	case m.Verdict == diff.Unknown:
		return "no goal"
	case m.Verdict == diff.Same && m.Curve != nil && m.Curve.Sameness != diff.Identical:
		return "same best, other curve"
	case m.Why != "" && m.Verdict != diff.Same:
		return string(m.Verdict) + " (" + string(m.Why) + ")"
	}
	return string(m.Verdict)
}

func levelText(l *diff.Level, step bool) string {
	if l == nil {
		return "-"
	}
	if l.N == 0 {
		return terminal.Number(math.NaN())
	}
	text := terminal.Number(l.Best)
	switch {
	case l.N > 1:
		text += " ± " + terminal.Number(l.SD) + fmt.Sprintf(" (%d)", l.N)
	case l.HasStep && step:
		text += fmt.Sprintf(" @%d", l.BestStep)
	}
	return text
}

// Delta writes a difference with its sign; NaN is empty.
func Delta(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	text := terminal.Number(v)
	if v > 0 {
		text = "+" + text
	}
	return text
}

// Percent writes a relative difference with its sign; NaN is empty.
func Percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%+.0f x", v)
	}
	return fmt.Sprintf("%+.1f%%", 100*v)
}

// sections are all parts but the metrics, those with differences only.
func (v Diff) sections(c *diff.Comparison) []section {
	var all []section
	add := func(part, title string, lines []line) {
		if len(lines) > 0 && v.shows(part) {
			all = append(all, section{title, lines})
		}
	}
	add("summary", "summary", valueLines(c.Summary))
	add("params", "params", valueLines(c.Params))
	add("tags", "tags", valueLines(c.Tags))
	add("datasets", "data", datasetLines(c.Datasets))
	add("environment", "environment", append(changeLines(append(slices.Clone(c.Environment), c.Machine...)), v.variables(c.Variables)...))
	add("source", "source", sourceLines(c.Source))
	add("command", "command", valueLines(c.Attributes))
	add("artifacts", "artifacts", artifactLines(c.Artifacts))
	if d := c.Duration; d[0] > 0 && d[1] > 0 && (d[0].Round(time.Second) != d[1].Round(time.Second)) {
		add("duration", "duration", []line{{key: "took", a: terminal.Span(d[0]), b: terminal.Span(d[1])}})
	}
	return all
}

// variables are one line, unless all is asked for: job ids and the like differ in every run.
func (v Diff) variables(changes []diff.Change) []line {
	if len(changes) == 0 || v.Most == 0 {
		return changeLines(changes)
	}
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Key
	}
	const most = 4
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += ", …"
	}
	verb := "differ"
	if len(names) == 1 {
		verb = "differs"
	}
	return []line{{key: fmt.Sprintf("%s %s: %s", terminal.Count(int64(len(names)), "variable"), verb, text)}}
}

func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return `""`
		}
		return v
	case []any:
		words := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return format.TOMLString(v)
			}
			words[i] = s
		}
		return ShellWords(words)
	}
	if v == diff.None {
		return "none"
	}
	return format.TOMLString(v)
}

func valueLines(values []diff.Value) []line {
	var lines []line
	for _, v := range values {
		a, b := valueText(v.A), valueText(v.B)
		if a == b && a != "" { // a text and a number that read alike
			a, b = format.TOMLString(v.A), format.TOMLString(v.B)
		}
		lines = append(lines, line{key: v.Key, a: a, b: b})
	}
	return lines
}

func artifactLines(values []diff.Value) []line {
	var lines []line
	for _, v := range values {
		lines = append(lines, line{key: v.Key, a: short(valueText(v.A)), b: short(valueText(v.B))})
	}
	return lines
}

func short(digest string) string { return digest[:min(len(digest), 12)] }

func changeLines(changes []diff.Change) []line {
	var lines []line
	for _, c := range changes {
		a, b := c.A, c.B
		if format.IsDigest(a) || format.IsDigest(b) {
			a, b = short(a), short(b)
		}
		lines = append(lines, line{key: c.Key, a: a, b: b})
	}
	return lines
}

func datasetLines(sets []diff.Dataset) []line {
	var lines []line
	for _, d := range sets {
		l := line{key: d.Name}
		if d.A != nil {
			l.a = datasetText(d.A)
		}
		if d.B != nil {
			l.b = datasetText(d.B)
		}
		lines = append(lines, l)
		for _, f := range d.Files {
			name := "  " + f.Change + " " + f.Path
			if f.From != "" {
				name = "  renamed " + f.From + " → " + f.Path
			}
			lines = append(lines, line{key: name})
		}
	}
	return lines
}

func datasetText(d *format.Dataset) string {
	text := short(strings.TrimPrefix(d.Identity(), format.HashListing+":")) + " " + terminal.Bytes(d.Bytes)
	if d.Files != 1 {
		text += ", " + terminal.Count(d.Files, "file")
	}
	if d.Rows > 0 {
		text += ", " + terminal.Count(d.Rows, "row")
	}
	if len(d.Columns) > 0 {
		text += ", " + terminal.Count(int64(len(d.Columns)), "column")
	}
	return text
}

func sourceLines(s diff.Source) []line {
	var lines []line
	for _, f := range s.Files {
		style := terminal.Plain
		switch f.Change {
		case "added":
			style = terminal.Green
		case "removed":
			style = terminal.Red
		}
		count := "binary"
		if f.Added >= 0 {
			count = fmt.Sprintf("+%d -%d", f.Added, f.Removed)
		}
		lines = append(lines, line{key: f.Path + "  " + f.Change + " " + count, style: style})
	}
	return lines
}

// Markdown writes it for a comment of a forge: tables, with what is long folded away.
func (v Diff) Markdown(w io.Writer, c *diff.Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**a** %s · **b** %s\n", Code(title(c.A)), Code(title(c.B)))
	if v.shows("metrics") && len(c.Metrics) > 0 {
		b.WriteString("\n| metric | a | b | change | | verdict |\n|---|--:|--:|--:|--:|---|\n")
		for _, m := range v.ordered(c) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", byBest(Code(m.Key), bestBy(m)), Escape(levelText(m.A, true)), Escape(levelText(m.B, true)), Escape(Delta(m.Delta)), Escape(Percent(m.Relative)), Escape(VerdictText(m)))
		}
		if len(c.Mixed) > 0 {
			b.WriteString("\n" + Escape(mixed(c.Mixed)) + "\n")
		}
	}
	for _, s := range v.sections(c) {
		open := ""
		if len(s.lines) <= 5 {
			open = " open"
		}
		fmt.Fprintf(&b, "\n<details%s><summary>%s (%d)</summary>\n\n| | a | b |\n|---|---|---|\n", open, s.title, len(s.lines))
		for i, l := range s.lines {
			if v.Most > 0 && i == v.Most && len(s.lines) > v.Most+1 {
				fmt.Fprintf(&b, "| … %d more | | |\n", len(s.lines)-i)
				break
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", Code(strings.TrimSpace(l.key)), Code(l.a), Code(l.b))
		}
		b.WriteString("\n</details>\n")
	}
	for _, problem := range c.Problems {
		b.WriteString("\n" + Escape(problem.String()) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
