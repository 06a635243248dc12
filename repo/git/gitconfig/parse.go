package gitconfig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// setting is a setting as a file has it.
type setting struct {
	key, value string
	hasValue   bool
	line       int
}

// parse calls each for the settings of a file until it returns an error. As Git does, it knows of an invalid line only
// when it is there, so each is called for the settings before it.
func parse(name string, data []byte, each func(setting) error) error {
	if bytes.IndexByte(data, 0) >= 0 {
		return fmt.Errorf("reading the Git configuration of %s: it has a zero byte", name)
	}
	p := &parser{rest: bytes.TrimPrefix(data, []byte("\ufeff")), line: 1}
	for {
		s, more, err := p.next()
		if err != nil {
			return fmt.Errorf("reading the Git configuration of %s: line %d: %w", name, p.line, err)
		}
		if !more {
			return nil
		}
		if err := each(s); err != nil {
			return err
		}
	}
}

type parser struct {
	rest    []byte
	line    int
	section string // with a dot at its end; empty before the first heading
}

// Errors of a line.
var (
	errHeading = errors.New("its section heading is invalid")
	errName    = errors.New("its name is invalid")
	errValue   = errors.New("its value is invalid")
)

// take takes the next byte. At the end it is a line break. A carriage return before a line break is no byte of its own.
func (p *parser) take() byte {
	c := p.peek()
	switch {
	case len(p.rest) == 0:
	case c == '\n' && p.rest[0] == '\r':
		p.rest = p.rest[2:]
	default:
		p.rest = p.rest[1:]
	}
	if c == '\n' {
		p.line++
	}
	return c
}

func (p *parser) peek() byte {
	if len(p.rest) == 0 || bytes.HasPrefix(p.rest, []byte("\r\n")) {
		return '\n'
	}
	return p.rest[0]
}

// next returns the next setting. more is false at the end. If there is an error, line is the line that has it.
func (p *parser) next() (s setting, more bool, err error) {
	for len(p.rest) > 0 {
		switch c := p.peek(); {
		case isSpace(c):
			p.take()
		case c == '#' || c == ';':
			p.skipLine()
		case c == '[':
			if err := p.heading(); err != nil {
				return s, false, err
			}
		default:
			s, err = p.setting()
			return s, err == nil, err
		}
	}
	return s, false, nil
}

func (p *parser) skipLine() {
	for p.take() != '\n' {
	}
}

// heading parses [section] or [section "subsection"].
func (p *parser) heading() error {
	var name strings.Builder
	p.take()
	for {
		c := p.peek()
		switch {
		case c == ']' && name.Len() == 0:
			return errHeading
		case c == ']':
			p.take()
			p.section = name.String() + "."
			return nil
		case c == '\n':
			return errHeading
		case isSpace(c):
			for isSpace(c) && c != '\n' {
				p.take()
				c = p.peek()
			}
			if c != '"' {
				return errHeading
			}
			p.take()
			name.WriteByte('.')
			if err := p.subsection(&name); err != nil {
				return err
			}
			p.section = name.String() + "."
			return nil
		case !isKey(c) && c != '.':
			return errHeading
		}
		name.WriteByte(lower(p.take()))
	}
}

// subsection parses the rest of a heading, from after the opening quote.
func (p *parser) subsection(name *strings.Builder) error {
	for {
		c := p.peek()
		if c == '\n' {
			return errHeading
		}
		p.take()
		if c == '"' {
			break
		}
		if c == '\\' {
			if c = p.peek(); c == '\n' {
				return errHeading
			}
			p.take()
		}
		name.WriteByte(c)
	}
	if p.peek() != ']' {
		return errHeading
	}
	p.take()
	return nil
}

// setting parses a name and its value.
func (p *parser) setting() (setting, error) {
	s := setting{line: p.line}
	if !isAlpha(p.peek()) {
		return s, errName
	}
	var name strings.Builder
	name.WriteString(p.section)
	for isKey(p.peek()) {
		name.WriteByte(lower(p.take()))
	}
	s.key = name.String()
	for p.peek() == ' ' || p.peek() == '\t' {
		p.take()
	}
	switch p.peek() {
	case '\n':
		p.take()
		return s, nil
	case '=':
		p.take()
		s.hasValue = true
		var err error
		s.value, err = p.value()
		return s, err
	}
	return s, errName
}

// value parses a value with the line break after it. Space at its end counts only within quotes. Other space stays as
// it is, as in Git since 2.45; earlier versions made tabs spaces.
func (p *parser) value() (string, error) {
	var value, space strings.Builder
	for quoted := false; ; {
		c := p.peek()
		if c == '\n' {
			if quoted {
				return "", errValue
			}
			p.take()
			return value.String(), nil
		}
		p.take()
		if !quoted {
			if isSpace(c) {
				if value.Len() > 0 {
					space.WriteByte(c)
				}
				continue
			}
			if c == '#' || c == ';' {
				p.skipLine()
				return value.String(), nil
			}
		}
		value.WriteString(space.String())
		space.Reset()
		switch c {
		case '"':
			quoted = !quoted
			continue
		case '\\':
			escaped := p.peek()
			if escaped == '\n' {
				if len(p.rest) > 0 {
					p.take()
				}
				continue
			}
			at := strings.IndexByte(`tbn\"`, escaped)
			if at < 0 {
				return "", errValue
			}
			p.take()
			c = "\t\b\n\\\""[at]
		}
		value.WriteByte(c)
	}
}

// canonical returns a key of the environment or of the command line as the files have it.
func canonical(key string) (string, bool) {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first < 0 || last == 0 || last == len(key)-1 || !isAlpha(key[last+1]) {
		return "", false
	}
	for i := range len(key) {
		switch c := key[i]; {
		case first < i && i <= last:
			if c == '\n' {
				return "", false
			}
		case i != first && !isKey(c):
			return "", false
		}
	}
	return foldASCII(key[:first]) + key[first:last] + foldASCII(key[last:]), true
}

func foldASCII(text string) string {
	folded := []byte(text)
	for i := range folded {
		folded[i] = lower(folded[i])
	}
	return string(folded)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isAlpha(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }
func isKey(c byte) bool   { return isAlpha(c) || '0' <= c && c <= '9' || c == '-' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
