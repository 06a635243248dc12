package launch

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/lazyregexp"
)

// command returns the command of a template, in which names in braces are parameters, as for Python's str.format. extra
// is appended. If the template is only words and quotes, the words are the command. Otherwise a shell reads it, and
// each value is quoted for the place that it has there, so that the shell never reads a value as code. A value in a
// place whose quoting is not known must be a plain word.
func command(template string, values map[string]string, extra []Given) ([]string, error) {
	s := &scanner{simple: true, stack: []context{plain}}
	for at := 0; at < len(template); {
		switch c := template[at]; {
		case strings.HasPrefix(template[at:], "{{"), strings.HasPrefix(template[at:], "}}"):
			s.literal(c)
			at += 2
		case c == '}':
			return nil, errors.New("has a } without a {")
		case c == '{':
			name, _, ok := strings.Cut(template[at+1:], "}")
			if !ok {
				return nil, errors.New("has a { without a }")
			}
			value, ok := values[name]
			if !ok {
				return nil, fmt.Errorf("names {%.60s}, which is not one of its parameters; a brace for the shell is written "+
					"twice", name)
			}
			if err := s.value(name, value); err != nil {
				return nil, err
			}
			at += len(name) + 2
		default:
			s.literal(c)
			at++
		}
	}
	if err := s.end(extra); err != nil {
		return nil, err
	}
	return s.command()
}

// context is what the shell reads at a place of its text.
type context int

const (
	plain    context = iota // words
	single                  // '…'
	double                  // "…"
	comment                 // # to the end of the line
	variable                // ${…}
	unknown                 // to the end of the text
)

// scanner follows a text as a POSIX shell reads it.
type scanner struct {
	text    strings.Builder // for the shell
	words   []string
	word    strings.Builder
	inWord  bool
	simple  bool // so far, the text is only words and quotes
	stack   []context
	parens  []int // open ones in each $(…) that is open
	escaped bool  // the last byte was a backslash that quotes the next one
	dollar  bool  // the last byte was a $ that is not quoted
}

func (s *scanner) at() context { return s.stack[len(s.stack)-1] }

func (s *scanner) become(c context) { s.stack[len(s.stack)-1] = c }

// before returns the byte that the shell reads before the next one, or 0.
func (s *scanner) before() byte {
	text := s.text.String()
	if text == "" {
		return 0
	}
	return text[len(text)-1]
}

// literal takes in a byte of the template.
func (s *scanner) literal(c byte) {
	before, dollar := s.before(), s.dollar
	s.text.WriteByte(c)
	s.dollar = false
	if s.escaped {
		s.escaped = false
		if c == '\n' {
			return
		}
		if s.at() == double && !strings.ContainsRune("$`\"\\", rune(c)) {
			s.word.WriteByte('\\')
		}
		s.add(string(c))
		return
	}
	switch s.at() {
	case single:
		if c == '\'' {
			s.stack = s.stack[:len(s.stack)-1]
		} else {
			s.add(string(c))
		}
	case double:
		s.inDouble(c, dollar)
	case variable:
		if c == '}' {
			s.stack = s.stack[:len(s.stack)-1]
		} else if !isWord().MatchString(string(c)) || strings.IndexByte("@%+=:,./-", c) >= 0 {
			s.become(unknown)
		}
	case comment:
		if c == '\n' {
			s.become(plain)
		}
	case plain:
		s.inPlain(c, before, dollar)
	case unknown:
	}
}

func (s *scanner) add(text string) {
	s.word.WriteString(text)
	s.inWord = true
}

// push begins what ends at its own closing mark.
func (s *scanner) push(c context) { s.stack = append(s.stack, c) }

func (s *scanner) inDouble(c byte, dollar bool) {
	switch {
	case c == '"':
		s.stack = s.stack[:len(s.stack)-1]
	case c == '\\':
		s.escaped = true
	case c == '$':
		s.simple, s.dollar = false, true
	case c == '`':
		s.simple = false
		s.become(unknown)
	case dollar && s.expansion(c):
	default:
		s.add(string(c))
	}
}

// expansion takes in a byte after a $ and reports whether it begins an expansion. $( begins words of their own.
func (s *scanner) expansion(c byte) bool {
	switch c {
	case '(':
		s.push(plain)
		s.parens = append(s.parens, 0)
	case '{':
		s.push(variable)
	case '\'', '[':
		s.become(unknown)
	default:
		return false
	}
	return true
}

