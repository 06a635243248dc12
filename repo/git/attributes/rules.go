package attributes

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gitruns/runs/repo/git/pattern"
)

// rules are the lines of one file that may match a file.
type rules struct{ list []rule }

// rule is a line: a pattern, or a macro, and what it sets.
type rule struct {
	pattern  *pattern.Pattern // nil of a macro
	settings []setting
}

type setting struct {
	name  int // the number of the attribute
	value Value
}

// blank are the bytes between the words of a line.
const blank = " \t\r\n"

// maxLine is the length from which on Git ignores a line.
const maxLine = 2048

// macroPrefix begins a line that defines a macro.
const macroPrefix = "[attr]"

// parse parses the content of a file. As in Git, a line that is invalid sets nothing. The macros of later files replace
// those of earlier ones, so files are parsed in the order in which they win.
func (m *Matcher) parse(source string, data []byte, macros bool) (*rules, error) {
	if len(data) > pattern.MaxFile {
		return nil, pattern.TooLarge(source)
	}
	r := &rules{}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		line, _, _ = bytes.Cut(bytes.TrimSuffix(line, []byte("\r")), []byte{0})
		if len(line) >= maxLine {
			continue
		}
		if err := m.line(r, string(line), macros); err != nil {
			return nil, fmt.Errorf("reading the Git attributes of %s: %w", source, err)
		}
	}
	return r, nil
}

func (m *Matcher) line(r *rules, line string, macros bool) error {
	line = strings.TrimLeft(line, blank)
	if line == "" || line[0] == '#' {
		return nil
	}
	name, words, quoted := unquote(line)
	if !quoted {
		end := strings.IndexAny(line, blank)
		if end < 0 {
			end = len(line)
		}
		name, words = line[:end], line[end:]
	}
	name, _, _ = strings.Cut(name, "\x00")
	macro := len(name) > len(macroPrefix) && strings.HasPrefix(name, macroPrefix)
	if macro {
		name = strings.TrimLeft(name[len(macroPrefix):], blank)
		if end := strings.IndexAny(name, blank); end >= 0 {
			name = name[:end]
		}
		if !macros || !isName(name) {
			return nil
		}
	}
	settings, valid, err := m.settings(words)
	if err != nil || !valid {
		return err
	}
	if macro {
		number, err := m.number(name)
		m.macros[number] = &rule{settings: settings}
		return err
	}
	p := pattern.Parse(name, m.options.FoldCase)
	if !p.Negated && !p.DirOnly { // Git ignores the first, and the second never matches a file
		r.list = append(r.list, rule{p, settings})
	}
	return nil
}

// settings parses the attributes of a line.
func (m *Matcher) settings(words string) (settings []setting, valid bool, err error) {
	isBlank := func(c rune) bool { return strings.ContainsRune(blank, c) }
	for word := range strings.FieldsFuncSeq(words, isBlank) {
		name, text, valued := strings.Cut(word, "=")
		value := Value{State: Set}
		switch {
		case name != "" && name[0] == '-':
			name, value.State = name[1:], Unset
		case name != "" && name[0] == '!':
			name, value.State = name[1:], Unspecified
		case valued:
			value = Value{Valued, text}
		}
		if !isName(name) {
			return nil, false, nil
		}
		number, err := m.number(name)
		if err != nil {
			return nil, false, err
		}
		settings = append(settings, setting{number, value})
	}
	return settings, true, nil
}

// number returns the number of an attribute.
func (m *Matcher) number(name string) (int, error) {
	n, ok := m.names[name]
	if !ok {
		if n = len(m.names); n >= MaxNames {
			return 0, fmt.Errorf("there are more than %d different attributes", MaxNames)
		}
		m.names[name] = n
	}
	return n, nil
}

func isName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return name != "" && name[0] != '-'
}

// unquote takes a text in double quotes, with the escapes of C, from the beginning of a line.
func unquote(line string) (text, rest string, ok bool) {
	if line[0] != '"' {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		c := line[i]
		switch c {
		case '"':
			return b.String(), line[i+1:], true
		case '\\':
			if i++; i == len(line) {
				return "", "", false
			}
			if at := strings.IndexByte(`abfnrtv\"`, line[i]); at >= 0 {
				c = "\a\b\f\n\r\t\v\\\""[at]
				break
			}
			if i+2 >= len(line) || line[i] > '3' || !isOctal(line[i]) || !isOctal(line[i+1]) || !isOctal(line[i+2]) {
				return "", "", false
			}
			c = (line[i]-'0')<<6 | (line[i+1]-'0')<<3 | (line[i+2] - '0')
			i += 2
		}
		b.WriteByte(c)
	}
	return "", "", false
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }
