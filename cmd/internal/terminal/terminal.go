// Package terminal describes the input and output of the program: whether they are terminals, how wide the terminal is,
// and whether to use color and a pager. It also makes text from runs safe to show.
//
// It knows nothing of runs and imports no other package of the project. Start reading in terminal.go for the terminal,
// in text.go for text, numbers and times, and in table.go for tables.
package terminal

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Terminal is the input and output of the program. In a CI job, Out and Err make text harmless that the service would
// run as a command: see Data, Structured and Commands for the exceptions.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer

	outTTY, errTTY bool
	color          bool
	width, height  int
}

// System returns the terminal of this process. It has no color if noColor is true, if NO_COLOR is set
// (https://no-color.org), if TERM is dumb, or if the output is not a terminal.
func System(noColor bool) *Terminal {
	t := &Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if underCI() {
		t.Out, t.Err = newInert(t.Out), newInert(t.Err)
	}
	t.color = t.outTTY && !noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return t
}

// Quiet redirects messages to err, which is not a terminal.
func (t *Terminal) Quiet(err io.Writer) { t.Err, t.errTTY = err, false }

// Test returns a terminal for tests, with the given width and 40 lines. Both its output and its messages count as going
// to a terminal.
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

// Color reports whether the output uses color.
func (t *Terminal) Color() bool { return t.color }

const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Width returns the number of columns. If it is unknown, Width returns the number in COLUMNS, or 80 if that is not set.
func (t *Terminal) Width() int {
	if t.width == 0 {
		t.measure()
	}
	return t.width
}

// Height returns the number of lines, or 24 if it is unknown.
func (t *Terminal) Height() int {
	if t.height == 0 {
		t.measure()
	}
	return t.height
}

// Refresh discards the cached size, because the terminal may have been resized.
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

// Style is a color or other emphasis of text.
type Style string

// The styles are SGR parameters of ECMA-48.
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

// Paint applies a style to text if the output uses color.
func (t *Terminal) Paint(s Style, text string) string {
	if !t.color || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
