package format

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// fastTOML parses the TOML that EncodeRun writes, about ten times faster than the general parser. This matters because
// listing a thousand runs reads a thousand files. It knows only the forms that EncodeRun writes. For any other form,
// it returns false, and the general parser decides. What it accepts, it reads in the same way as the general parser.
func fastTOML(data []byte) (m map[string]any, ok bool) {
	p := &fastParser{data: data, root: map[string]any{}, headers: map[string]bool{}}
	p.table = p.root
	for p.i < len(data) {
		if !p.line() {
			return nil, false
		}
	}
	return p.root, true
}

type fastParser struct {
	data        []byte
	i           int
	root, table map[string]any
	headers     map[string]bool // paths that a [header] created; only these tables can be extended
	keys        int             // read so far
	tables      int             // headers and inline tables read so far
	items       int             // of lists
}

func (p *fastParser) peek() byte {
	if p.i < len(p.data) {
		return p.data[p.i]
	}
	return 0
}

func (p *fastParser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

func (p *fastParser) blank() {
	for p.i < len(p.data) && p.data[p.i] == ' ' {
		p.i++
	}
}

// line parses one line with its newline.
func (p *fastParser) line() bool {
	switch p.peek() {
	case '\n':
		p.i++
		return true
	case '#':
		for p.i < len(p.data) && p.data[p.i] != '\n' {
			if c := p.data[p.i]; c < ' ' && c != '\t' || c == 0x7f {
				return false
			}
			p.i++
		}
		return p.take('\n')
	case '[':
		return p.header() && p.take('\n')
	}
	return p.pair(p.table) && p.take('\n')
}

// pair parses KEY = VALUE into m.
func (p *fastParser) pair(m map[string]any) bool {
	key, ok := p.key()
	if !ok {
		return false
	}
	if _, double := m[key]; double {
		return false
	}
	p.blank()
	if !p.take('=') {
		return false
	}
	p.blank()
	v, ok := p.value(0)
	m[key] = v
	return ok
}

func (p *fastParser) key() (string, bool) {
	if p.keys++; p.keys > maxKeys {
		return "", false
	}
	if p.peek() == '"' {
		return p.text()
	}
	start := p.i
	for p.i < len(p.data) && isBareByte(p.data[p.i]) {
		p.i++
	}
	return string(p.data[start:p.i]), p.i > start
}

func isBareByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// header parses [a.b] or [[a.b]]. The outer tables must have had headers of their own.
func (p *fastParser) header() bool {
	if p.tables++; p.tables > maxTables {
		return false
	}
	p.i++
	list := p.take('[')
	at, path := p.root, ""
	for {
		key, ok := p.key()
		if !ok {
			return false
		}
		path += "\x00" + key
		if p.take('.') {
			if at, ok = at[key].(map[string]any); !ok || !p.headers[path] {
				return false
			}
			continue
		}
		if !p.take(']') || list && !p.take(']') {
			return false
		}
		p.table = map[string]any{}
		old, there := at[key]
		switch tables, isList := old.([]map[string]any); {
		case !list && !there:
			at[key] = p.table
			p.headers[path] = true
		case list && !there:
			at[key] = []map[string]any{p.table}
		case list && isList:
			at[key] = append(tables, p.table)
		default:
			return false
		}
		return true
	}
}

func (p *fastParser) value(depth int) (any, bool) {
	if depth > 2*MaxDepth {
		return nil, false
	}
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == '[':
		return p.list(depth)
	case c == '{':
		return p.inline(depth)
	}
	start := p.i
	for p.i < len(p.data) && isScalarByte(p.data[p.i]) {
		p.i++
	}
	return scalar(p.data[start:p.i])
}

func isScalarByte(c byte) bool { return isBareByte(c) || c == '.' || c == ':' || c == '+' }

func (p *fastParser) list(depth int) (any, bool) {
	p.i++
	list := []any{}
	if p.take(']') {
		return list, true
	}
	for {
		if p.items++; p.items > maxListItems {
			return nil, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		list = append(list, v)
		if p.take(']') {
			return list, true
		}
		if !p.take(',') {
			return nil, false
		}
		p.blank()
	}
}

func (p *fastParser) inline(depth int) (any, bool) {
	if p.tables++; p.tables > maxTables {
		return nil, false
	}
	p.i++
	m := map[string]any{}
	if p.take('}') {
		return m, true
	}
	for {
		key, ok := p.key()
		if !ok {
			return nil, false
		}
		if _, double := m[key]; double {
			return nil, false
		}
		p.blank()
		if !p.take('=') {
			return nil, false
		}
		p.blank()
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		m[key] = v
		if p.take('}') {
			return m, true
		}
		if !p.take(',') {
			return nil, false
		}
		p.blank()
	}
}

// text parses a basic string on one line.
func (p *fastParser) text() (string, bool) {
	p.i++
	start := p.i
	for p.i < len(p.data) && p.data[p.i] != '"' && p.data[p.i] != '\\' {
		if c := p.data[p.i]; c < ' ' || c == 0x7f {
			return "", false
		}
		p.i++
	}
	if p.peek() == '"' {
		s := string(p.data[start:p.i])
		p.i++
		// An empty string followed by another quote is the beginning of a string of several lines.
		return s, s != "" || p.peek() != '"'
	}
	b := append([]byte(nil), p.data[start:p.i]...)
	for p.i < len(p.data) {
		c := p.data[p.i]
		p.i++
		switch {
		case c == '"':
			return string(b), true
		case c < ' ' || c == 0x7f:
			return "", false
		case c != '\\':
			b = append(b, c)
			continue
		}
		switch e := p.peek(); e {
		case '"', '\\':
			b = append(b, e)
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'u':
			if p.i+5 > len(p.data) {
				return "", false
			}
			v, err := strconv.ParseUint(string(p.data[p.i+1:p.i+5]), 16, 32)
			if err != nil || !utf8.ValidRune(rune(v)) {
				return "", false
			}
			b = utf8.AppendRune(b, rune(v))
			p.i += 4
		default:
			return "", false
		}
		p.i++
	}
	return "", false
}

// scalar reads a boolean, a number or a time in UTC.
func scalar(text []byte) (any, bool) {
	switch string(text) {
	case "true":
		return true, true
	case "false":
		return false, true
	case "nan", "inf", "-inf":
		v, err := strconv.ParseFloat(string(text), 64)
		return v, err == nil
	}
	if len(text) >= 20 && text[4] == '-' && text[10] == 'T' && text[len(text)-1] == 'Z' {
		t, err := time.Parse(timeLayout, string(text))
		// time.Parse also accepts an hour of one digit.
		return t, err == nil && len(text) <= 27 && text[13] == ':' && text[len(text)-2] != '.'
	}
	isFloat, ok := isNumber(text)
	switch {
	case !ok:
		return nil, false
	case isFloat:
		v, err := strconv.ParseFloat(string(text), 64)
		return v, err == nil
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	return v, err == nil
}

// isNumber reports whether a text is a decimal number, and whether it is a float.
func isNumber(text []byte) (isFloat, ok bool) {
	i := 0
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := countDigits(text[i:])
	if whole == 0 || whole > 1 && text[i] == '0' {
		return false, false
	}
	if i += whole; i == len(text) {
		return false, true
	}
	if text[i] == '.' {
		n := countDigits(text[i+1:])
		if n == 0 {
			return false, false
		}
		i += 1 + n
	}
	if i < len(text) && text[i] == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		n := countDigits(text[i:])
		if n == 0 {
			return false, false
		}
		i += n
	}
	return true, i == len(text)
}

func countDigits(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}
