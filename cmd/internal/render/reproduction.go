package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/review"
)

// Reproduction shows whether repeating a run gave the same result.
type Reproduction struct{ *review.Reproduction }

// WriteMetrics writes one line per metric.
func (v Reproduction) WriteMetrics(w io.Writer, t *terminal.Terminal) error {
	if len(v.Metrics) == 0 {
		return nil
	}
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "metric", Flexible: true, Name: true},
		{Title: "recorded", Right: true},
		{Title: "reproduced", Right: true},
		{Title: "verdict"},
	}}
	for _, m := range v.Metrics {
		row := []terminal.Cell{{Text: m.Key}, {}, {}, {Text: m.Series.Sameness.String(), Style: terminal.Green}}
		if m.A != nil {
			row[1].Text = terminal.Number(*m.A)
		}
		if m.B != nil {
			row[2].Text = terminal.Number(*m.B)
		}
		if m.Series.Sameness > diff.Within {
			row[3].Style = terminal.Red
		}
		if m.Series.Sameness == diff.Different {
			row[3].Text = differentBy(m.Series)
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb.Write(w, t)
}

func differentBy(s diff.Series) string {
	if s.Points[0] != s.Points[1] || s.Common != s.Points[0] {
		return fmt.Sprintf("different: %s, %d recorded", terminal.Count(int64(s.Points[1]), "point"), s.Points[0])
	}
	return fmt.Sprintf("different by up to %.2g%%, at step %d", 100*s.Relative, s.Step)
}

// Verdict returns the result in one line.
func (v Reproduction) Verdict(t *terminal.Terminal) string {
	title := terminal.Clean(v.Of.Title())
	reproduced := t.Paint(terminal.Green, "reproduced")
	failed := t.Paint(terminal.Red, "not reproduced")
	metrics := terminal.Count(int64(len(v.Metrics)), "metric")
	switch n, missing := v.Different(), v.Missing(); {
	case len(v.Metrics) == 0:
		return fmt.Sprintf("nothing to compare: %s recorded no metrics; it ran again", title)
	case n == 0 && missing > 0:
		logged := len(v.Metrics) - missing
		return fmt.Sprintf("%s: %d of %s of %s %s logged", failed, logged, metrics, title, was(logged))
	case n > 0:
		verb, more := "are", ""
		if n == 1 {
			verb = "is"
		}
		if missing > 0 {
			more = fmt.Sprintf(", and %d %s not logged", missing, was(missing))
		}
		return fmt.Sprintf("%s: %d of %s of %s %s different%s", failed, n, metrics, title, verb, more)
	case v.Sameness() == diff.Within:
		return fmt.Sprintf("%s: every metric of %s is the same within %g", reproduced, title, v.Tolerance)
	}
	return fmt.Sprintf("%s: every point of every metric of %s is identical", reproduced, title)
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// Few names the first of some things, and counts the others.
func Few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// LeftVariables lists the environment variables that differ, one per line, at most as many as most and a count.
func LeftVariables(left []capture.LeftVariable, most int) []string {
	changes := make([]diff.Change, len(left))
	for i, v := range left {
		changes[i] = diff.Change{Key: v.Name, A: v.Recorded, B: v.Now}
		if v.Withheld {
			changes[i].A = "not recorded, because it may be a secret"
		}
	}
	return Changes(changes, most)
}

// Changes lists the differences from the recorded run, one per line. If there are more than most, the last line says
// how many more.
func Changes(changes []diff.Change, most int) []string {
	side := func(text string) string {
		if text == "" {
			return "none"
		}
		return text
	}
	var lines []string
	for _, c := range changes[:min(len(changes), most)] {
		lines = append(lines, fmt.Sprintf("%s: %s, now %s", c.Key, side(c.A), side(c.B)))
	}
	if more := len(changes) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return lines
}
