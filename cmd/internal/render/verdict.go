package render

import (
	"fmt"
	"math"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
)

// bestBy returns the goal of a metric if a compared best value differs from the last value. Otherwise it returns "".
func bestBy(m diff.Metric) string {
	for _, l := range []*diff.Level{m.A, m.B} {
		if l != nil && l.HasStep && (l.N > 1 || l.Best != l.Last) {
			return m.Goal
		}
	}
	return ""
}

// VerdictStyle returns the style of a verdict.
func VerdictStyle(v diff.Verdict) terminal.Style {
	switch v {
	case diff.Better:
		return terminal.Green
	case diff.Worse:
		return terminal.Red
	}
	return terminal.Plain
}

// VerdictText returns the text of a verdict.
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
		return "same best, different curve"
	case m.Why != "" && m.Verdict != diff.Same:
		return string(m.Verdict) + " (" + string(m.Why) + ")"
	}
	return string(m.Verdict)
}

// levelText formats the best value of a side. For several runs it adds the spread; otherwise, if step is true, it adds
// the step of the value.
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

// Delta formats a difference with its sign. It returns "" for NaN.
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

// Percent formats a relative difference with its sign. It returns "" for NaN.
func Percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%+.0f x", v)
	}
	return fmt.Sprintf("%+.1f%%", 100*v)
}
