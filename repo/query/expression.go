package query

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// Expr is a parsed expression, which is a condition on a run.
//
// A bare key means that the run has the key, with any value. A comparison with a key that the run does not have is
// false for every operator, including != and "not in". "not a = 1" is true for such a run.
//
//   - Numbers are compared exactly and by value, so 1 equals 1.0.
//   - A text and a number are compared as numbers if the text spells one. Otherwise they differ and have no order. A
//     number in quotes is compared with a text as a text.
//   - Texts are ordered byte by byte.
//   - true and false, in upper or lower case, equal a bool. A bool has no order.
//   - NaN fails every comparison except = nan, != nan, and "in" with nan among the values.
//   - A list or table equals a literal like '[64, 64]' with equal values. It has no order. "layers in (64)" is also
//     true if 64 is an element of the list.
//   - null equals a param that is null, and the text null. A null has no order.
//   - ~ and !~ look at the text of any value.
//   - A key on the right side has a prefix, like metrics.acc, or is in backquotes. Both values are compared as a value
//     with a text or number in quotes. It is false if the run lacks either.
type Expr struct {
	op     string // and, or, not, has, or a comparison
	left   *Expr
	right  *Expr
	key    string
	field  field
	args   []literal
	other  *operand // the key that the key is compared with, if it is not compared with args
	column int      // of the value that the key is compared with
	re     *regexp.Regexp
}

// operand is a key on the right side of a comparison.
type operand struct {
	key   string
	field field
}

// Limits of an expression.
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
// The operators are = == != < <= > >= ~ !~. The operator ~ matches a regular expression (RE2). && || ! mean the same
// as and, or, not, which may be in upper case. A key with other characters is in quotes, as a whole or after a dot:
// `val acc`, metrics."val acc". A text is in single or double quotes, or bare if it is one word. There are no
// escapes.
//
// A time is a date, a date and a time like 2026-11-23T14:25 or as in RFC 3339, today, yesterday, or '3d ago'. It is in
// the zone of Context.Now unless it names one. It means the whole day, minute or second. A duration is a number of
// seconds, or like 90s, 30m, 2h, 1h30m, 3d, '2 weeks'. started and ended must be compared with times, and duration with
// durations. This does not apply to a key with a prefix, like metrics.duration or params.started.
//
// An error is a *SyntaxError. It contains the column, counted in characters from 1, and what was expected there.
func Parse(expr string) (*Expr, error) {
	e, err := parse(expr)
	if err != nil {
		return nil, &SyntaxError{err}
	}
	return e, nil
}

func parse(expr string) (*Expr, error) {
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
		return nil, p.wrong(t, "expected and, or, or the end")
	}
	return e, nil
}

type token struct {
	kind byte // 0 end, 'w' word, 'q' quoted text, 'k' quoted key, 'o' operator, '(' ')' ','
	text string
	at   int
	key  string // the text as a key, see joinKey
}

type parser struct {
	src    string
	tokens []token
	i      int
}

func (p *parser) wrong(t token, format string, args ...any) error {
	return fmt.Errorf("expression, column %d: %s", p.column(t), fmt.Sprintf(format, args...))
}

func (p *parser) column(t token) int { return utf8.RuneCountInString(p.src[:t.at]) + 1 }

func (p *parser) scan() error {
	for i := 0; i < len(p.src); {
		c := p.src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')' || c == ',':
			p.tokens = append(p.tokens, token{kind: c, text: string(c), at: i})
			i++
		case c == '\'' || c == '"':
			end := strings.IndexByte(p.src[i+1:], c)
			if end < 0 {
				return p.wrong(token{at: i}, "the quote is not closed")
			}
			if next := i + end + 2; next >= len(p.src) || p.src[next] != '.' {
				text := p.src[i+1 : i+1+end]
				p.tokens = append(p.tokens, token{'q', text, i, joinKey([]keyPart{{text, true}})})
				i = next
				continue
			}
			t, err := p.scanWord(i)
			if err != nil {
				return err
			}
			p.tokens = append(p.tokens, t.token)
			i = t.end
		case strings.IndexByte("=!<>~&|", c) >= 0:
			n := 1
			switch {
			case i+1 < len(p.src) && slices.Contains([]string{"==", "!=", "<=", ">=", "!~", "&&", "||"}, p.src[i:i+2]):
				n = 2
			case c == '&' || c == '|':
				return p.wrong(token{at: i}, "%q is not an operator", string(rune(c)))
			}
			p.tokens = append(p.tokens, token{kind: 'o', text: p.src[i : i+n], at: i})
			i += n
		default:
			t, err := p.scanWord(i)
			if err != nil {
				return err
			}
			p.tokens = append(p.tokens, t.token)
			i = t.end
		}
	}
	return nil
}

