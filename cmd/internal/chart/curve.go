package chart

import (
	"math"
	"strings"
)

// Spark draws a curve on one line of at most width characters. A NaN leaves a gap.
func Spark(y []float64, width int) string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	n := min(width, len(y))
	if n <= 0 {
		return ""
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range y {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			least, most = math.Min(least, v), math.Max(most, v)
		}
	}
	var b strings.Builder
	for i := range n {
		// Each character shows the mean of its part of the curve.
		sum, count := 0.0, 0
		for _, v := range y[i*len(y)/n : (i+1)*len(y)/n] {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				sum += v / float64(len(y))
				count++
			}
		}
		switch {
		case count == 0:
			b.WriteByte(' ')
		case least == most:
			b.WriteRune(levels[len(levels)/2])
		default:
			b.WriteRune(levels[dot(sum*float64(len(y))/float64(count), least, most, len(levels))])
		}
	}
	return b.String()
}
