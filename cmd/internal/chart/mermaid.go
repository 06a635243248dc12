package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mermaidPoints is the largest number of values in a line of a Mermaid chart.
const mermaidPoints = 60

// Mermaid returns an xychart-beta (see https://mermaid.js.org/syntax/xyChart.html) with one line per curve. All lines
// start and end at the same positions and have at most 60 values. A value that is not finite is drawn like the value
// before it. Mermaid returns an empty text if there is nothing to draw.
func Mermaid(title string, curves [][]float64) string {
	low, high := math.Inf(1), math.Inf(-1)
	var lines [][]float64
	for _, y := range curves {
		var line []float64
		n := min(mermaidPoints, len(y))
		for i := range n {
			v := y[(i+1)*len(y)/n-1]
			if math.IsNaN(v) || math.IsInf(v, 0) {
				if len(line) == 0 {
					continue
				}
				v = line[len(line)-1]
			}
			line = append(line, v)
			low, high = min(low, v), max(high, v)
		}
		if len(line) > 1 {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	if low == high {
		low, high = low-1, high+1
	}
	var b strings.Builder
	fmt.Fprintf(&b, "```mermaid\nxychart-beta\n    title \"%s\"\n", mermaidText(title))
	b.WriteString("    x-axis \"progress in %\" 0 --> 100\n")
	fmt.Fprintf(&b, "    y-axis %s --> %s\n", mermaidNumber(low), mermaidNumber(high))
	for _, line := range lines {
		words := make([]string, len(line))
		for i, v := range line {
			words[i] = mermaidNumber(v)
		}
		fmt.Fprintf(&b, "    line [%s]\n", strings.Join(words, ", "))
	}
	b.WriteString("```\n")
	return b.String()
}

// mermaidNumber formats a number without an exponent, which Mermaid's grammar does not allow.
func mermaidNumber(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

// mermaidText replaces every character that could end the text or start a directive.
func mermaidText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" _-./", r):
			return r
		}
		return '_'
	}, s)
}