// endsWord are the characters that a bare word cannot contain.
const endsWord = " \t\n\r(),'\"`=!<>~&|"

type scannedWord struct {
	token
	end int
}

// scanWord reads a word. Parts of it may be in backquotes anywhere, or in other quotes after a dot or a backquote.
func (p *parser) scanWord(start int) (scannedWord, error) {
	w := scannedWord{token: token{kind: 'w', at: start}}
	parts := []keyPart{{}}
	add := func(text string) { parts[len(parts)-1].text += text }
	i := start
	for i < len(p.src) {
		c := p.src[i]
		if c == '`' || (c == '\'' || c == '"') && (i == start || p.src[i-1] == '.' || p.src[i-1] == '`') {
			n := strings.IndexByte(p.src[i+1:], c)
			if n < 0 {
				return w, p.wrong(token{at: i}, "the quote is not closed")
			}
			w.kind = 'k'
			parts[len(parts)-1].quoted = true
			add(p.src[i+1 : i+1+n])
			i += n + 2
			continue
		}
		if strings.IndexByte(endsWord, c) >= 0 {
			break
		}
		if i++; c == '.' {
			parts = append(parts, keyPart{})
		} else {
			add(p.src[i-1 : i])
		}
	}
	w.key, w.end = joinKey(parts), i
	for n, part := range parts {
		if n > 0 {
			w.text += "."
		}
		w.text += part.text
	}
	return w, nil
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

// word reads the next token if it is one of these words or signs, and reports whether it did.
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
		return nil, p.wrong(t, "nested deeper than %d levels", maxNesting)
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
			return nil, p.wrong(t, "expected \")\"")
		}
		return e, nil
	}
	return p.comparison()
}

func (p *parser) comparison() (*Expr, error) {
	t := p.next()
	if t.kind != 'w' && t.kind != 'k' && t.kind != 'q' || t.text == "" {
		return nil, p.wrong(t, "expected a key")
	}
	if err := checkKey(t.key); err != nil {
		return nil, p.wrong(t, "%v", err)
	}
	e := &Expr{op: "has", key: t.key, field: newField(t.key)}
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
		return nil, p.wrong(op, "expected an operator: = != < <= > >= ~ !~ or in")
	}
	p.i++
	e.op = op.text
	if e.op == "==" {
		e.op = "="
	}
	v := p.next()
	if v.kind != 'w' && v.kind != 'q' && v.kind != 'k' || v.kind == 'k' && strings.HasSuffix(e.op, "~") {
		return nil, p.wrong(v, "expected a value after %s", op.text)
	}
	e.column = p.column(v)
	if e.op == "~" || e.op == "!~" {
		e.args = []literal{{text: v.text, quoted: v.kind == 'q'}}
		re, err := regexp.Compile(v.text)
		if err != nil {
			return nil, p.wrong(v, "%v", err)
		}
		e.re = re
		return e, nil
	}
	if f := newField(v.key); v.kind == 'k' || v.kind == 'w' && f.scope != inAll && f.name != "" {
		if f.name == "" {
			return nil, p.wrong(v, "expected a key")
		}
		if err := checkKey(v.key); err != nil {
			return nil, p.wrong(v, "%v", err)
		}
		e.other = &operand{v.key, f}
		return e, nil
	}
	return e, p.literal(e, v)
}

func (p *parser) list(e *Expr) error {
	if t := p.next(); t.kind != '(' {
		return p.wrong(t, "expected \"(\" after in")
	}
	for {
		v := p.next()
		if v.kind != 'w' && v.kind != 'q' {
			return p.wrong(v, "expected a value")
		}
		if err := p.literal(e, v); err != nil {
			return err
		}
		switch t := p.next(); t.kind {
		case ',':
		case ')':
			return nil
		default:
			return p.wrong(t, "expected \",\" or \")\"")
		}
	}
}

// literal adds a value to the values that e compares its key with.
func (p *parser) literal(e *Expr, t token) error {
	l := newLiteral(t)
	switch {
	case (e.field.isAttribute("started") || e.field.isAttribute("ended")) && l.when == nil:
		return p.wrong(t, "%s must be compared with a time, like 2026-11-23 or '3d ago'", e.key)
	case e.field.isAttribute("duration"):
		span, err := parseSpan(t.text)
		switch {
		case err == nil:
			l.number = FloatDatum(span.Seconds())
		case !l.number.isNumber():
			return p.wrong(t, "expected a duration, like 90 or '2h'")
		}
	}
	e.args = append(e.args, l)
	return nil
}

