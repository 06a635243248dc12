// Package chart draws curves: in a terminal with axes, numbers and a legend (chart.go, axis.go), on a single line
// (curve.go), and as Mermaid for a forge (mermaid.go).
//
// It takes numbers and names, and knows nothing of runs. Its only import from the project is cmd/internal/terminal.
package chart

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// Series is one curve. The values of X never decrease.
type Series struct {
	Name string
	X, Y []float64
	Note string // shown after the name in the legend
}

// XKind is the meaning of the x axis.
type XKind int

// The kinds of x axis.
const (
	Step     XKind = iota // an integer count
	Time                  // seconds since 1970 UTC
	Relative              // seconds since the start
	Number                // the value of another metric
)

// Options are the options of a chart.
type Options struct {
	Width, Height int // of the whole chart, in characters
	LogY          bool
	X             XKind
	Title         string
	ASCII         bool // do not use Unicode: the locale does not support it
}

const (
	leastWidth  = 20
	leastHeight = 6
)

// With color, curves differ by their colors, otherwise by their marks.
var (
	colors = [...]terminal.Style{
		terminal.Cyan, terminal.Yellow, terminal.Green, terminal.Magenta, terminal.Red, terminal.Blue,
	}
	marks = [...]rune{'•', '+', '×', 'o', '*', '#', '%', '@'}
	ascii = [...]rune{'.', '+', 'x', 'o', '*', '#', '%', '@'}
)

// Draw draws the curves into one chart. A NaN leaves a gap. Draw leaves out infinite values, and with LogY values that
// are not positive, and prints their number below the chart.
func Draw(w io.Writer, t *terminal.Terminal, series []Series, o Options) error {
	c := newCanvas(t, series, o)
	var b strings.Builder
	if o.Title != "" {
		b.WriteString(t.Paint(terminal.Bold, terminal.Truncate(terminal.Clean(o.Title), c.width)) + "\n")
	}
	if !c.some {
		b.WriteString("  no finite values\n")
	} else {
		c.plot(series)
		c.write(&b)
	}
	c.legend(&b, series)
	_, err := io.WriteString(w, b.String())
	return err
}

// canvas is the area of the curves, measured in dots. A braille character holds 2 x 4 dots, a mark holds one.
type canvas struct {
	t             *terminal.Terminal
	o             Options
	width, height int
	columns, rows int // size of the area, in characters
	dotsX, dotsY  int // dots per character
	cells         []cell
	x0, x1        float64
	y0, y1        float64
	some          bool
	leftOut       int
	yTicks        []float64
	gutter        int
	plain         bool // draw marks instead of braille
}

type cell struct {
	dots   uint8
	series int // 1 + index of the last curve drawn in this cell
	mixed  bool
}

func newCanvas(t *terminal.Terminal, series []Series, o Options) *canvas {
	c := &canvas{
		t: t, o: o, width: max(leastWidth, o.Width), height: max(leastHeight, o.Height),
		x0: math.Inf(1), x1: math.Inf(-1), y0: math.Inf(1), y1: math.Inf(-1),
	}
	// Without color, only marks can distinguish several curves.
	c.plain = o.ASCII || len(series) > 1 && !t.Color()
	c.dotsX, c.dotsY = 2, 4
	if c.plain {
		c.dotsX, c.dotsY = 1, 1
	}
	for _, s := range series {
		for i, y := range s.Y {
			v, ok := c.scale(y)
			if !ok {
				if !math.IsNaN(y) {
					c.leftOut++
				}
				continue
			}
			c.some = true
			c.x0, c.x1 = math.Min(c.x0, s.X[i]), math.Max(c.x1, s.X[i])
			c.y0, c.y1 = math.Min(c.y0, v), math.Max(c.y1, v)
		}
	}
	if !c.some {
		return c
	}
	c.rows = c.height - 2 // without the two lines of the axis and its numbers
	if c.y0 == c.y1 {
		pad := math.Abs(c.y0) / 10
		if pad == 0 || c.o.LogY {
			pad = 1
		}
		c.y0, c.y1 = c.y0-pad, c.y1+pad
	}
	if c.x0 == c.x1 {
		c.x0, c.x1 = c.x0-1, c.x1+1
	}
	c.yTicks = ticks(c.y0, c.y1, max(2, c.rows/2))
	for _, y := range c.yTicks {
		c.gutter = max(c.gutter, utf8.RuneCountInString(c.yLabel(y)))
	}
	c.gutter = min(c.gutter, c.width/3)
	c.columns = max(4, c.width-c.gutter-2)
	c.cells = make([]cell, c.columns*c.rows)
	return c
}

// scale converts a value to the scale of the y axis. It returns false if the value cannot be drawn.
func (c *canvas) scale(y float64) (float64, bool) {
	if c.o.LogY {
		if y <= 0 {
			return 0, false
		}
		y = math.Log10(y)
	}
	return y, !math.IsNaN(y) && !math.IsInf(y, 0)
}