func (s *scanner) inPlain(c, before byte, dollar bool) {
	if dollar && s.expansion(c) {
		return
	}
	start := strings.IndexByte("\x00 \t\n;&|(", before) >= 0
	switch c {
	case '\'':
		s.inWord = true
		s.push(single)
	case '"':
		s.inWord = true
		s.push(double)
	case '\\':
		s.escaped = true
	case ' ', '\t':
		s.endWord()
	case '#':
		if start {
			s.simple = false
			s.become(comment)
		} else {
			s.add("#")
		}
	case '(':
		s.simple = false
		if before == '(' || before == '<' || before == '>' { // arithmetic, or a substitution of a process
			s.become(unknown)
		} else if n := len(s.parens); n > 0 {
			s.parens[n-1]++
		}
	case ')':
		s.simple = false
		if n := len(s.parens); n > 0 {
			if s.parens[n-1]--; s.parens[n-1] < 0 {
				s.parens, s.stack = s.parens[:n-1], s.stack[:len(s.stack)-1]
			}
		}
	case '<':
		if s.simple = false; before == '<' { // a text of whole lines
			s.become(unknown)
		}
	case '`':
		s.simple = false
		s.become(unknown)
	case '$':
		s.simple, s.dollar = false, true
	case '\n', ';', '&', '|', '>', '*', '?', '[', ']', '{', '}', '~', '!':
		s.simple = false
	default:
		s.add(string(c))
	}
}

func (s *scanner) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

// isWord matches what any shell reads as it is, at any place, and what no interpreter reads as code.
var isWord = lazyregexp.New(`^[A-Za-z0-9_@%+=:,./-]+$`)

// inner matches a text in which another interpreter reads code of its own.
var inner = lazyregexp.New(`(^|[\s;&|(/'"])(eval|xargs|ssh|((ba|da|z|k|fi)?sh|python[0-9.]*|perl|ruby|node|Rscript|R)` +
	`(\s+-[^\s]+)*\s+-[A-Za-z]*[ce])\s`)

// keyword matches a text with words of the shell that change how brackets are read.
var keyword = lazyregexp.New(`(^|[\s;&|(])(case|\[\[|let|declare|typeset|export|readonly|local)\s`)

// value takes in the value of a parameter.
func (s *scanner) value(name, value string) error {
	text := s.text.String()
	at := s.at()
	known := at == plain || at == single || at == double
	if s.escaped || !isWord().MatchString(value) && (!known || inner().MatchString(text) || keyword().MatchString(text) ||
		s.dollar) {
		return fmt.Errorf("has {%.60s} in a place where the shell or a program may read it as code: its value must be a "+
			"single word from letters, digits and @%%+=:,./-, got %.60q", name, value)
	}
	s.add(value)
	s.dollar = false
	quoted := Quote(value)
	switch {
	case isWord().MatchString(value) && at != plain:
		s.text.WriteString(value)
	case at == single:
		s.text.WriteString(strings.ReplaceAll(value, "'", `'\''`))
	case at == double:
		s.text.WriteString(`"` + quoted + `"`)
	default:
		s.text.WriteString(quoted)
	}
	return nil
}

// Quote quotes a word for a POSIX shell.
func Quote(value string) string {
	if isWord().MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// end appends parameters that the template does not name.
func (s *scanner) end(extra []Given) error {
	at := s.at()
	switch {
	case s.escaped:
		return errors.New("ends with a backslash")
	case at == single || at == double:
		return errors.New("has a quote without an end")
	case len(s.stack) > 1:
		return errors.New("has a $( without an end")
	case at == comment && len(extra) > 0:
		return fmt.Errorf("ends with a comment, and has no parameter %q", extra[0].Key)
	}
	for _, g := range extra {
		for _, text := range []string{"--" + g.Key, g.Value} {
			s.literal(' ')
			if err := s.value(g.Key, text); err != nil {
				return err
			}
		}
	}
	s.endWord()
	return nil
}

// builtins are first words that only a shell knows.
var builtins = []string{
	"", ".", ":", "[", "alias", "cd", "command", "declare", "eval", "exec", "exit", "export", "for", "function", "if",
	"let", "local", "printf", "pushd", "read", "set", "shopt", "source", "time", "trap", "type", "ulimit", "umask",
	"unset", "until", "wait", "while",
}

// command returns the words, or a shell with the text.
func (s *scanner) command() ([]string, error) {
	if s.simple && len(s.words) > 0 && !slices.Contains(builtins, s.words[0]) && !strings.Contains(s.words[0], "=") {
		return s.words, nil
	}
	for _, shell := range []string{"bash", "sh"} {
		if _, err := exec.LookPath(shell); err == nil {
			return []string{shell, "-c", s.text.String()}, nil
		}
	}
	return nil, errors.New("needs a shell, and neither bash nor sh is installed")
}