// Narrow prepares an expression for the runs of a context, which saves time if they are many. After that, Match must be
// called for no other runs.
func (e *Expr) Narrow(c Context) {
	if e.left != nil {
		e.left.Narrow(c)
	}
	if e.right != nil {
		e.right.Narrow(c)
	}
	e.field.narrow(c)
	if e.other != nil {
		e.other.field.narrow(c)
	}
}

// Match reports whether a run meets the expression.
func (e *Expr) Match(r Row, c Context) bool {
	switch e.op {
	case "and":
		return e.left.Match(r, c) && e.right.Match(r, c)
	case "or":
		return e.left.Match(r, c) || e.right.Match(r, c)
	case "not":
		return !e.left.Match(r, c)
	}
	v, ok := e.field.value(r, c)
	if e.op == "has" || !ok {
		return ok
	}
	if e.other != nil {
		w, ok := e.other.field.value(r, c)
		return ok && compareValues(e.op, v, w)
	}
	switch e.op {
	case "~":
		return e.re.MatchString(v.text())
	case "!~":
		return !e.re.MatchString(v.text())
	case "in":
		return e.in(v, c)
	case "not in":
		return !v.isNaN() && !e.in(v, c)
	case "=":
		return e.args[0].equals(v, c)
	case "!=":
		l := &e.args[0]
		return !l.equals(v, c) && (!v.isNaN() || l.number.isNaN())
	}
	order, ok := e.args[0].compare(v, c)
	return ok && ordered(e.op, order)
}

func ordered(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// compareValues compares two values of one run.
func compareValues(op string, v, w Datum) bool {
	order, comparable := 0, true
	switch {
	case v.isNaN() || w.isNaN():
		comparable = false
	case v.isNumber() && w.isNumber():
		order = compareNumbers(v, w)
	case v.kind == isText && w.kind == isText:
		order = strings.Compare(v.s, w.s)
	case v.kind == isTime && w.kind == isTime:
		order = v.t.Compare(w.t)
	default:
		comparable = false
	}
	nan := v.isNaN() || w.isNaN()
	switch equal := comparable && order == 0 || !nan && v.kind == w.kind && format.EqualValue(v.Any(), w.Any()); op {
	case "=":
		return equal
	case "!=":
		return !equal && !nan
	}
	return comparable && ordered(op, order)
}

// EachKey calls yield with each key in the expression. bare is true if the key is not compared with anything.
func (e *Expr) EachKey(yield func(key string, bare bool)) {
	if e.left != nil {
		e.left.EachKey(yield)
	}
	if e.right != nil {
		e.right.EachKey(yield)
	}
	if e.key != "" {
		yield(e.key, e.op == "has")
	}
	if e.other != nil {
		yield(e.other.key, false)
	}
}

// in reports whether v, or an element of v, equals one of the arguments.
func (e *Expr) in(v Datum, c Context) bool {
	list, _ := v.more.([]any)
	for i := range e.args {
		l := &e.args[i]
		if l.equals(v, c) || slices.ContainsFunc(list, func(element any) bool { return l.equals(NewDatum(element), c) }) {
			return true
		}
	}
	return false
}

// String returns the expression as text, with as few parentheses as possible. Parse reads it back as an equal
// expression.
func (e *Expr) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Expr) write(b *strings.Builder) {
	switch e.op {
	case "and", "or":
		e.left.writeIn(b, e.left.op == "or" && e.op == "and")
		b.WriteString(" " + e.op + " ")
		e.right.writeIn(b, e.right.op == "or" || e.right.op == "and" && e.op == "and")
		return
	case "not":
		b.WriteString("not ")
		e.left.writeIn(b, e.left.op == "or" || e.left.op == "and")
		return
	}
	writeKey(b, e.key, false)
	switch e.op {
	case "has":
	case "in", "not in":
		b.WriteString(" " + e.op + " (")
		for i, l := range e.args {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(l.String())
		}
		b.WriteByte(')')
	default:
		b.WriteString(" " + e.op + " ")
		if e.other == nil {
			b.WriteString(e.args[0].String())
		} else {
			writeKey(b, e.other.key, e.other.field.scope == inAll)
		}
	}
}

func (e *Expr) writeIn(b *strings.Builder, parentheses bool) {
	if !parentheses {
		e.write(b)
		return
	}
	b.WriteByte('(')
	e.write(b)
	b.WriteByte(')')
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
