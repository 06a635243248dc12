package query

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// literal is a value in an expression. It is parsed only once, as each type that it can be compared with.
type literal struct {
	text   string
	quoted bool
	number Datum // isInt or isFloat if the text is a number
	list   any   // a list or table, like '[64, 64]' or '{a = 1}'
	null   bool  // null or None without quotes
	when   *moment
}

func newLiteral(t token) literal {
	l := literal{text: t.text, quoted: t.kind == 'q', when: parseMoment(t.text)}
	if l.number = parseNumber(t.text); l.number.isNumber() || l.text == "" {
		return l
	}
	switch v := format.ParseLiteral(t.text); v.(type) {
	case int64, float64:
		l.number = NewDatum(v) // 0x10, 1_000
	case []any, map[string]any:
		l.list = v
	default:
		l.null = v == format.Null && !l.quoted
	}
	return l
}

// parseNumber reads a decimal number, nan or inf. It returns a Datum of kind isText if s is not a number.
func parseNumber(s string) Datum {
	if s == "" {
		return Datum{}
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.', c == 'n', c == 'N', c == 'i', c == 'I':
	default:
		return Datum{}
	}
	if strings.ContainsAny(s, "xX_") {
		return Datum{}
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return IntDatum(i)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return FloatDatum(f)
	}
	return Datum{}
}

// asNumber returns v if it is a number. If v is a text that spells a number and the literal is a number without
// quotes, it returns that number.
func (l *literal) asNumber(v Datum) Datum {
	switch {
	case v.isNumber():
		return v
	case v.kind == isText && !l.quoted && l.number.isNumber():
		return parseNumber(v.s)
	}
	return Datum{}
}

func (l *literal) equals(v Datum, c Context) bool {
	if n := l.asNumber(v); n.isNumber() && l.number.isNumber() {
		return n.isNaN() && l.number.isNaN() || !n.isNaN() && !l.number.isNaN() && compareNumbers(n, l.number) == 0
	}
	switch v.kind {
	case isText:
		return v.s == l.text && (l.quoted || !l.number.isNumber())
	case isBool:
		return strings.EqualFold(strconv.FormatBool(v.i == 1), l.text)
	case isTime:
		order, ok := l.compare(v, c)
		return ok && order == 0
	case isMore:
		return l.null && v.isNull() || l.list != nil && format.EqualValue(v.more, l.list)
	}
	return false
}

// compare compares a value with the literal. ok is false if they have no order.
func (l *literal) compare(v Datum, c Context) (order int, ok bool) {
	if n := l.asNumber(v); n.isNumber() && l.number.isNumber() {
		if n.isNaN() || l.number.isNaN() {
			return 0, false
		}
		return compareNumbers(n, l.number), true
	}
	switch v.kind {
	case isText:
		return strings.Compare(v.s, l.text), l.quoted || !l.number.isNumber()
	case isTime:
		if l.when == nil {
			return 0, false
		}
		from, to := l.when.span(c.Now)
		switch {
		case v.t.Before(from):
			return -1, true
		case v.t.Before(to):
			return 0, true
		}
		return 1, true
	}
	return 0, false
}

// compareNumbers compares two numbers by their exact values. NaN is the smallest.
func compareNumbers(a, b Datum) int {
	switch {
	case a.kind == isInt && b.kind == isInt:
		return cmp.Compare(a.i, b.i)
	case a.kind == isInt:
		return -compareFloatInt(b.f, a.i)
	case b.kind == isInt:
		return compareFloatInt(a.f, b.i)
	}
	return cmp.Compare(a.f, b.f)
}

func compareFloatInt(f float64, i int64) int {
	const two63 = 1 << 63
	switch {
	case math.IsNaN(f), f < -two63:
		return -1
	case f >= two63:
		return 1
	}
	whole := math.Trunc(f)
	return cmp.Or(cmp.Compare(int64(whole), i), cmp.Compare(f, whole))
}

// moment is a time in an expression: a duration ago, a day counted from today, or a period of the calendar.
type moment struct {
	ago   time.Duration
	isAgo bool
	days  int       // counted from today, if unit is zero; -1 is yesterday
	at    time.Time // start of the period; if local, only its date and clock count, in the zone of now
	local bool
	unit  time.Duration // length of the period; 24 hours for a date
}

// span returns the period that the moment means. Its end is not part of it.
func (m *moment) span(now time.Time) (from, to time.Time) {
	switch {
	case m.isAgo:
		from = now.Add(-m.ago)
		return from, from.Add(time.Microsecond)
	case m.unit == 0:
		y, mo, d := now.Date()
		midnight := func(day int) time.Time { return time.Date(y, mo, day, 0, 0, 0, 0, now.Location()) }
		return midnight(d + m.days), midnight(d + m.days + 1)
	}
	from = m.at
	if m.local {
		y, mo, d := from.Date()
		h, min, s := from.Clock()
		from = time.Date(y, mo, d, h, min, s, from.Nanosecond(), now.Location())
		if m.unit == 24*time.Hour {
			return from, time.Date(y, mo, d+1, 0, 0, 0, 0, now.Location()) // a day may have 23 or 25 hours
		}
	}
	return from, from.Add(m.unit)
}

// parseMoment reads a time. It returns nil if s is not a time.
func parseMoment(s string) *moment {
	s = strings.TrimSpace(s)
	switch {
	case s == "today":
		return &moment{}
	case s == "yesterday":
		return &moment{days: -1}
	case strings.HasSuffix(s, "ago"):
		d, err := parseSpan(strings.TrimSuffix(s, "ago"))
		if err != nil {
			return nil
		}
		return &moment{ago: d, isAgo: true}
	case len(s) < len(time.DateOnly) || s[4] != '-':
		return nil
	}
	unit := time.Second
	if strings.Contains(s, ".") {
		unit = time.Microsecond
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return &moment{at: t, unit: unit}
	}
	for _, l := range [...]struct {
		layout string
		unit   time.Duration
	}{
		{"2006-01-02T15:04:05", unit},
		{time.DateTime, unit},
		{"2006-01-02T15:04", time.Minute},
		{"2006-01-02 15:04", time.Minute},
		{time.DateOnly, 24 * time.Hour},
	} {
		if t, err := time.Parse(l.layout, s); err == nil {
			return &moment{at: t, local: true, unit: l.unit}
		}
	}
	return nil
}

// parseSpan reads a duration like 90s, 2h, 3d, 1w, "2 hours" or 1h30m.
func parseSpan(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	digits := strings.TrimLeft(s, "0123456789.")
	n, err := strconv.ParseFloat(s[:len(s)-len(digits)], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	var unit time.Duration
	switch strings.TrimSuffix(strings.TrimSpace(digits), "s") {
	case "", "sec", "second": // "" is an s without its plural ending
		unit = time.Second
	case "m", "min", "minute":
		unit = time.Minute
	case "h", "hour":
		unit = time.Hour
	case "d", "day":
		unit = 24 * time.Hour
	case "w", "week":
		unit = 7 * 24 * time.Hour
	case "mo", "month":
		unit = 30 * 24 * time.Hour
	case "y", "year":
		unit = 365 * 24 * time.Hour
	default:
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	if strings.TrimSpace(digits) == "" || n*float64(unit) > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return time.Duration(n * float64(unit)), nil
}
