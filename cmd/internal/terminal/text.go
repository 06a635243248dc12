package terminal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Clean makes text from a run safe to show on one line. It replaces control characters, escape sequences (of colors,
// titles and links too), marks that change the direction of text, characters that show nothing, and invalid UTF-8 with
// visible characters.
func Clean(s string) string { return clean(s, false) }

// Bytes of a message: of its beginning, and of its end, which usually says why.
const (
	messageHead = 2500
	messageTail = 1000
)

// Message is like Clean, for a line that quotes a run, a file or another program: if the text is very long, its middle
// is left out. Every message goes through it.
func Message(s string) string {
	if len(s) > messageHead+messageTail+100 {
		s = fmt.Sprintf("%s … (%d bytes) … %s", strings.ToValidUTF8(s[:messageHead], ""),
			len(s)-messageHead-messageTail, strings.ToValidUTF8(s[len(s)-messageTail:], ""))
	}
	return Clean(s)
}

// CleanLines is like Clean but keeps newlines and tabs.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	ok := true
	for i, r := range s {
		if !shown(r, lines) || r == utf8.RuneError && isBroken(s[i:]) {
			ok = false
			break
		}
	}
	if ok {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && isBroken(s[i:]):
			b.WriteRune(utf8.RuneError)
		case shown(r, lines):
			b.WriteRune(r)
		case r == '\n':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x20:
			b.WriteRune('␀' + r) // control pictures start at U+2400
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

func isBroken(s string) bool {
	_, n := utf8.DecodeRuneInString(s)
	return n == 1
}

// shown reports whether a rune may be written to a terminal unchanged.
func shown(r rune, lines bool) bool {
	switch {
	case r >= 0x20 && r < 0x7f:
		return true
	case r == '\n' || r == '\t':
		return lines
	case r < 0xa0, r == 0x61c, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e,
		r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xe0000 && r <= 0xe0fff:
		return false
	case r == 0xad, r == 0x34f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x180e, r == 0x200b,
		r == 0x3164, r == 0xffa0, r >= 0xfff9 && r <= 0xfffb:
		return false // they show nothing, so two names would look alike; scripts and emoji need the joiners 200C and 200D
	}
	return !unicode.Is(unicode.Cc, r)
}

// Width returns the number of columns that text occupies on a terminal.
func Width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return runewidth.StringWidth(s)
		}
	}
	return len(s)
}

// Truncate shortens text to at most width columns and ends shortened text with an ellipsis.
func Truncate(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	return runewidth.Truncate(s, width, "…")
}

// Fold breaks cleaned text into lines that fit the terminal, between words if possible. The caller writes the text from
// the column given by at, counted from 0, and Fold indents the other lines to that column. If the output is not a
// terminal, Fold returns the text unchanged.
func (t *Terminal) Fold(text string, at int) string {
	room := t.Width() - at
	if !t.outTTY || room < leastColumn || Width(text) <= room {
		return text
	}
	var lines []string
	for Width(text) > room {
		head := runewidth.Truncate(text, room, "")
		if i := strings.LastIndexByte(text[:min(len(head)+1, len(text))], ' '); i > 0 {
			head = text[:i]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		text = strings.TrimLeft(text[len(head):], " ")
	}
	return strings.Join(append(lines, text), "\n"+strings.Repeat(" ", at))
}

// Shorten shortens text to at most width columns with an ellipsis in its middle, because long keys often differ only at
// their end.
func Shorten(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	tail := ""
	runes := []rune(s)
	for i := len(runes) - 1; i >= 0 && Width(string(runes[i])+tail) <= (width-1)/2; i-- {
		tail = string(runes[i]) + tail
	}
	return runewidth.Truncate(s, max(0, width-1-Width(tail)), "") + "…" + tail
}

// Wrap breaks each line of text that is wider than the terminal, between words if possible, and indents what follows by
// four columns more than the line. Styles that Paint has applied take no room. If the output is not a terminal, Wrap
// returns the text unchanged.
func (t *Terminal) Wrap(text string) string {
	if !t.outTTY {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line, t.Width())
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width int) string {
	if Width(withoutStyles(line)) <= width {
		return line
	}
	indent := strings.Repeat(" ", min(len(line)-len(strings.TrimLeft(line, " "))+4, width/2))
	var b strings.Builder
	column, gap, word := 0, 0, "" // the gap before a word and the word are not yet written
	flush := func() {
		if n := Width(withoutStyles(word)); column+gap+n > width && column > len(indent) || column+gap >= width {
			b.WriteString("\n" + indent)
			column = len(indent)
		} else {
			b.WriteString(strings.Repeat(" ", gap))
			column += gap
		}
		gap = 0
		for _, r := range cells(word) { // a word that no line has room for
			if n := Width(withoutStyles(r)); column+n > width {
				b.WriteString("\n" + indent)
				column = len(indent)
			}
			b.WriteString(r)
			column += Width(withoutStyles(r))
		}
		word = ""
	}
	for _, r := range cells(line) {
		if r != " " {
			word += r
			continue
		}
		if word != "" {
			flush()
		}
		gap++
	}
	if word != "" {
		flush()
	}
	return b.String()
}

// cells splits painted text into styles and characters, each with the marks that combine with it.
func cells(s string) []string {
	var all []string
	for s != "" {
		n := styleLength(s)
		if n == 0 {
			n = characterLength(s)
		}
		all = append(all, s[:n])
		s = s[n:]
	}
	return all
}

// characterLength returns the length of the first character of s with what combines with it: marks without a width, and
// what a joiner binds to it, as in many emoji.
func characterLength(s string) int {
	const joiner = '\u200d'
	last, n := utf8.DecodeRuneInString(s)
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if r == 0x1b || last != joiner && runewidth.RuneWidth(r) > 0 {
			break
		}
		last = r
		n += size
	}
	return n
}

