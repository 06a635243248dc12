package query

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Expr is a parsed expression. It asks a yes-or-no question of a run.
//
// A comparison with a key that the run does not have is false, for every operator. Numbers are compared as numbers, times
// as times, all else as text; an order between a number and a text is false. A bare key asks whether it is there.
type Expr struct {
	op    string // and, or, not, has, or a comparison
	left  *Expr
	right *Expr
	key   string
	args  []literal
	re    *regexp.Regexp
}

// literal is a value in an expression.
type literal struct {
	text   string
	quoted bool
	num    float64
	isNum  bool
}

// Bounds of an expression.
const (
	maxExpression = 64 << 10
	maxNesting    = 100
)

// Parse reads an expression.
//
//	or   := and { "or" and }
//	and  := not { "and" not }
//	not  := "not" not | "(" or ")" | key [ operator value | ["not"] "in" "(" value { "," value } ")" ]
//
// The operators are = == != < <= > >= ~ (matches a regular expression, RE2) and !~. Keys with odd characters stand in
// backquotes; texts in single or double quotes, or bare where they are one word.
func Parse(expr string) (*Expr, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxExpression)
	}
	p := &parser{src: expr}
	if err := p.scan(); err != nil {
		return nil, err
	}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != 0 {
		return nil, p.wrong(t, "and, or, or the end expected")
	}
	return e, nil
}

type token struct {
	kind byte // 0 end, 'w' word, 'q' quoted text, 'k' quoted key, 'o' operator, '(' ')' ','
	text string
	at   int
}

type parser struct {
	src    string
	tokens []token
	i      int
}

func (p *parser) wrong(t token, format string, args ...any) error {
	return fmt.Errorf("expression, column %d: %s", t.at+1, fmt.Sprintf(format, args...))
}

func (p *parser) scan() error {
	for i := 0; i < len(p.src); {
		c := p.src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')' || c == ',':
			p.tokens = append(p.tokens, token{c, string(c), i})
			i++
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(p.src[i+1:], c)
			if end < 0 {
				return p.wrong(token{at: i}, "a quote without its end")
			}
			kind := byte('q')
			if c == '`' {
				kind = 'k'
			}
			p.tokens = append(p.tokens, token{kind, p.src[i+1 : i+1+end], i})
			i += end + 2
		case strings.IndexByte("=!<>~&|", c) >= 0:
			n := 1
			switch {
			case i+1 < len(p.src) && slices.Contains([]string{"==", "!=", "<=", ">=", "!~", "&&", "||"}, p.src[i:i+2]):
				n = 2
			case c == '&' || c == '|':
				return p.wrong(token{at: i}, "%q is no operator", string(rune(c)))
			}
			p.tokens = append(p.tokens, token{'o', p.src[i : i+n], i})
			i += n
		default:
			start := i
			for i < len(p.src) && strings.IndexByte(" \t\n\r(),'\"=!<>~&|", p.src[i]) < 0 {
				if p.src[i] == '`' { // metrics.`val acc`
					end := strings.IndexByte(p.src[i+1:], '`')
					if end < 0 {
						return p.wrong(token{at: i}, "a quote without its end")
					}
					i += end + 1
				}
				i++
			}
			word := p.src[start:i]
			kind := byte('w')
			if strings.Contains(word, "`") {
				kind, word = 'k', strings.ReplaceAll(word, "`", "")
			}
			p.tokens = append(p.tokens, token{kind, word, start})
		}
	}
	return nil
}

func (p *parser) peek() token {
	if p.i < len(p.tokens) {
		return p.tokens[p.i]
	}
	return token{at: len(p.src)}
}

func (p *parser) next() token {
	t := p.peek()
	p.i++
	return t
}

// word reports whether the next token is one of these words or signs, and takes it.
func (p *parser) word(words ...string) bool {
	t := p.peek()
	if (t.kind == 'w' || t.kind == 'o') && slices.Contains(words, strings.ToLower(t.text)) {
		p.i++
		return true
	}
	return false
}

func (p *parser) or(depth int) (*Expr, error) { return p.chain(depth, "or", "||", p.and) }

func (p *parser) and(depth int) (*Expr, error) { return p.chain(depth, "and", "&&", p.not) }

func (p *parser) chain(depth int, word, sign string, part func(int) (*Expr, error)) (*Expr, error) {
	left, err := part(depth)
	for err == nil && p.word(word, sign) {
		var right *Expr
		if right, err = part(depth); err == nil {
			left = &Expr{op: word, left: left, right: right}
		}
	}
	return left, err
}

func (p *parser) not(depth int) (*Expr, error) {
	t := p.peek()
	if depth > maxNesting {
		return nil, p.wrong(t, "nested deeper than %d", maxNesting)
	}
	if p.word("not", "!") {
		e, err := p.not(depth + 1)
		return &Expr{op: "not", left: e}, err
	}
	if t.kind == '(' {
		p.i++
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if t := p.next(); t.kind != ')' {
			return nil, p.wrong(t, "\")\" expected")
		}
		return e, nil
	}
	return p.comparison()
}

func (p *parser) comparison() (*Expr, error) {
	t := p.next()
	if t.kind != 'w' && t.kind != 'k' && t.kind != 'q' || t.text == "" {
		return nil, p.wrong(t, "a key expected")
	}
	e := &Expr{op: "has", key: t.text}
	if p.word("in") {
		e.op = "in"
		return e, p.list(e)
	}
	if here := p.i; p.word("not") {
		if p.word("in") {
			e.op = "not in"
			return e, p.list(e)
		}
		p.i = here
	}
	op := p.peek()
	if op.kind != 'o' || op.text == "&&" || op.text == "||" {
		return e, nil
	}
	if op.text == "!" {
		return nil, p.wrong(op, "an operator expected: = != < <= > >= ~ !~ or in")
	}
	p.i++
	e.op = op.text
	if e.op == "==" {
		e.op = "="
	}
	v := p.next()
	if v.kind != 'w' && v.kind != 'q' {
		return nil, p.wrong(v, "a value expected behind %s", op.text)
	}
	e.args = []literal{newLiteral(v)}
	if e.op == "~" || e.op == "!~" {
		re, err := regexp.Compile(v.text)
		if err != nil {
			return nil, p.wrong(v, "%v", err)
		}
		e.re = re
	}
	return e, nil
}

func (p *parser) list(e *Expr) error {
	if t := p.next(); t.kind != '(' {
		return p.wrong(t, "\"(\" expected behind in")
	}
	for {
		v := p.next()
		if v.kind != 'w' && v.kind != 'q' {
			return p.wrong(v, "a value expected")
		}
		e.args = append(e.args, newLiteral(v))
		switch t := p.next(); t.kind {
		case ',':
		case ')':
			return nil
		default:
			return p.wrong(t, "\",\" or \")\" expected")
		}
	}
}

func newLiteral(t token) literal {
	l := literal{text: t.text, quoted: t.kind == 'q'}
	if !l.quoted {
		if v, _ := format.ParseLiteral(t.text); v != nil {
			l.num, l.isNum = number(v)
		}
	}
	return l
}

