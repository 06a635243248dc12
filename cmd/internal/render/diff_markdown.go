package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/diff"
)

// Markdown writes the comparison as tables for a comment on a forge. Long tables are folded.
func (v Diff) Markdown(w io.Writer, c *diff.Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**a** %s · **b** %s\n", Code(title(c.A)), Code(title(c.B)))
	if v.shows("metrics") && len(c.Metrics) > 0 {
		b.WriteString("\n| metric | a | b | change | | verdict |\n|---|--:|--:|--:|--:|---|\n")
		for _, m := range v.ordered(c) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", ComparedLabel(Code(m.Key), m),
				Escape(LevelText(m.A, m, true)), Escape(LevelText(m.B, m, true)),
				Escape(Delta(m.Delta)), Escape(Percent(m.Relative)), Escape(VerdictText(m)))
		}
		for _, note := range MetricNotes(c) {
			b.WriteString("\n" + Escape(note) + "\n")
		}
	}
	for _, s := range v.sections(c) {
		open := ""
		if len(s.lines) <= 5 {
			open = " open"
		}
		fmt.Fprintf(&b, "\n<details%s><summary>%s (%d)</summary>\n\n", open, s.title, len(s.lines))
		b.WriteString("| | a | b |\n|---|---|---|\n")
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
