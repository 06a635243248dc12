package filter

import (
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	nothing tokenKind = iota
	plain             // a word with dots: metrics.loss, AND
	quoted            // 'text' or "text", without the quotes
	ticked            // `text`, without the backticks
	number
	symbol // a comparison, a parenthesis or a comma
)

type token struct {
	kind tokenKind
	text string
}

// show is a token for a message.
func (t token) show() string {
	if t.kind == nothing {
		return "the end"
	}
	if len(t.text) > 100 {
		return "'" + strings.ToValidUTF8(t.text[:100], "") + "…'"
	}
	return "'" + t.text + "'"
}

// lex splits an expression.
func lex(text string) (tokens []token, err error) {
	if len(text) > maxText || !utf8.ValidString(text) {
		return nil, wrong("the filter must be UTF-8 and at most %d bytes long", maxText)
	}
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return tokens, nil
		}
		t, n, err := first(text)
		if err != nil {
			return nil, err
		}
		tokens, text = append(tokens, t), text[n:]
	}
}

// first reads the first token, and says how many bytes it takes.
func first(text string) (t token, n int, err error) {
	switch c := text[0]; {
	case c == '\'' || c == '"' || c == '`':
		return quotation(text)
	case strings.HasPrefix(text, "!=") || strings.HasPrefix(text, "<=") || strings.HasPrefix(text, ">="):
		return token{symbol, text[:2]}, 2, nil
	case strings.HasPrefix(text, "<>"):
		return token{symbol, "!="}, 2, nil
	case strings.IndexByte("=<>(),", c) >= 0:
		return token{symbol, text[:1]}, 1, nil
	case isDigit(c) || (c == '-' || c == '+' || c == '.') && len(text) > 1 && (isDigit(text[1]) || text[1] == '.'):
		n = numberLength(text)
		return token{number, text[:n]}, n, nil
	}
	n = strings.IndexFunc(text, func(r rune) bool { return !isWord(r) })
	if n < 0 {
		n = len(text)
	}
	if n == 0 {
		return t, 0, wrong("Invalid clause(s) in filter string: '%.20s'. Keys with other characters need backticks", text)
	}
	return token{plain, text[:n]}, n, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord reports whether a character can be in a key that is not quoted.
func isWord(r rune) bool {
	return r == '_' || r == '.' || r == '$' || r == '@' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' ||
		r >= 'A' && r <= 'Z' || r >= 0x80
}

// quotation reads a text between quotes. A quote within it is written twice.
func quotation(text string) (t token, n int, err error) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != quote:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			kind := quoted
			if quote == '`' {
				kind = ticked
			}
			return token{kind, b.String()}, i + 1, nil
		}
	}
	return t, 0, wrong("a quote is not closed: %.40s", text)
}

// numberLength is the length of a number at the beginning of a text.
func numberLength(text string) int {
	n := 0
	digits := func() {
		for n < len(text) && isDigit(text[n]) {
			n++
		}
	}
	if text[0] == '-' || text[0] == '+' {
		n++
	}
	digits()
	if n < len(text) && text[n] == '.' {
		n++
		digits()
	}
	if n < len(text) && (text[n] == 'e' || text[n] == 'E') {
		back := n
		n++
		if n < len(text) && (text[n] == '-' || text[n] == '+') {
			n++
		}
		if n == len(text) || !isDigit(text[n]) {
			return back
		}
		digits()
	}
	return n
}
