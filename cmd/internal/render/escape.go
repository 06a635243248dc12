package render

import (
	"strconv"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

// Code formats text of a run as code in a Markdown table or paragraph. Nothing in it then acts as markup, a mention or
// a reference to an issue: a forge looks for neither in code, and a character reference is never syntax.
func Code(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + Escape(text) + "</code>"
}

// Escape replaces control characters as terminal.Clean does. It then writes every character except letters, digits,
// spaces, points and commas as a character reference.
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
