package console

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	maxLine     = 64 << 10 // characters per line; a longer line is broken
	windowLines = 64       // lines that can still be redrawn
	maxWindow   = 64 << 10 // characters of all of them
	maxMove     = 1 << 10  // the last column that a control sequence can move to: no terminal is wider
	maxParams   = 64       // bytes of parameters of a control sequence
)

// screen interprets a program's output as a terminal does. The program can still redraw the last lines. screen knows
// the control sequences of ECMA-48 and xterm (ctlseqs) that progress bars and line editors use, and drops others.
// Every character counts as one column, and lines do not wrap. This is exact enough, because the text that overwrites
// a line comes from the same program and is counted in the same way.
type screen struct {
	page
	main *page             // the page behind the alternate screen, nil if that is not shown
	emit func(line string) // receives each line that leaves the window

	state   func(*screen, byte) // processes the next byte of a sequence, nil outside of one
	params  []byte
	partial []byte // the first bytes of an incomplete character
}

// page is a window of lines. Only the last line can lack a newline.
type page struct {
	lines    []*line
	chars    int // characters of all lines
	row, col int
	savedRow int
	savedCol int
	top      int // the row that the program considers the first of the screen, -1 if unknown
}

// line holds its text as received until a part of it is overwritten. From then on, it holds cells.
type line struct {
	text   []byte
	cells  []rune
	edited bool
	n      int // characters
}

func newScreen(emit func(line string)) *screen {
	return &screen{page: newPage(), emit: emit}
}

func newPage() page {
	return page{lines: []*line{{}}, top: -1}
}

// write processes output. It emits the lines that can no longer change.
func (s *screen) write(p []byte) {
	for len(p) > 0 {
		if len(s.partial) > 0 {
			p = p[s.complete(p):]
			continue
		}
		if s.state != nil {
			s.state(s, p[0])
			p = p[1:]
			continue
		}
		n := 0
		for n < len(p) && (p[n] >= ' ' && p[n] < 0x7f || p[n] == '\t') {
			n++
		}
		switch {
		case n > 0:
			s.ascii(p[:n])
		case p[0] < utf8.RuneSelf:
			n = 1
			s.control(p[0])
		case !utf8.FullRune(p):
			n = len(p)
			s.partial = append(s.partial, p...)
		default:
			var r rune
			r, n = utf8.DecodeRune(p)
			s.put(r)
		}
		p = p[n:]
	}
}

// complete consumes bytes until a character that was split between two writes is complete or known to be invalid. It
// returns how many bytes it consumed.
func (s *screen) complete(p []byte) int {
	old := len(s.partial)
	s.partial = append(s.partial, p[:min(len(p), utf8.UTFMax-old)]...)
	if !utf8.FullRune(s.partial) {
		return len(s.partial) - old
	}
	r, size := utf8.DecodeRune(s.partial)
	s.partial = s.partial[:0]
	s.put(r)
	return max(size-old, 0)
}

// pending returns the text of the lines that may still change.
func (s *screen) pending() string {
	return string(s.appendWindow(nil))
}

// appendWindow appends the text of the lines that may still change.
func (s *screen) appendWindow(to []byte) []byte {
	lines := s.lines
	if s.main != nil {
		lines = s.main.lines
	}
	for i, l := range lines {
		to = l.appendTo(to)
		if i < len(lines)-1 {
			to = append(to, '\n')
		}
	}
	return to
}

// appendTo appends a line's text. It drops spaces at the end of an overwritten line, which are left over from a longer
// text.
func (l *line) appendTo(to []byte) []byte {
	if !l.edited {
		return append(to, l.text...)
	}
	n := len(l.cells)
	for n > 0 && l.cells[n-1] == ' ' {
		n--
	}
	for _, r := range l.cells[:n] {
		to = utf8.AppendRune(to, r)
	}
	return to
}

// edit converts a line to cells.
func (l *line) edit() {
	if l.edited {
		return
	}
	l.edited = true
	l.cells = slices.Grow(l.cells[:0], l.n)
	for _, r := range string(l.text) {
		l.cells = append(l.cells, r)
	}
}

// ascii writes printable ASCII at the cursor.
func (s *screen) ascii(p []byte) {
	for len(p) > 0 {
		l := s.lines[s.row]
		if l.edited || s.col != l.n {
			s.put(rune(p[0]))
			p = p[1:]
			continue
		}
		if l.n >= maxLine {
			s.newline()
			continue
		}
		n := min(len(p), maxLine-l.n)
		l.text = append(l.text, p[:n]...)
		s.grow(l, n)
		s.col += n
		p = p[n:]
	}
}

// put writes a character at the cursor.
func (s *screen) put(r rune) {
	if r >= 0x80 && r < 0xa0 { // C1 controls, which some terminals obey
		return
	}
	if s.col >= maxLine {
		s.newline()
	}
	l := s.lines[s.row]
	if !l.edited && s.col == l.n {
		l.text = utf8.AppendRune(l.text, r)
		s.grow(l, 1)
		s.col++
		return
	}
	l.edit()
	s.pad(l, s.col)
	if s.col < l.n {
		l.cells[s.col] = r
	} else {
		l.cells = append(l.cells, r)
		s.grow(l, 1)
	}
	s.col++
}

