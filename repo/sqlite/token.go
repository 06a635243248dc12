package sqlite

import (
	"encoding/hex"
	"strings"
)

type tokenKind byte

const (
	word       tokenKind = iota // a keyword, a name or a number
	quotedName                  // "a", [a] or `a`
	quotedText                  // 'a'
	blobText                    // x'61'
	symbol                      // any other character
)

// token is a part of an SQL statement.
type token struct {
	kind tokenKind
	text string
}

// keyword reports whether the token is a word, whatever its case.
func (t token) keyword(text string) bool { return t.kind == word && strings.EqualFold(t.text, text) }

// symbol reports whether the token is a symbol; "" means any.
func (t token) symbol(text string) bool { return t.kind == symbol && (text == "" || t.text == text) }

// depth returns by how much a token changes the number of open parentheses.
func (t token) depth() int {
	switch {
	case t.symbol("("):
		return 1
	case t.symbol(")"):
		return -1
	}
	return 0
}

// constraint reports whether the token begins a constraint of a column, so that it is no part of the type's name.
func (t token) constraint() bool {
	if t.kind != word {
		return false
	}
	switch strings.ToUpper(t.text) {
	case "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS":
		return true
	}
	return false
}

// tokenize splits a statement. It leaves out white space and comments.
func tokenize(sql string) ([]token, error) {
	var tokens []token
	for len(sql) > 0 {
		c := sql[0]
		switch {
		case strings.IndexByte(" \t\n\f\r", c) >= 0:
			sql = sql[1:]
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		case c == '\'' || c == '"' || c == '`' || c == '[':
			text, rest, ok := quoted(sql)
			if !ok {
				return nil, errDefinition
			}
			kind := quotedName
			if c == '\'' {
				kind = quotedText
			}
			tokens, sql = append(tokens, token{kind, text}), rest
		case (c == 'x' || c == 'X') && len(sql) > 1 && sql[1] == '\'':
			digits, rest, ok := quoted(sql[1:])
			data, err := hex.DecodeString(digits)
			if !ok || err != nil {
				return nil, errDefinition
			}
			tokens, sql = append(tokens, token{blobText, string(data)}), rest
		case isWord(c):
			n := 1
			for n < len(sql) && (isWord(sql[n]) || isExponent(sql[:n+1])) {
				n++
			}
			tokens, sql = append(tokens, token{word, sql[:n]}), sql[n:]
		default:
			tokens, sql = append(tokens, token{symbol, sql[:1]}), sql[1:]
		}
	}
	return tokens, nil
}

// isWord reports whether a character belongs to names and numbers.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '.' ||
		c >= 0x80
}

// isExponent reports whether a text ends with the sign of a number's exponent, as in 1e-5.
func isExponent(text string) bool {
	n := len(text)
	return n >= 3 && (text[n-1] == '-' || text[n-1] == '+') && (text[n-2] == 'e' || text[n-2] == 'E') &&
		(text[0] >= '0' && text[0] <= '9' || text[0] == '.')
}

// quoted returns the text in quotation marks at the beginning of a statement; a doubled mark stands for one.
func quoted(sql string) (text, rest string, ok bool) {
	if sql[0] == '[' {
		return strings.Cut(sql[1:], "]")
	}
	mark := sql[:1]
	sql = sql[1:]
	var b strings.Builder
	for {
		part, after, ok := strings.Cut(sql, mark)
		if !ok {
			return "", "", false
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, mark) {
			return b.String(), after, true
		}
		b.WriteString(mark)
		sql = after[1:]
	}
}

// parser walks the tokens of a statement.
type parser struct {
	tokens []token
	at     int
}

func (p *parser) end() bool { return p.at >= len(p.tokens) }

func (p *parser) next() token {
	p.at++
	return p.tokens[p.at-1]
}

func (p *parser) is(text string) bool { return !p.end() && p.tokens[p.at].symbol(text) }

func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.at++
	return true
}

// part returns the tokens up to a comma or a parenthesis that closes the list.
func (p *parser) part() []token {
	from, depth := p.at, 0
	for !p.end() {
		t := p.tokens[p.at]
		if depth == 0 && (t.symbol(",") || t.symbol(")")) {
			break
		}
		depth += t.depth()
		p.at++
	}
	return p.tokens[from:p.at]
}
