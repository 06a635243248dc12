package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// ticks returns about n round numbers between from and to: multiples of 1, 2 or 5 times a power of ten.
func ticks(from, to float64, n int) []float64 {
	step := niceStep((to/2 - from/2) / float64(n) * 2)
	if step <= 0 || math.IsInf(step, 0) || math.IsNaN(step) {
		return []float64{from, to}
	}
	var values []float64
	for i := math.Ceil(from / step); i*step <= to && len(values) < 100; i++ {
		values = append(values, i*step)
	}
	if len(values) == 0 || math.IsNaN(values[0]) {
		return []float64{from, to}
	}
	return values
}

// niceStep rounds raw up to 1, 2 or 5 times a power of ten.
func niceStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if raw <= m*power*1.0000001 {
			return m * power
		}
	}
	return 10 * power
}

// yLabel returns the number at a tick of the y axis. All ticks have the same number of decimals.
func (c *canvas) yLabel(y float64) string {
	if c.o.LogY {
		return terminal.Number(roundTo(math.Pow(10, y), 3))
	}
	step := math.Abs(c.y1-c.y0) / 2
	if len(c.yTicks) > 1 {
		step = math.Abs(c.yTicks[1] - c.yTicks[0])
	}
	return axisNumber(y, step)
}

// roundTo rounds v to n significant digits.
func roundTo(v float64, n int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', n, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// axisNumber formats v, a multiple of step.
func axisNumber(v, step float64) string {
	if math.Abs(v) < step/1e6 {
		v = 0
	}
	digits := -int(math.Floor(math.Log10(step) + 1e-9))
	if most := math.Max(math.Abs(v), step); digits > 6 || most >= 1e7 {
		return terminal.Number(roundTo(v, 4))
	}
	return strconv.FormatFloat(v, 'f', max(0, digits), 64)
}

// xAxis returns the columns of the tick marks and the line of numbers below the axis.
func (c *canvas) xAxis() (positions []int, numbers string) {
	line := []rune(strings.Repeat(" ", c.columns))
	free := 0
	for _, x := range c.xTicks() {
		at := dot(x.value, c.x0, c.x1, c.columns)
		label := []rune(x.label)
		from := min(max(0, at-len(label)/2), max(0, c.columns-len(label)))
		if from < free || from+len(label) > c.columns {
			continue
		}
		copy(line[from:], label)
		free = from + len(label) + 2
		positions = append(positions, at)
	}
	return positions, string(line)
}

type xTick struct {
	value float64
	label string
}

func (c *canvas) xTicks() []xTick {
	n := max(2, c.columns/10)
	var list []xTick
	switch c.o.X {
	case Time, Relative:
		step := niceSpan((c.x1 - c.x0) / float64(n))
		offset := 0.0
		if c.o.X == Time {
			_, zone := time.Unix(int64(c.x0), 0).Zone()
			offset = float64(zone)
		}
		for i := math.Ceil((c.x0 + offset) / step); i*step-offset <= c.x1 && len(list) < 200; i++ {
			x := i*step - offset
			list = append(list, xTick{x, c.timeLabel(x, step)})
		}
	default:
		step := niceStep((c.x1/2 - c.x0/2) / float64(n) * 2)
		if c.o.X == Step && c.x1-c.x0 >= 1 {
			step = math.Max(1, step) // steps are whole numbers
		}
		for _, x := range ticks(c.x0, c.x1, n) {
			if c.o.X == Step && step == 1 && x != math.Trunc(x) {
				continue
			}
			label := axisNumber(x, step)
			if utf8.RuneCountInString(label) > 12 {
				label = terminal.Number(x)
			}
			list = append(list, xTick{x, label})
		}
	}
	return list
}

// niceSpan rounds seconds up to an interval that suits a clock, such as 15 s, 5 min or 6 h.
func niceSpan(seconds float64) float64 {
	for _, s := range []float64{
		1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
	} {
		if seconds <= s {
			if s == 1 && seconds < 0.5 {
				return niceStep(seconds)
			}
			return s
		}
	}
	return 86400 * math.Ceil(niceStep(seconds/86400))
}

func (c *canvas) timeLabel(x, step float64) string {
	if c.o.X == Relative {
		switch {
		case x == 0:
			return "0"
		case step < 1:
			return axisNumber(x, step) + " s"
		case step < 60 && c.x1 < 600:
			return axisNumber(x, step) + " s"
		case step < 3600 && c.x1 < 6*3600:
			return axisNumber(x/60, step/60) + " min"
		case step < 86400:
			return axisNumber(x/3600, step/3600) + " h"
		}
		return axisNumber(x/86400, step/86400) + " d"
	}
	at := time.Unix(int64(math.Floor(x)), 0)
	switch {
	case step < 60:
		return at.Format("15:04:05")
	case step < 86400 && c.x1-c.x0 < 86400:
		return at.Format("15:04")
	case step < 86400:
		return at.Format("2 Jan 15:04")
	}
	return at.Format("2 Jan")
}
