// Package console keeps the output of a program as a readable log: redraws of progress bars collapsed, colours taken out,
// bounded in size, and on disk while the program runs.
package console

import (
	"strings"
	"unicode/utf8"
)

const (
	windowLines = 64       // lines that a program may still go back to, as bars of several lines do
	maxColumns  = 16 << 10 // a longer line is broken
)

// screen follows what a terminal would show, for the last lines only. It knows the control functions of ECMA-48 that move
// within these lines and erase in them; all others are dropped.
type screen struct {
	lines    [][]rune
	row, col int
	done     func(line string) // takes a line that nothing can change any more

	state   byte // 0 text, 'e' behind ESC, '[' in a control sequence, ']' in a string, '\\' behind ESC in a string
	params  []byte
	partial []byte // an unfinished UTF-8 sequence
}

func newScreen(done func(string)) *screen { return &screen{lines: [][]rune{nil}, done: done} }

func (s *screen) write(p []byte) {
	if len(s.partial) > 0 {
		p = append(s.partial, p...)
		s.partial = nil
	}
	for len(p) > 0 {
		if s.state == 0 && p[0] >= ' ' && p[0] < 0x7f {
			n := 1
			for n < len(p) && p[n] >= ' ' && p[n] < 0x7f {
				n++
			}
			for _, c := range p[:n] {
				s.put(rune(c))
			}
			p = p[n:]
			continue
		}
		if !utf8.FullRune(p) {
			s.partial = append([]byte(nil), p...)
			return
		}
		r, n := utf8.DecodeRune(p)
		s.rune(r)
		p = p[n:]
	}
}

func (s *screen) rune(r rune) {
	switch s.state {
	case 'e':
		s.state = 0
		switch r {
		case '[':
			s.state, s.params = '[', s.params[:0]
		case ']', 'P', 'X', '^', '_':
			s.state = ']'
		}
	case '[':
		switch {
		case r >= 0x40 && r <= 0x7e:
			s.state = 0
			s.control(byte(r))
		case r == 0x1b:
			s.state = 'e'
		case r >= 0x20 && r < 0x40 && len(s.params) < 64:
			s.params = append(s.params, byte(r))
		}
	case ']':
		switch r {
		case 0x07:
			s.state = 0
		case 0x1b:
			s.state = '\\'
		}
	case '\\':
		s.state = 0
		if r != '\\' {
			s.rune(r)
		}
	default:
		s.text(r)
	}
}

func (s *screen) text(r rune) {
	switch {
	case r == 0x1b:
		s.state = 'e'
	case r == '\n':
		s.down()
		s.col = 0
	case r == '\r':
		s.col = 0
	case r == '\b':
		s.col = max(0, s.col-1)
	case r == '\t':
		s.put('\t')
	case r < ' ' || r >= 0x7f && r < 0xa0:
	default:
		s.put(r)
	}
}

func (s *screen) put(r rune) {
	if s.col >= maxColumns {
		s.down()
		s.col = 0
	}
	line := s.lines[s.row]
	for len(line) < s.col {
		line = append(line, ' ')
	}
	if s.col < len(line) {
		line[s.col] = r
	} else {
		line = append(line, r)
	}
	s.lines[s.row] = line
	s.col++
}

// down goes to the next line; the first line leaves the window where there are too many.
func (s *screen) down() {
	s.row++
	if s.row < len(s.lines) {
		return
	}
	s.lines = append(s.lines, nil)
	if len(s.lines) > windowLines {
		s.done(text(s.lines[0]))
		copy(s.lines, s.lines[1:])
		s.lines = s.lines[:len(s.lines)-1]
		s.row--
	}
}

// control carries out a control sequence.
func (s *screen) control(final byte) {
	n := 0
	for _, c := range s.params {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), maxColumns)
	}
	count := max(1, n)
	switch final {
	case 'A', 'F':
		s.row = max(0, s.row-count)
	case 'B', 'E':
		s.row = min(len(s.lines)-1, s.row+count)
	case 'C':
		s.col = min(maxColumns-1, s.col+count)
	case 'D':
		s.col = max(0, s.col-count)
	case 'G':
		s.col = min(maxColumns-1, count-1)
	case 'K':
		s.eraseLine(n)
	case 'J':
		if n == 0 {
			s.eraseLine(0)
			for i := s.row + 1; i < len(s.lines); i++ {
				s.lines[i] = nil
			}
		}
	}
	if final == 'E' || final == 'F' {
		s.col = 0
	}
}

func (s *screen) eraseLine(how int) {
	line := s.lines[s.row]
	switch how {
	case 0:
		s.lines[s.row] = line[:min(s.col, len(line))]
	case 1:
		for i := range line[:min(s.col+1, len(line))] {
			line[i] = ' '
		}
	case 2:
		s.lines[s.row] = nil
	}
}

// pending is the text of the lines that may still change.
func (s *screen) pending() string {
	lines := s.lines
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	// A line that is begun has its newline in the log only when the program gave it.
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(text(line))
		if i < len(s.lines)-1 {
			b.WriteByte('\n')
		}
	}
	for range len(s.lines) - 1 - len(lines) {
		b.WriteByte('\n')
	}
	return b.String()
}

func text(line []rune) string { return string(line) }
