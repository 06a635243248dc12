package render

import (
	"strconv"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// Code is text of a run for a Markdown table or paragraph: nothing in it is markup, a mention or a reference to an issue.
// Forges look for neither in code, and a character reference is never syntax.
func Code(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + Escape(text) + "</code>"
}

// Escape writes everything that is no letter, digit or blank as a character reference, behind the removal of control
// characters.
func Escape(text string) string {
	var b strings.Builder
	for _, r := range terminal.Clean(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == '.', r == ',', r >= 0x80:
			b.WriteRune(r)
		default:
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return b.String()
}
