package pattern

import "strings"

// Glob is a compiled wildcard expression. It matches bytes, as Git's does: `?` is one byte of a letter in UTF-8.
//
//	?        one byte but the slash
//	*        any bytes but the slash
//	[a-z]    one byte of a set but the slash; the set may name classes such as [:alpha:]
//	[!a-z]   one byte that is not in the set, and not the slash; [^a-z] is the same
//	\x       the byte x
//	**/      nothing, or folders with their slashes, if it begins a part of the path
//	/**      whatever follows, if it ends the expression
//
// A Glob is immutable, so any number of goroutines may use it.
type Glob struct {
	ops  []op
	fold bool
}

type op struct {
	kind opKind
	b    byte // of opByte
	set  *set // of opSet
}

type opKind uint8

const (
	opByte    opKind = iota // one given byte
	opAny                   // one byte but the slash
	opSet                   // one byte of a set
	opNever                 // matches nothing: the rest of the expression is malformed
	opStar                  // any bytes but the slash
	opAll                   // any bytes
	opFolders               // nothing, or any bytes up to and with a slash
)

// set is a set of bytes.
type set [4]uint64

func (s *set) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *set) remove(b byte)   { s[b>>6] &^= 1 << (b & 63) }
func (s *set) has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

// CompileGlob compiles an expression. If fold is set, letters of ASCII match in both cases, with Git's exceptions: a
// letter after a backslash, and one that stands by itself in a set, match only if they are in lower case. No expression
// is an error: a malformed one matches nothing from where it is malformed.
func CompileGlob(text string, fold bool) *Glob {
	g := &Glob{fold: fold, ops: make([]op, 0, len(text))}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				g.ops = append(g.ops, op{kind: opNever})
				return g
			}
			g.ops = append(g.ops, op{kind: opByte, b: text[i]})
		case '?':
			g.ops = append(g.ops, op{kind: opAny})
		case '*':
			end := i + 1
			for end < len(text) && text[end] == '*' {
				end++
			}
			rest := text[end:]
			folders := end > i+1 && (i == 0 || text[i-1] == '/')
			switch {
			case folders && strings.HasPrefix(rest, "/"):
				g.ops = append(g.ops, op{kind: opFolders})
				end++
			case folders && (rest == "" || strings.HasPrefix(rest, `\/`)):
				g.ops = append(g.ops, op{kind: opAll})
			default:
				g.ops = append(g.ops, op{kind: opStar})
			}
			i = end - 1
		case '[':
			s, end, ok := parseSet(text, i+1, fold)
			if !ok {
				g.ops = append(g.ops, op{kind: opNever})
				return g
			}
			g.ops = append(g.ops, op{kind: opSet, set: s})
			i = end
		default:
			if fold {
				c = lower(c)
			}
			g.ops = append(g.ops, op{kind: opByte, b: c})
		}
	}
	return g
}

// parseSet parses a set from the byte after its opening bracket. It returns the index of the closing one.
func parseSet(text string, i int, fold bool) (s *set, end int, ok bool) {
	at := func(i int) byte { // 0 after the end; an expression has no such byte
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	s = &set{}
	negated := at(i) == '!' || at(i) == '^'
	if negated {
		i++
	}
	previous := byte(0) // from which a range may begin
	for first := true; first || at(i) != ']'; first = false {
		c := at(i)
		switch {
		case c == 0:
			return nil, 0, false
		case c == '\\':
			i++
			previous = at(i)
			s.add(previous)
		case c == '-' && previous != 0 && at(i+1) != 0 && at(i+1) != ']':
			if i++; at(i) == '\\' {
				i++
			}
			s.addRange(previous, at(i), fold)
			previous = 0
		case c == '[' && at(i+1) == ':':
			end := strings.IndexByte(text[i+2:], ']')
			if end < 0 {
				return nil, 0, false
			}
			name, isClass := strings.CutSuffix(text[i+2:i+2+end], ":")
			if !isClass {
				s.add(c)
				previous = c
				break
			}
			in := classes[name]
			if in == nil {
				return nil, 0, false
			}
			for b := range 256 {
				if in(byte(b)) || fold && name == "upper" && isLower(byte(b)) {
					s.add(byte(b))
				}
			}
			i += 2 + end
			previous = 0
		default:
			s.add(c)
			previous = c
		}
		i++
	}
	if negated {
		for k := range s {
			s[k] = ^s[k]
		}
	}
	s.remove('/')
	return s, i, true
}

func (s *set) addRange(from, to byte, fold bool) {
	for b := range 256 {
		c := byte(b)
		if from <= c && c <= to || fold && isLower(c) && from <= upper(c) && upper(c) <= to {
			s.add(c)
		}
	}
}

// classes are the named sets, as Git defines them: of ASCII only, in every locale.
var classes = map[string]func(byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < 0x20 || c == 0x7f },
	"digit":  isDigit,
	"graph":  func(c byte) bool { return 0x20 < c && c < 0x7f },
	"lower":  isLower,
	"print":  func(c byte) bool { return 0x20 <= c && c < 0x7f },
	"punct":  func(c byte) bool { return 0x20 < c && c < 0x7f && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' },
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f' },
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isLower(lower(c)) }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}

// Match reports whether the whole text matches. The time is at most proportional to the length of the text times that
// of the expression: what a star has left open is taken up again only at the last star of a part of the path, and at
// the last `**`, because an earlier one could not reach more.
func (g *Glob) Match(text string) bool {
	i, k := 0, 0
	starOp, starText := -1, 0 // where to go on if the last star takes one byte more
	allOp, allText := -1, 0   // the same of the last `**`
	for {
		if k < len(g.ops) {
			switch o := &g.ops[k]; o.kind {
			case opStar:
				k++
				starOp, starText = k, i
				continue
			case opAll, opFolders:
				k++
				starOp = -1
				allOp, allText = k, i
				continue
			default:
				if i < len(text) && g.one(o, text[i]) {
					i, k = i+1, k+1
					continue
				}
			}
		} else if i == len(text) {
			return true
		}
		if starOp >= 0 && starText < len(text) && text[starText] != '/' {
			starText++
			i, k = starText, starOp
			continue
		}
		if allOp < 0 {
			return false
		}
		if g.ops[allOp-1].kind == opFolders {
			slash := strings.IndexByte(text[allText:], '/')
			if slash < 0 {
				return false
			}
			allText += slash
		}
		if allText++; allText > len(text) {
			return false
		}
		i, k = allText, allOp
	}
}

func (g *Glob) one(o *op, c byte) bool {
	if g.fold {
		c = lower(c)
	}
	switch o.kind {
	case opByte:
		return c == o.b
	case opAny:
		return c != '/'
	case opSet:
		return o.set.has(c)
	}
	return false
}
