package render

import (
	"fmt"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// ValueTexts returns the texts of a key on both sides. A text is empty if the side lacks the key. If the texts are the
// same, they are in the notation of TOML, which tells "1" from 1.
func ValueTexts(v diff.Value) (a, b string) {
	a, b = ParamText(v.A), ParamText(v.B)
	_, varies := v.A.(diff.Several)
	if a == b && a != "" && !varies {
		a, b = format.TOMLString(v.A), format.TOMLString(v.B)
	}
	return a, b
}

// LostText names runs with the reason why they do not count.
func LostText(list []diff.Lost) string { return lostText(list) }

// CurveText describes how the points of two runs differ.
func CurveText(s diff.Series) string {
	switch {
	case s.Sameness == diff.Identical:
		return "the same points"
	case s.Common == 0:
		return "no common step"
	}
	return fmt.Sprintf("%s, relative difference up to %s at step %d", terminal.Count(int64(s.Common), "common point"),
		terminal.Number(s.Relative), s.Step)
}
