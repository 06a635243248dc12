// Package render writes what the commands found for a reader: a run, a list, a comparison, a review and the outcomes of
// rules, as text for a terminal, as Markdown for a forge, and as JSON. Every sentence about a finding is worded here,
// once.
//
// It reads no repository by itself, decides nothing, and knows no command line. It stands on cmd/internal/terminal and
// cmd/internal/chart. Each file writes one kind of value; a change to what a command prints begins in the file of that
// kind.
package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// page writes lines until the first error.
type page struct {
	w   io.Writer
	t   *terminal.Terminal
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// title begins a part of the page.
func (p *page) title(text string) { p.line("\n%s", p.t.Paint(terminal.Bold, text)) }

const labelWidth = 12

// pair writes a label and a value of one or more lines. An empty value is left out.
func (p *page) pair(label, value string) {
	if value == "" {
		return
	}
	value = strings.ReplaceAll(terminal.CleanLines(value), "\n", "\n"+strings.Repeat(" ", labelWidth))
	p.line("%s%s", p.t.Paint(terminal.Dim, fmt.Sprintf("%-*s", labelWidth, label)), value)
}
