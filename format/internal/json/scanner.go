// Package json scans the JSON of journals and params files. In addition to standard JSON, it accepts NaN, Infinity and
// -Infinity, bare or in quotes, as floats. It knows no keys of a journal, and imports only the standard library. In
// scanner.go, Scanner reads the parts of an object whose type is known; value.go reads values of any type.
package json

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// Error says what is wrong in a text, and where.
type Error struct {
	Offset int // in bytes
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Offset+1, e.Reason) }

// Scanner reads one JSON text. It keeps the keys that it has seen, so that a repeated key is not allocated again. The
// zero value is ready for Reset. After an error, only Reset may be called.
type Scanner struct {
	text  []byte
	at    int
	depth int // how deeply values may be nested
	exact bool
	keys  map[string]string
}

// maxKeys bounds the number of keys that are kept, in case the keys of a text are all different.
const maxKeys = 40_000

// Reset makes s read text, which must be UTF-8 and must not change until it has been read. Value then accepts tables
// and lists that are nested up to depth levels.
func (s *Scanner) Reset(text []byte, depth int) { s.text, s.at, s.depth = text, 0, depth }

// Errorf returns an error at the current offset.
func (s *Scanner) Errorf(format string, args ...any) error { return s.errorAt(s.at, format, args...) }

func (s *Scanner) errorAt(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// End returns an error unless only white space is left.
func (s *Scanner) End() error {
	if s.space(); s.at < len(s.text) {
		return s.Errorf("unexpected text after the end")
	}
	return nil
}

func (s *Scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next returns the byte at the current offset, or 0 at the end.
func (s *Scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *Scanner) expect(c byte) error {
	s.space()
	if s.next() != c {
		return s.Errorf("expected %q", string(rune(c)))
	}
	s.at++
	return nil
}

// Object reads an object. It calls member after each key and its colon; member must read the value.
func (s *Scanner) Object(member func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	s.space()
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		s.space()
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		s.space()
		if err := member(key); err != nil {
			return err
		}
		s.space()
		switch s.next() {
		case ',':
			s.at++
		case '}':
			s.at++
			return nil
		default:
			return s.Errorf(`expected "," or "}"`)
		}
	}
}

// key reads a string and returns the copy of it that s keeps.
func (s *Scanner) key() (string, error) {
	if s.next() != '"' {
		return "", s.Errorf("expected a key in quotes")
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			raw := s.text[s.at+1 : i]
			s.at = i + 1
			if key, ok := s.keys[string(raw)]; ok {
				return key, nil
			}
			key := string(raw)
			if s.keys == nil {
				s.keys = map[string]string{}
			}
			if len(s.keys) < maxKeys {
				s.keys[key] = key
			}
			return key, nil
		case c == '\\' || c < ' ':
			return s.Text()
		}
	}
	return "", s.Errorf("the string does not end")
}

// Text reads a string. A lone surrogate in it becomes U+FFFD.
func (s *Scanner) Text() (string, error) {
	if s.next() != '"' {
		return "", s.Errorf("expected a string")
	}
	var b []byte
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return string(b), nil
		case c < ' ':
			return "", s.Errorf("the string contains a control character")
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return "", s.Errorf("the string does not end")
}

// escape reads an escape sequence after its backslash. It stops on the last byte of the sequence.
func (s *Scanner) escape() (rune, error) {
	s.at++
	switch c := s.next(); c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := s.hex4(s.at + 1)
		if !ok {
			return 0, s.Errorf("expected four hexadecimal digits")
		}
		s.at += 4
		if r >= 0xd800 && r < 0xdc00 && s.at+2 < len(s.text) && s.text[s.at+1] == '\\' && s.text[s.at+2] == 'u' {
			if low, ok := s.hex4(s.at + 3); ok && low >= 0xdc00 && low < 0xe000 {
				s.at += 6
				return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), nil
			}
		}
		return r, nil
	}
	return 0, s.Errorf("unknown escape sequence")
}

func (s *Scanner) hex4(i int) (rune, bool) {
	if i+4 > len(s.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.text[i:i+4]), 16, 32)
	return rune(v), err == nil
}

// Number reads a number and returns its text, and whether it is written as an integer. It also accepts NaN, Infinity
// and -Infinity, bare or in quotes, and returns them without the quotes.
func (s *Scanner) Number() (text []byte, integer bool, err error) {
	switch s.next() {
	case '"', 'N', 'I', '-':
		if text, err := s.special(); text != nil || err != nil {
			return text, false, err
		}
	}
	start := s.at
	if s.next() == '-' {
		s.at++
	}
	digits := s.digits()
	if digits == 0 || digits > 1 && s.text[s.at-digits] == '0' {
		return nil, false, s.Errorf("expected a number")
	}
	integer = true
	if s.next() == '.' {
		integer = false
		s.at++
		if s.digits() == 0 {
			return nil, false, s.Errorf("expected a digit")
		}
	}
	if c := s.next(); c == 'e' || c == 'E' {
		integer = false
		s.at++
		if c := s.next(); c == '+' || c == '-' {
			s.at++
		}
		if s.digits() == 0 {
			return nil, false, s.Errorf("expected a digit")
		}
	}
	return s.text[start:s.at], integer, nil
}

// special reads NaN, Infinity or -Infinity, bare or in quotes. It returns nil if the next value is unquoted and none
// of them.
func (s *Scanner) special() ([]byte, error) {
	start := s.at
	quoted := s.next() == '"'
	if quoted {
		start++
	}
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		end := start + len(word)
		if end > len(s.text) || string(s.text[start:end]) != word {
			continue
		}
		s.at = end
		if quoted && s.next() != '"' {
			return nil, s.Errorf("expected a number")
		}
		if quoted {
			s.at++
		}
		return s.text[start:end], nil
	}
	if quoted {
		return nil, s.errorAt(s.at, "expected a number, not a string")
	}
	return nil, nil
}

func (s *Scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// alias returns b as a string without copying it. The string is valid only until b changes.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Float reads a number as a float.
func (s *Scanner) Float() (float64, error) {
	text, _, err := s.Number()
	if err != nil {
		return 0, err
	}
	return s.ParseFloat(text)
}

// ParseFloat returns the value of a text that Number returned.
func (s *Scanner) ParseFloat(text []byte) (float64, error) {
	switch c := text[len(text)-1]; c {
	case 'N':
		return math.NaN(), nil
	case 'y':
		if text[0] == '-' {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	}
	v, err := strconv.ParseFloat(alias(text), 64)
	if err != nil {
		return 0, s.Errorf("the number %.40s is out of range", text)
	}
	return v, nil
}

// Int reads an integer. It reads 12.0 as 12, because some writers have only floats.
func (s *Scanner) Int() (int64, error) {
	start := s.at
	text, integer, err := s.Number()
	if err != nil {
		return 0, err
	}
	if v, err := strconv.ParseInt(alias(text), 10, 64); integer && err == nil {
		return v, nil
	}
	if v, err := s.ParseFloat(text); err == nil && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return int64(v), nil
	}
	return 0, s.errorAt(start, "%.40s is not a 64-bit integer", text)
}

// Bool reads true or false. It reads null as false.
func (s *Scanner) Bool() (bool, error) {
	switch {
	case s.Accept("true"):
		return true, nil
	case s.Accept("false"), s.Accept("null"):
		return false, nil
	}
	return false, s.Errorf("expected true or false")
}

// Accept reads word, such as null, if it is next, and reports whether it was.
func (s *Scanner) Accept(word string) bool {
	if end := s.at + len(word); end <= len(s.text) && string(s.text[s.at:end]) == word {
		s.at = end
		return true
	}
	return false
}