// Match asks the question of a run.
func (e *Expr) Match(r *format.Run, c Context) bool {
	switch e.op {
	case "and":
		return e.left.Match(r, c) && e.right.Match(r, c)
	case "or":
		return e.left.Match(r, c) || e.right.Match(r, c)
	case "not":
		return !e.left.Match(r, c)
	}
	v, ok := Value(r, e.key, c)
	if e.op == "has" || !ok {
		return ok
	}
	switch e.op {
	case "~":
		return e.re.MatchString(Text(v))
	case "!~":
		return !e.re.MatchString(Text(v))
	case "in", "not in":
		in := slices.ContainsFunc(e.args, func(l literal) bool { return equal(v, l, c) })
		return in == (e.op == "in")
	case "=":
		return equal(v, e.args[0], c)
	case "!=":
		return !equal(v, e.args[0], c)
	}
	order, ok := compare(v, e.args[0], c)
	if !ok {
		return false
	}
	switch e.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func equal(v any, l literal, c Context) bool {
	if x, ok := number(v); ok {
		if !l.isNum {
			// lr = '0.1' means the number too: who writes a question does not know how it was recorded.
			y, err := strconv.ParseFloat(l.text, 64)
			if err != nil {
				order, ok := compare(v, l, c)
				return ok && order == 0
			}
			return x == y || math.IsNaN(x) && math.IsNaN(y)
		}
		return x == l.num || math.IsNaN(x) && math.IsNaN(l.num)
	}
	if t, ok := v.(time.Time); ok {
		from, to, ok := parseTime(l.text, c.Now)
		return ok && !t.Before(from) && t.Before(to)
	}
	return Text(v) == l.text || strings.EqualFold(Text(v), l.text) && isBool(v)
}

func isBool(v any) bool { _, ok := v.(bool); return ok }

// compare orders a value and a literal; ok is false where there is no order.
func compare(v any, l literal, c Context) (int, bool) {
	if x, ok := number(v); ok {
		y := l.num
		if !l.isNum {
			d, err := parseSpan(l.text)
			if err != nil {
				if y, err = strconv.ParseFloat(l.text, 64); err != nil {
					return 0, false
				}
			} else {
				y = d.Seconds()
			}
		}
		switch {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, x == y
	}
	if t, ok := v.(time.Time); ok {
		from, to, ok := parseTime(l.text, c.Now)
		switch {
		case !ok:
			return 0, false
		case t.Before(from):
			return -1, true
		case t.Before(to):
			return 0, true
		}
		return 1, true
	}
	if s, ok := v.(string); ok && !l.isNum {
		return strings.Compare(s, l.text), true
	}
	return 0, false
}

// parseTime reads a time and returns the stretch that it names: a day for a date, a microsecond for a time.
func parseTime(s string, now time.Time) (from, to time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if ago, ok := strings.CutSuffix(s, "ago"); ok {
		d, err := parseSpan(ago)
		at := now.Add(-d)
		return at, at.Add(time.Microsecond), err == nil
	}
	local := now.Location()
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, local)
	switch s {
	case "today":
		return day, day.AddDate(0, 0, 1), true
	case "yesterday":
		return day.AddDate(0, 0, -1), day, true
	}
	for _, l := range []struct {
		layout string
		span   time.Duration
	}{
		{time.RFC3339Nano, time.Microsecond},
		{"2006-01-02T15:04:05", time.Second},
		{"2006-01-02 15:04:05", time.Second},
		{"2006-01-02T15:04", time.Minute},
		{"2006-01-02 15:04", time.Minute},
		{time.DateOnly, 24 * time.Hour},
	} {
		if t, err := time.ParseInLocation(l.layout, s, local); err == nil {
			return t, t.Add(l.span), true
		}
	}
	return from, to, false
}

// parseSpan reads a length of time: 90s, 2h, 3d, 1w, "2 hours", 1h30m.
func parseSpan(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	digits := strings.TrimLeft(s, "0123456789.")
	n, err := strconv.ParseFloat(s[:len(s)-len(digits)], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no length of time", s)
	}
	var unit time.Duration
	switch strings.TrimSuffix(strings.TrimSpace(digits), "s") {
	case "", "sec", "second": // "" is the s of seconds that was cut
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
		return 0, fmt.Errorf("%q is no length of time", s)
	}
	if strings.TrimSpace(digits) == "" || n*float64(unit) > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is no length of time", s)
	}
	return time.Duration(n * float64(unit)), nil
}

// Text shows a value as people write it.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return format.TOMLString(v)
}

// String writes the expression so that it reads back as the same.
func (e *Expr) String() string {
	switch e.op {
	case "and", "or":
		return "(" + e.left.String() + " " + e.op + " " + e.right.String() + ")"
	case "not":
		return "not " + e.left.String()
	}
	key := "`" + e.key + "`"
	if strings.Contains(e.key, "`") {
		key = `"` + e.key + `"`
	}
	switch e.op {
	case "has":
		return key
	case "in", "not in":
		args := make([]string, len(e.args))
		for i, l := range e.args {
			args[i] = l.String()
		}
		return key + " " + e.op + " (" + strings.Join(args, ", ") + ")"
	}
	return key + " " + e.op + " " + e.args[0].String()
}

func (l literal) String() string {
	switch {
	case !l.quoted:
		return l.text
	case strings.Contains(l.text, "'"):
		return `"` + l.text + `"`
	}
	return "'" + l.text + "'"
}
