// Package pattern matches paths with the patterns that Git has in its files of ignore rules and attributes, exactly as
// Git does and without it.
//
// Of the project's packages it imports only repo/regular. Start with Parse. Glob is the wildcard expression within a
// pattern, which Git also uses for branches and folders in the conditions of its configuration.
package pattern

import "strings"

// Pattern is one pattern of a file of rules. It is immutable.
type Pattern struct {
	Text    string // without the exclamation mark and the final slash
	Negated bool   // it began with an exclamation mark
	DirOnly bool   // it ended with a slash: it matches folders only

	kind   kind
	fold   bool
	prefix string // what the name or path begins with, up to the first wildcard
	suffix string // of nameEnding
	glob   *Glob  // what matches the rest after the prefix
}

type kind uint8

const (
	nameLiteral kind = iota // the last part of the path is prefix
	nameEnding              // the last part of the path ends with suffix
	nameGlob                // the last part of the path begins with prefix, and glob matches the rest
	pathLiteral             // the path is prefix
	pathGlob                // the path begins with prefix, and glob matches the rest
)

// Parse parses a pattern. Its path is relative to the folder of the file that contains it. If fold is set, upper and
// lower case of ASCII are equal, as with core.ignoreCase.
func Parse(text string, fold bool) *Pattern {
	p := &Pattern{fold: fold}
	text, p.Negated = strings.CutPrefix(text, "!")
	wild := strings.IndexAny(text, `*?[\`)
	p.Text, p.DirOnly = strings.CutSuffix(text, "/")
	rest := p.Text
	if wild < 0 || wild > len(rest) {
		wild = len(rest)
	}
	if !strings.Contains(rest, "/") {
		switch {
		case wild == len(rest):
			p.kind, p.prefix = nameLiteral, foldIf(rest, fold)
		case rest[0] == '*' && !strings.ContainsAny(rest[1:], `*?[\`):
			p.kind, p.suffix = nameEnding, foldIf(rest[1:], fold)
		default:
			p.kind, p.prefix, p.glob = nameGlob, foldIf(rest[:wild], fold), CompileGlob(rest[wild:], fold)
		}
		return p
	}
	if rest[0] == '/' {
		rest, wild = rest[1:], wild-1
	}
	// Git matches the rest by itself, so that `a**/b` is `a` and then `**/b`.
	p.prefix = foldIf(rest[:wild], fold)
	p.kind = pathLiteral
	if wild < len(rest) {
		p.kind, p.glob = pathGlob, CompileGlob(rest[wild:], fold)
	}
	return p
}

// Literal returns the text that a path must equal, in lower case if upper and lower case are equal. If name is set,
// only the last part of the path must equal it. ok is false if the pattern has wildcards.
func (p *Pattern) Literal() (text string, name, ok bool) {
	return p.prefix, p.kind == nameLiteral, p.kind == nameLiteral || p.kind == pathLiteral
}

// Match reports whether the pattern matches a path that is relative to the folder of the pattern's file. name is the
// last part of the path. It does not look at DirOnly, nor at the folders above the path.
func (p *Pattern) Match(path, name string) bool {
	switch p.kind {
	case nameLiteral:
		return len(name) == len(p.prefix) && p.hasPrefix(name)
	case nameEnding:
		return len(name) >= len(p.suffix) && equal(name[len(name)-len(p.suffix):], p.suffix, p.fold)
	case nameGlob:
		return p.hasPrefix(name) && p.glob.Match(name[len(p.prefix):])
	case pathLiteral:
		return len(path) == len(p.prefix) && p.hasPrefix(path)
	default:
		return p.hasPrefix(path) && p.glob.Match(path[len(p.prefix):])
	}
}

func (p *Pattern) hasPrefix(text string) bool {
	return len(text) >= len(p.prefix) && equal(text[:len(p.prefix)], p.prefix, p.fold)
}

// equal compares a text with one that is in lower case if fold is set. They are of one length.
func equal(text, lowered string, fold bool) bool {
	if !fold {
		return text == lowered
	}
	for i := range len(text) {
		if lower(text[i]) != lowered[i] {
			return false
		}
	}
	return true
}

// Fold returns a text with the letters of ASCII in lower case.
func Fold(text string) string {
	for i := range len(text) {
		if lower(text[i]) != text[i] {
			folded := []byte(text)
			for k := i; k < len(folded); k++ {
				folded[k] = lower(folded[k])
			}
			return string(folded)
		}
	}
	return text
}

func foldIf(text string, fold bool) string {
	if fold {
		return Fold(text)
	}
	return text
}
