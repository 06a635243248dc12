package render

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// CSV writes rows of CSV. Names, params and tags come from whoever recorded a run, and a spreadsheet runs a cell that
// begins with "=", "+", "-" or "@" as a formula. Unless the output is raw, CSV puts a "'" in front of such a cell,
// which spreadsheets read as the mark of a text. Numbers stay as they are.
type CSV struct {
	w     *csv.Writer
	raw   bool // write the cells as they were recorded
	clean bool // for a person: show control characters as terminal.Clean does
}

// NewCSV returns a writer of rows to w. A person reads them if clean is true.
func NewCSV(w io.Writer, raw, clean bool) *CSV { return &CSV{csv.NewWriter(w), raw, clean} }

// Write writes a row. It may change the cells.
func (c *CSV) Write(cells []string) error {
	for i, text := range cells {
		if !c.raw {
			text = inertCell(text)
		}
		if c.clean {
			text = terminal.Clean(text)
		}
		cells[i] = text
	}
	return c.w.Write(cells)
}

// Flush writes what is buffered and returns the first error of any row.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// inertCell returns text with a "'" in front of everything that a spreadsheet would run as a formula. Where the
// spreadsheet separates cells by a semicolon or tab, as many locales do, a formula can also begin within the text.
func inertCell(text string) string {
	if text == "" || plain(text[0]) && !strings.ContainsAny(text, ";\t\r\n") {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	var b strings.Builder
	rest := text
	for first := true; rest != ""; first = false {
		field := rest
		if i := strings.IndexAny(rest, ";\t\r\n"); i >= 0 {
			field = rest[:i+1]
		}
		rest = rest[len(field):]
		if isFormula(field, first) {
			b.WriteByte('\'')
		}
		b.WriteString(field)
	}
	return b.String()
}

func plain(c byte) bool { return isDigit(c) || isLetter(c) }

// isFormula reports whether a spreadsheet may run text as a formula. Excel in some languages also takes the wide forms
// of the four signs, and a leading tab or line break hides a sign from a filter of the first character.
func isFormula(text string, first bool) bool {
	if first && (text[0] == '\t' || text[0] == '\r') {
		return true
	}
	text = strings.TrimLeft(text, " \"'\u00a0\u3000")
	if _, err := strconv.ParseFloat(strings.TrimRight(text, ";\t\r\n \""), 64); err == nil {
		return false
	}
	return strings.IndexAny(text, "=+-@＝＋－＠") == 0
}