// pad fills an edited line with spaces up to a column.
func (s *screen) pad(l *line, col int) {
	for l.n < col {
		l.cells = append(l.cells, ' ')
		s.grow(l, 1)
	}
}

// grow adds n to the number of characters of a line and of its page.
func (s *screen) grow(l *line, n int) {
	l.n += n
	s.chars += n
}

// newline moves to the beginning of the next line, and drops the oldest lines if there are too many.
func (s *screen) newline() {
	s.col = 0
	s.row++
	if s.row < len(s.lines) {
		return
	}
	s.lines = append(s.lines, &line{})
	s.drop()
}

// drop emits the oldest lines while there are too many, and reuses the memory of the last emitted line for the newest.
func (s *screen) drop() {
	n := 0
	for chars := s.chars; n < len(s.lines)-1 && (len(s.lines)-n > windowLines || chars > maxWindow); n++ {
		chars -= s.lines[n].n
	}
	if n == 0 {
		return
	}
	for _, l := range s.lines[:n] {
		if s.main == nil {
			s.emit(string(l.appendTo(nil)))
		}
		s.chars -= l.n
	}
	if last := s.lines[len(s.lines)-1]; last.n == 0 && !last.edited {
		spare := s.lines[n-1]
		*last = line{text: spare.text[:0], cells: spare.cells[:0]}
	}
	s.lines = slices.Delete(s.lines, 0, n)
	s.row = max(s.row-n, 0)
	s.savedRow = max(s.savedRow-n, 0)
	s.top = max(s.top-n, -1)
}

// control executes a control character. It ignores one that has no meaning for a text.
func (s *screen) control(c byte) {
	switch c {
	case '\n', '\v', '\f':
		s.newline()
	case '\r':
		s.col = 0
	case '\b':
		s.col = max(min(s.col, s.lines[s.row].n)-1, 0)
	case 0x1b:
		s.state = (*screen).escape
	}
}

// escape processes the byte after ESC.
func (s *screen) escape(c byte) {
	s.state = nil
	switch c {
	case '[':
		s.params = s.params[:0]
		s.state = (*screen).sequence
	case ']', 'P', 'X', '^', '_': // OSC, DCS, SOS, PM, APC: a string follows
		s.state = (*screen).text
	case ' ', '#', '%', '(', ')', '*', '+', '-', '.', '/': // one more byte follows: character sets and the like
		s.state = (*screen).skip
	case '7':
		s.savedRow, s.savedCol = s.row, s.col
	case '8':
		s.row, s.col = min(s.savedRow, len(s.lines)-1), s.savedCol
	case 'D':
		col := s.col
		s.newline()
		s.col = col
	case 'E':
		s.newline()
	case 'M':
		s.row = max(s.row-1, 0)
	default:
		if c < ' ' {
			s.control(c)
		}
	}
}

// skip drops the last byte of an escape sequence.
func (s *screen) skip(c byte) {
	s.state = nil
	if c < ' ' {
		s.control(c)
	}
}

// text drops a control string up to its end (BEL, or ESC and a backslash). A newline also ends it, because an
// incomplete sequence must not swallow the text after it.
func (s *screen) text(c byte) {
	switch c {
	case 0x07, 0x18, 0x1a:
		s.state = nil
	case 0x1b:
		s.state = (*screen).escape // the backslash is then dropped like any unknown sequence
	case '\n':
		s.state = nil
		s.newline()
	}
}

// sequence processes a byte of a control sequence: ESC [ parameters final.
func (s *screen) sequence(c byte) {
	switch {
	case c >= 0x40 && c < 0x7f:
		s.state = nil
		s.obey(c)
	case c >= 0x20 && c < 0x40 && len(s.params) < maxParams:
		s.params = append(s.params, c)
	case c == 0x18, c == 0x1a, c == '\n', c >= 0x20:
		s.state = nil
		if c == '\n' {
			s.newline()
		}
	default:
		s.control(c) // a terminal executes these inside a sequence
	}
}

// param returns the i-th parameter of a control sequence, or the default without if there is none.
func (s *screen) param(i, without int) int {
	field, rest := s.params, []byte(nil)
	for {
		field, rest, _ = bytes.Cut(field, []byte{';'})
		if i == 0 {
			break
		}
		field = rest
		i--
	}
	n, err := strconv.Atoi(string(field))
	if err != nil || n < 0 || n == 0 && without > 0 {
		return without
	}
	return min(n, maxMove)
}

