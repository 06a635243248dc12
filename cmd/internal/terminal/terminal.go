// Package terminal knows where input comes from and output goes to: whether that is a terminal, how wide it is, whether
// it shows color, and whether a pager is used. It also makes text from a run safe to show.
//
// It knows nothing of runs and imports nothing of the project. Begin in terminal.go for the terminal itself, in text.go
// for text, numbers and times, and in table.go for tables.
package terminal

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Terminal is the input and output of the program.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer

	outTTY, errTTY bool
	color          bool
	width, height  int
}

// System is the terminal of this process. It shows no color if noColor is set, if NO_COLOR is set
// (https://no-color.org), if TERM is dumb, or if the output is not a terminal.
func System(noColor bool) *Terminal {
	t := &Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
	t.color = t.outTTY && !noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return t
}

// Quiet sends messages to err, which is not a terminal.
func (t *Terminal) Quiet(err io.Writer) { t.Err, t.errTTY = err, false }

// Test is a terminal for tests: width columns, 40 lines, a terminal in both directions.
func Test(out, err io.Writer, width int, color bool) *Terminal {
	return &Terminal{
		In: strings.NewReader(""), Out: out, Err: err,
		outTTY: true, errTTY: true, color: color, width: width, height: 40,
	}
}

// OutIsTerminal reports whether results go to a terminal.
func (t *Terminal) OutIsTerminal() bool { return t.outTTY }

// ErrIsTerminal reports whether messages go to a terminal.
func (t *Terminal) ErrIsTerminal() bool { return t.errTTY }

// Color reports whether output has color.
func (t *Terminal) Color() bool { return t.color }

const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Width is the number of columns. If it is unknown, it is that of COLUMNS, otherwise 80.
func (t *Terminal) Width() int {
	if t.width == 0 {
		t.measure()
	}
	return t.width
}

// Height is the number of lines; 24 if it is unknown.
func (t *Terminal) Height() int {
	if t.height == 0 {
		t.measure()
	}
	return t.height
}

// Refresh forgets the size, which may have changed.
func (t *Terminal) Refresh() {
	if _, ok := t.Out.(*os.File); ok {
		t.width, t.height = 0, 0
	}
}

func (t *Terminal) measure() {
	t.width, t.height = defaultWidth, defaultHeight
	if t.outTTY {
		if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 && h > 0 {
			t.width, t.height = w, h
			return
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		t.width = n
	}
}

// Style is a color or another emphasis of text.
type Style string

// The styles: SGR parameters of ECMA-48.
const (
	Plain   Style = ""
	Bold    Style = "1"
	Dim     Style = "2"
	Red     Style = "31"
	Green   Style = "32"
	Yellow  Style = "33"
	Blue    Style = "34"
	Magenta Style = "35"
	Cyan    Style = "36"
)

// Paint adds a style to text, if the output has color.
func (t *Terminal) Paint(s Style, text string) string {
	if !t.color || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