// styleLength returns the length of the style that s begins with, or 0. Text from runs has no escape character.
func styleLength(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	return strings.IndexByte(s, 'm') + 1
}

func withoutStyles(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for s != "" {
		if n := styleLength(s); n > 0 {
			s = s[n:]
			continue
		}
		i := strings.IndexByte(s[1:], 0x1b) + 1
		if i == 0 {
			i = len(s)
		}
		b.WriteString(s[:i])
		s = s[i:]
	}
	return b.String()
}

// pad adds spaces to text until it is width columns wide. If right is true, the text is aligned to the right.
func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-Width(s)))
	if right {
		return space + s
	}
	return s + space
}

// Count formats a number with its noun, which is singular for 1: 1 row, 2 rows.
func Count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Ago formats how long ago something was: just now, 3 min ago, 2 y ago.
func Ago(d time.Duration) string {
	if d < 0 {
		return "in the future"
	}
	if d < 5*time.Second {
		return "just now"
	}
	for _, u := range []struct {
		unit  time.Duration
		below time.Duration
		name  string
	}{
		{time.Second, time.Minute, "s"},
		{time.Minute, time.Hour, "min"},
		{time.Hour, 24 * time.Hour, "h"},
		{24 * time.Hour, 60 * 24 * time.Hour, "d"},
		{30 * 24 * time.Hour, 2 * 365 * 24 * time.Hour, "mo"},
	} {
		if d < u.below {
			return fmt.Sprintf("%d %s ago", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d y ago", d/(365*24*time.Hour))
}

// Span formats a duration: 0.42 s, 1.5 s, 2 min 5 s, 3 h 12 min, 4 d 2 h.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Span(-d)
	case d < 10*time.Second:
		return strconv.FormatFloat(float64(d.Round(10*time.Millisecond))/float64(time.Second), 'g', -1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Bytes formats a size in powers of 1000: 999 B, 1.3 kB.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "kMGTPE"
	for i := 0; ; i++ {
		if v /= 1000; v < 999.5 || i == len(units)-1 {
			digits := 1
			if v >= 99.95 {
				digits = 0
			}
			return fmt.Sprintf("%.*f %cB", digits, v, units[i])
		}
	}
}

// Number formats a value with five significant digits, and a whole number below a billion with all its digits. NaN and
// the infinities become NaN, inf and -inf.
func Number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case v == math.Trunc(v) && math.Abs(v) < 1e9:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	s := strconv.FormatFloat(v, 'g', 5, 64)
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok {
		if n, err := strconv.Atoi(exponent); err == nil && n > 0 && n < 9 {
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return mantissa + "e" + strings.TrimPrefix(exponent, "+")
	}
	return s
}