// obey executes the control sequence that ends with the byte final.
func (s *screen) obey(final byte) {
	if len(s.params) > 0 && s.params[0] >= '<' { // private: ? > = <
		if s.params[0] == '?' && (final == 'h' || final == 'l') {
			s.alternate(final == 'h')
		}
		return
	}
	// An intermediate byte makes it another sequence.
	if len(s.params) > 0 && s.params[len(s.params)-1] < '0' {
		return
	}
	l := s.lines[s.row]
	switch n := s.param(0, 1); final {
	case 'A':
		s.row = max(s.row-n, 0)
	case 'B', 'e':
		s.row = min(s.row+n, len(s.lines)-1)
	case 'C', 'a':
		s.move(s.col + n)
	case 'D':
		s.move(min(s.col, max(l.n, maxMove)) - n)
	case 'E':
		s.row, s.col = min(s.row+n, len(s.lines)-1), 0
	case 'F':
		s.row, s.col = max(s.row-n, 0), 0
	case 'G', '`':
		s.move(n - 1)
	case 'H', 'f':
		s.home()
		s.row = min(s.top+n-1, len(s.lines)-1)
		s.move(s.param(1, 1) - 1)
	case 'd':
		s.home()
		s.row = min(s.top+n-1, len(s.lines)-1)
	case 'J':
		s.eraseBelow(s.param(0, 0))
	case 'K':
		s.eraseLine(s.param(0, 0))
	case 'L':
		s.insertLines(n)
	case 'M':
		s.deleteLines(n)
	case 'P':
		if s.col < l.n {
			l.edit()
			s.remove(l, s.col, min(s.col+n, l.n))
		}
	case '@':
		if s.col < l.n {
			l.edit()
			n = min(n, maxLine-l.n)
			l.cells = slices.Insert(l.cells, s.col, slices.Repeat([]rune{' '}, max(n, 0))...)
			s.grow(l, max(n, 0))
		}
	case 'X':
		if s.col < l.n {
			l.edit()
			for i := s.col; i < min(s.col+n, l.n); i++ {
				l.cells[i] = ' '
			}
		}
	case 's':
		s.savedRow, s.savedCol = s.row, s.col
	case 'u':
		s.row, s.col = min(s.savedRow, len(s.lines)-1), s.savedCol
	}
}

// move goes to a column of the line, at most to the end of its text or to the width of a terminal.
func (s *screen) move(col int) {
	s.col = max(min(col, max(s.lines[s.row].n, maxMove)), 0)
}

// remove deletes characters from an edited line.
func (s *screen) remove(l *line, from, to int) {
	l.cells = slices.Delete(l.cells, from, to)
	s.grow(l, from-to)
}

// home sets the first row of the screen. The first time, this is a new line at the end, so that the output before the
// program began to paint is kept.
func (s *screen) home() {
	if s.top >= 0 {
		return
	}
	s.row = len(s.lines) - 1
	if s.lines[s.row].n > 0 {
		s.newline()
	}
	s.top = s.row
}

// eraseBelow executes ED (erase in display). A program erases from the cursor on to redraw a block. If it erases
// everything, a new screen begins below the existing lines, because a log keeps earlier output.
func (s *screen) eraseBelow(how int) {
	switch how {
	case 0:
		s.eraseLine(0)
		for _, l := range s.lines[s.row+1:] {
			s.chars -= l.n
		}
		s.lines = slices.Delete(s.lines, s.row+1, len(s.lines))
	case 2:
		s.top = -1
		s.home()
	}
}

// eraseLine executes EL (erase in line). It erases from the cursor on, up to the cursor, or the whole line.
func (s *screen) eraseLine(how int) {
	l := s.lines[s.row]
	if l.n == 0 {
		return
	}
	l.edit()
	switch how {
	case 0:
		if s.col < l.n {
			s.remove(l, s.col, l.n)
		}
	case 1:
		for i := range min(s.col+1, l.n) {
			l.cells[i] = ' '
		}
	case 2:
		s.remove(l, 0, l.n)
	}
}

func (s *screen) insertLines(n int) {
	for range min(n, windowLines-1) {
		s.lines = slices.Insert(s.lines, s.row, &line{})
	}
	// A terminal drops lines at the bottom. Here they are kept, and the window loses lines at its top.
	s.drop()
}

func (s *screen) deleteLines(n int) {
	to := min(s.row+n, len(s.lines))
	for _, l := range s.lines[s.row:to] {
		s.chars -= l.n
	}
	s.lines = slices.Delete(s.lines, s.row, to)
	if s.row == len(s.lines) {
		s.lines = append(s.lines, &line{})
	}
}

// alternate enters or leaves the alternate screen, on which full-screen programs paint. Like a terminal, the log keeps
// nothing of it.
func (s *screen) alternate(show bool) {
	switch string(s.params[1:]) {
	case "1049", "1047", "47":
	default:
		return
	}
	switch {
	case show && s.main == nil:
		under := s.page
		s.main, s.page = &under, newPage()
	case !show && s.main != nil:
		s.leave()
	}
}

func (s *screen) leave() {
	s.page, s.main = *s.main, nil
}
