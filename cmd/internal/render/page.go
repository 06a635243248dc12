// Package render formats the results of commands: runs, lists, comparisons, reviews and the outcomes of rules. It
// writes text for a terminal, Markdown for a forge, and JSON. All sentences about findings are in this package.
//
// The package does not open repositories, makes no decisions and does not know the command line. Of the packages in
// cmd, it imports only cmd/internal/terminal and cmd/internal/chart. Each file formats one kind of result. To change
// the output of a command, start in the file for that kind.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// page writes lines until the first error, which it keeps. Lines that are wider than the terminal are wrapped.
type page struct {
	w   io.Writer
	t   *terminal.Terminal
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, p.t.Wrap(fmt.Sprintf(format, args...))+"\n")
	}
}

// title starts a new section of the page.
func (p *page) title(text string) { p.line("\n%s", p.t.Paint(terminal.Bold, text)) }

const labelWidth = 12

// pair writes a label and its value, which may have several lines. It skips an empty value.
func (p *page) pair(label, value string) {
	if value == "" {
		return
	}
	lines := strings.Split(terminal.CleanLines(value), "\n")
	for i, line := range lines {
		lines[i] = p.t.Fold(line, labelWidth)
	}
	value = strings.Join(lines, "\n"+strings.Repeat(" ", labelWidth))
	p.line("%s%s", p.t.Paint(terminal.Dim, fmt.Sprintf("%-*s", labelWidth, label)), value)
}
