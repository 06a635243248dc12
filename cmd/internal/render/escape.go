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
	return "<code>" + escape(text, true) + "</code>"
}

// Escape makes text inert in Markdown outside code. It replaces control characters as terminal.Clean does. Then it
// writes every character except letters, digits, spaces, commas and the points of numbers as a character reference.
//
// That alone is not enough: forges look for addresses, mentions, issues and commits after they have decoded the
// character references. A <wbr>, which shows nothing and stays out of copied text, splits what would form one of them.
func Escape(text string) string { return escape(text, false) }

// escape is Escape or, if code is true, what goes between <code> and </code>. There, only mail addresses remain to be
// split: GitHub links them in HTML code too.
func escape(text string, code bool) string {
	var b strings.Builder
	text = terminal.Clean(text)
	hex := 0 // letters and digits so far that may belong to the hash of a commit
	for i, r := range text {
		after := text[min(i+1, len(text)):]
		if hex++; !isHex(r) {
			hex = 0
		}
		if hex == shortestHash && !code {
			b.WriteString(split)
			hex = 1
		}
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == ',', r >= 0x80:
			b.WriteRune(r)
			continue
		case r == '.' && i > 0 && isDigit(text[i-1]) && after != "" && isDigit(after[0]): // a number stays readable
			b.WriteByte('.')
			continue
		case r == '@' && i > 0 && (isDigit(text[i-1]) || isLetter(text[i-1]) || strings.IndexByte(".+-_", text[i-1]) >= 0):
			// It ends what could be the local part of a mail address.
			b.WriteString(split)
		}
		b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		switch {
		case code || after == "" || after[0] == ' ':
		case strings.ContainsRune("@#!$%~&^:", r), r == '-' && i > 0 && isLetter(text[i-1]) && isDigit(after[0]): // GH-1
			b.WriteString(split)
		}
	}
	return b.String()
}

const (
	split        = "<wbr>"
	shortestHash = 7 // hexadecimal digits from which GitHub links a commit
)

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isHex(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}