func (c *canvas) plot(series []Series) {
	wide, high := c.columns*c.dotsX, c.rows*c.dotsY
	for n, s := range series {
		// Each column draws a line from the smallest to the largest of its values, so that spikes stay visible.
		lastX, lastY := -1, 0
		for i := 0; i < len(s.Y); {
			y, ok := c.scale(s.Y[i])
			if !ok {
				if math.IsNaN(s.Y[i]) {
					lastX = -1
				}
				i++
				continue
			}
			x := dot(s.X[i], c.x0, c.x1, wide)
			first := dot(y, c.y0, c.y1, high)
			low, top, last := first, first, first
			for i++; i < len(s.Y) && dot(s.X[i], c.x0, c.x1, wide) == x; i++ {
				if y, ok = c.scale(s.Y[i]); !ok {
					continue
				}
				last = dot(y, c.y0, c.y1, high)
				low, top = min(low, last), max(top, last)
			}
			if lastX >= 0 {
				c.line(n, lastX, lastY, x, first)
			}
			for y := low; y <= top; y++ {
				c.set(n, x, y)
			}
			lastX, lastY = x, last
		}
	}
}

// dot returns which of n dots between from and to is nearest to v. It does not overflow, even if the range spans all
// floats.
func dot(v, from, to float64, n int) int {
	share := (v/2 - from/2) / (to/2 - from/2)
	return min(n-1, max(0, int(math.Round(share*float64(n-1)))))
}

// line draws a straight line with Bresenham's algorithm (IBM Systems Journal 4, 1965).
func (c *canvas) line(n, x0, y0, x1, y1 int) {
	dx, dy := x1-x0, -abs(y1-y0)
	up := 1
	if y1 < y0 {
		up = -1
	}
	for e := dx + dy; ; {
		c.set(n, x0, y0)
		if x0 == x1 && y0 == y1 {
			return
		}
		twice := 2 * e
		if twice >= dy {
			e += dy
			x0++
		}
		if twice <= dx {
			e += dx
			y0 += up
		}
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// brailleDots holds the bit of each dot, by column and row. A braille character is U+2800 plus its bits (Unicode,
// Braille Patterns).
var brailleDots = [2][4]uint8{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

func (c *canvas) set(n, x, y int) {
	y = c.rows*c.dotsY - 1 - y
	at := &c.cells[y/c.dotsY*c.columns+x/c.dotsX]
	at.dots |= brailleDots[x%c.dotsX][y%c.dotsY]
	at.mixed = at.mixed || at.series != 0 && at.series != n+1
	at.series = n + 1
}

func (c *canvas) write(b *strings.Builder) {
	labels := map[int]string{}
	for _, y := range c.yTicks {
		row := c.rows - 1 - dot(y, c.y0, c.y1, c.rows)
		labels[row] = c.yLabel(y)
	}
	axis, tick, corner, floor, mark := "│", "┤", "└", '─', '┬'
	if c.o.ASCII {
		axis, tick, corner, floor, mark = "|", "+", "+", '-', '+'
	}
	for row := range c.rows {
		side := axis
		if labels[row] != "" {
			side = tick
		}
		label := terminal.Truncate(labels[row], c.gutter)
		line := strings.Repeat(" ", c.gutter-utf8.RuneCountInString(label)) + label + " " + side
		b.WriteString(c.t.Paint(terminal.Dim, line))
		b.WriteString(c.row(row))
		b.WriteByte('\n')
	}
	positions, numbers := c.xAxis()
	bottom := []rune(strings.Repeat(string(floor), c.columns))
	for _, p := range positions {
		bottom[p] = mark
	}
	b.WriteString(c.t.Paint(terminal.Dim, strings.Repeat(" ", c.gutter+1)+corner+string(bottom)) + "\n")
	b.WriteString(c.t.Paint(terminal.Dim, strings.TrimRight(strings.Repeat(" ", c.gutter+2)+numbers, " ")) + "\n")
}

func (c *canvas) row(row int) string {
	cells := c.cells[row*c.columns : (row+1)*c.columns]
	last := len(cells)
	for last > 0 && cells[last-1].dots == 0 {
		last--
	}
	var b strings.Builder
	for i := 0; i < last; {
		from := i
		var run strings.Builder
		for i < last && cells[i].series == cells[from].series {
			switch {
			case cells[i].dots == 0:
				run.WriteByte(' ')
			case c.plain:
				run.WriteRune(c.mark(cells[i].series - 1))
			default:
				run.WriteRune(0x2800 + rune(cells[i].dots))
			}
			i++
		}
		if cells[from].series == 0 {
			b.WriteString(run.String())
		} else {
			b.WriteString(c.t.Paint(colors[(cells[from].series-1)%len(colors)], run.String()))
		}
	}
	return b.String()
}

func (c *canvas) mark(n int) rune {
	if c.o.ASCII {
		return ascii[n%len(ascii)]
	}
	return marks[n%len(marks)]
}

// legend writes the names of the curves below the chart.
func (c *canvas) legend(b *strings.Builder, series []Series) {
	line, used := "", 0
	flush := func() {
		if line != "" {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		line, used = "", 0
	}
	for n, s := range series {
		sign := "━━"
		if c.plain || !c.t.Color() {
			sign = string(c.mark(n))
		}
		text := terminal.Clean(s.Name)
		if s.Note != "" {
			text += " " + terminal.Clean(s.Note)
		}
		text = terminal.Truncate(text, c.width-4-len([]rune(sign)))
		size := 2 + len([]rune(sign)) + 1 + terminal.Width(text)
		if used > 0 && used+size > c.width {
			flush()
		}
		line += "  " + c.t.Paint(colors[n%len(colors)], sign) + " " + text
		used += size
	}
	flush()
	if c.leftOut > 0 {
		what := "infinite"
		if c.o.LogY {
			what = "infinite or not positive"
		}
		b.WriteString(terminal.Truncate(fmt.Sprintf("  %d left out: %s", c.leftOut, what), c.width) + "\n")
	}
}
