package render

import (
	"fmt"
	"math"
	"strconv"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// ComparedLabel returns the name of a metric with the value that is compared, unless that is the last one.
func ComparedLabel(name string, m diff.Metric) string {
	switch {
	case m.Choice.Value == format.BestValue, m.Choice.Value == format.ValueAtBest && m.Key == m.Choice.SelectBy:
		return byBest(name, m.Goal)
	case m.Choice.Value == format.ValueAtBest:
		return name + " (at best)"
	}
	return name
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
	case m.Verdict == diff.Inconclusive, m.Verdict == diff.Unknown && m.Why != "" && m.Why != diff.OneRunEach:
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

// LevelText formats the compared value of a side. For several runs it adds the spread and the number of runs that
// count. For a best value it adds among how many points it is the best. If step is true, it also adds the step.
func LevelText(l *diff.Level, m diff.Metric, step bool) string {
	if l == nil {
		return "-"
	}
	text := terminal.Number(l.Value)
	if len(l.Lost) > 0 && m.Why == diff.WithoutValue {
		text = "-"
	}
	var count string
	if of := l.N + len(l.Lost); of > 1 {
		count = strconv.Itoa(l.N)
		if len(l.Lost) > 0 {
			count = fmt.Sprintf("%d of %d", l.N, of)
		}
	}
	switch {
	case l.N > 1:
		text += " ± " + terminal.Number(l.SD)
	case l.HasStep && step && l.N == 1 && count == "":
		text += fmt.Sprintf(" @%d", l.Step)
	}
	if points := pointsText(l, m); points != "" {
		if count != "" {
			count += ", "
		}
		count += points
	}
	if count != "" {
		text += " (" + count + ")"
	}
	return text
}

// pointsText says among how many points the compared value of a side is the best. It is empty for other values.
func pointsText(l *diff.Level, m diff.Metric) string {
	if l.N == 0 || l.Evaluations[1] < 2 || m.Goal == "" || ComparedLabel("", m) != byBest("", m.Goal) {
		return ""
	}
	if l.Evaluations[0] < l.Evaluations[1] {
		return fmt.Sprintf("best of %d to %d", l.Evaluations[0], l.Evaluations[1])
	}
	return fmt.Sprintf("best of %d", l.Evaluations[0])
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
