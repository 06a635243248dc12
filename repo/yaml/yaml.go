// Package yaml reads the part of YAML that trackers write, and that people write for them: the files meta.yaml and
// MLproject of MLflow, params.yaml of DVCLive, and the environments of Conda. What it reads is bounded and may be
// hostile. It imports nothing of this module.
package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxBytes bounds a file.
const MaxBytes = 1 << 20

// Node is a value: a scalar, a mapping or a list.
type Node struct {
	Text   string // of a scalar
	Quoted bool   // the scalar was in quotes or a block, so that it is a text
	Null   bool   // the value is null, or is not read
	Keys   map[string]Node
	List   []Node
	Line   int // where the value begins; 0 is not known
}

// Options say what is read.
type Options struct {
	Depth int  // how deep mappings and lists may be nested
	Lists bool // read lists; otherwise their values are null
	// Strict refuses what is otherwise skipped or of which the last counts: mappings and nested lists in brackets are
	// read, and a key must not be repeated. It needs Lists.
	Strict bool
}

// Parse reads a mapping in block style, with scalars that are plain, quoted or blocks. If lists are read, these are
// lists in block style, and in brackets those of plain scalars. Other lists and mappings in brackets are skipped,
// unless Strict is set; their values are null. Anything else is an error. https://yaml.org/spec/1.1/
func Parse(data []byte, o Options) (map[string]Node, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxBytes)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	y := &yaml{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), options: o}
	top, err := y.mapping(0, 0)
	if err == nil && y.skipBlank() {
		err = y.fault("is not part of the mapping")
	}
	return top, err
}

type yaml struct {
	lines   []string
	at      int
	options Options
}

func (y *yaml) fault(what string) error { return fmt.Errorf("line %d %s", y.at+1, what) }

// skipBlank moves to the next line with content and returns whether there is one.
func (y *yaml) skipBlank() bool {
	for ; y.at < len(y.lines); y.at++ {
		line := strings.TrimSpace(y.lines[y.at])
		if line != "" && line[0] != '#' && line != "---" && line != "..." {
			return true
		}
	}
	return false
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

// mapping reads the lines of one mapping, all with the same indentation.
func (y *yaml) mapping(column, depth int) (map[string]Node, error) {
	if depth >= y.options.Depth {
		return nil, y.fault("is nested too deeply")
	}
	keys := map[string]Node{}
	for y.skipBlank() {
		line := y.lines[y.at]
		if indent(line) < column {
			break
		}
		key, rest, err := splitKey(line[column:])
		if err != nil || indent(line) > column {
			return nil, y.fault("is not a key and a value")
		}
		if _, twice := keys[key]; twice && y.options.Strict {
			return nil, y.fault(fmt.Sprintf("repeats the key %.80q", key))
		}
		at := y.at + 1
		value, err := y.value(rest, column, depth)
		if err != nil {
			return nil, err
		}
		if value.Line == 0 {
			value.Line = at
		}
		keys[key] = value
	}
	return keys, nil
}

var errKey = errors.New("no key")

// splitKey splits a line into its key and the text of its value.
func splitKey(line string) (key, value string, err error) {
	if line != "" && (line[0] == '\'' || line[0] == '"') {
		end := quotedEnd(line)
		if end < 0 {
			return "", "", errKey
		}
		if key, err = unquote(line[:end]); err != nil {
			return "", "", err
		}
		line = line[end:]
	} else {
		end := strings.Index(line+" ", ": ")
		if end <= 0 || strings.ContainsAny(line[:1], "?-[]{},&*!|>%@`#") {
			return "", "", errKey
		}
		key, line = line[:end], line[end:]
	}
	if value, ok := strings.CutPrefix(strings.TrimLeft(line, " "), ":"); ok && (value == "" || value[0] == ' ') {
		return key, strings.TrimSpace(value), nil
	}
	return "", "", errKey
}

// value reads the value of a key, which begins with rest and may go on in the following lines.
func (y *yaml) value(rest string, column, depth int) (Node, error) {
	if y.options.Strict && rest != "" && strings.Contains("!&", rest[:1]) {
		return Node{}, y.fault("has a type or an anchor, which is not read")
	}
	if strings.HasPrefix(rest, "!") || strings.HasPrefix(rest, "&") { // a type or an anchor
		_, rest, _ = strings.Cut(rest, " ")
		rest = strings.TrimSpace(rest)
	}
	if rest == "" || rest[0] == '#' {
		return y.below(column, depth)
	}
	switch rest[0] {
	case '\'', '"':
		return y.quoted(rest)
	case '[', '{':
		if y.options.Strict {
			return y.brackets(rest, depth)
		}
		return y.flow(rest)
	case '|', '>':
		return y.block(rest, column)
	case '*':
		return Node{}, y.fault("has an alias, which is not read")
	}
	return y.plain(rest, column), nil
}

// below reads a value that begins after the line of its key: a mapping or a list.
func (y *yaml) below(column, depth int) (Node, error) {
	y.at++
	if !y.skipBlank() {
		return Node{Null: true}, nil
	}
	line := y.lines[y.at]
	in := indent(line)
	switch {
	case in >= column && isItem(line[in:]) && y.options.Lists:
		return y.list(in, depth+1)
	case in >= column && isItem(line[in:]):
		for y.skipBlank() {
			line := y.lines[y.at]
			if at := indent(line); at < in || at == in && !isItem(line[in:]) {
				break
			}
			y.at++
		}
		return Node{Null: true}, nil
	case in > column:
		keys, err := y.mapping(in, depth+1)
		return Node{Keys: keys}, err
	}
	return Node{Null: true}, nil
}

// list reads the items of a list, all with the same indentation.
func (y *yaml) list(column, depth int) (Node, error) {
	if depth >= y.options.Depth {
		return Node{}, y.fault("is nested too deeply")
	}
	found := Node{List: []Node{}}
	for y.skipBlank() {
		line := y.lines[y.at]
		if indent(line) != column || !isItem(line[column:]) {
			break
		}
		rest := strings.TrimSpace(line[column+1:])
		in := column + 1 + indent(line[column+1:])
		if rest == "" || rest[0] == '#' { // the item begins on a line of its own, if there is one
			if y.at++; !y.skipBlank() || indent(y.lines[y.at]) <= column {
				found.List = append(found.List, Node{Null: true})
				continue
			}
			in = indent(y.lines[y.at])
		} else { // what follows the mark is as if it did
			y.lines[y.at] = strings.Repeat(" ", in) + rest
		}
		at := y.at + 1
		item, err := y.item(in, column, depth)
		if err != nil {
			return Node{}, err
		}
		if item.Line == 0 {
			item.Line = at
		}
		found.List = append(found.List, item)
	}
	return found, nil
}

// item reads an item of a list, which begins at column in of the current line. The list is at another.
func (y *yaml) item(in, list, depth int) (Node, error) {
	rest := strings.TrimSpace(y.lines[y.at])
	if isItem(rest) {
		return y.list(in, depth+1)
	}
	if _, _, err := splitKey(rest); err == nil {
		keys, err := y.mapping(in, depth+1)
		return Node{Keys: keys}, err
	}
	return y.value(rest, list, depth)
}

// plain reads a scalar without quotes. Lines that are indented more belong to it.
func (y *yaml) plain(rest string, column int) Node {
	parts := []string{uncomment(rest)}
	for y.at++; y.at < len(y.lines); y.at++ {
		line := y.lines[y.at]
		more := strings.TrimSpace(line)
		if more == "" || indent(line) <= column || more[0] == '#' {
			break
		}
		parts = append(parts, uncomment(more))
	}
	text := strings.Join(parts, " ")
	switch text {
	case "", "~", "null", "Null", "NULL":
		return Node{Null: true}
	}
	return Node{Text: text}
}

func uncomment(text string) string {
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSpace(text)
}

// quotedEnd returns where the quoted text at the beginning of text ends, or -1.
func quotedEnd(text string) int {
	mark := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && mark == '"':
			i++
		case text[i] == mark && mark == '\'' && i+1 < len(text) && text[i+1] == mark:
			i++
		case text[i] == mark:
			return i + 1
		}
	}
	return -1
}

// quoted reads a quoted scalar. A line break in it is a space, and empty lines are line breaks.
func (y *yaml) quoted(rest string) (Node, error) {
	begin, blank := y.at, 0
	mark := rest[:1]
	text := []byte(rest)
	for open := quotedEnd(rest) < 0; open; {
		if y.at++; y.at >= len(y.lines) {
			y.at = begin
			return Node{}, y.fault("has a quoted text without an end")
		}
		more := strings.TrimSpace(y.lines[y.at])
		if more == "" {
			blank++
			continue
		}
		switch {
		case blank > 0:
			text = append(text, strings.Repeat("\n", blank)...)
		case mark == `"` && oddBackslashes(text): // the line break itself is escaped
			text = text[:len(text)-1]
		default:
			text = append(text, ' ')
		}
		blank = 0
		text = append(text, more...)
		open = quotedEnd(mark+more) < 0
	}
	end := quotedEnd(string(text))
	if end < 0 || uncomment(" "+string(text[end:])) != "" {
		return Node{}, y.fault("goes on after a quoted text")
	}
	s, err := unquote(string(text[:end]))
	if err != nil {
		return Node{}, y.fault(err.Error())
	}
	y.at++
	return Node{Text: s, Quoted: true}, nil
}

func oddBackslashes(s []byte) bool { return (len(s)-len(bytes.TrimRight(s, `\`)))%2 == 1 }

// unquote returns what a quoted text means.
func unquote(s string) (string, error) {
	body := s[1 : len(s)-1]
	if s[0] == '\'' {
		return strings.ReplaceAll(body, "''", "'"), nil
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			b.WriteByte(body[i])
			continue
		}
		if i++; i >= len(body) {
			return "", errors.New("ends with a backslash")
		}
		c := body[i]
		if digits := strings.IndexByte("x u   U", c); digits >= 0 && c != ' ' {
			n := digits + 2 // x2, u4, U8
			if i+n >= len(body) {
				return "", errors.New("has a torn escape")
			}
			code, err := strconv.ParseUint(body[i+1:i+1+n], 16, 32)
			if err != nil {
				return "", errors.New("has an invalid escape")
			}
			b.WriteRune(rune(min(code, utf8.MaxRune+1))) // too large gives U+FFFD
			i += n
			continue
		}
		at := strings.IndexByte(`0abt`+"\t"+`nvfre "/\N_LP`, c)
		if at < 0 {
			return "", errors.New("has an unknown escape")
		}
		b.WriteString([]string{
			"\x00", "\a", "\b", "\t", "\t", "\n", "\v", "\f", "\r", "\x1b", " ", `"`, "/", `\`, "\u0085", "\u00a0",
			"\u2028", "\u2029",
		}[at])
	}
	return b.String(), nil
}

// flow reads an empty mapping or a list of plain scalars in brackets on one line, and skips others.
func (y *yaml) flow(rest string) (Node, error) {
	begin := y.at
	if text := uncomment(rest); y.options.Lists && strings.HasSuffix(text, "]") && text[0] == '[' &&
		!strings.ContainsAny(text[1:len(text)-1], "[]{}'\"") {
		y.at++
		found := Node{List: []Node{}}
		for item := range strings.SplitSeq(text[1:len(text)-1], ",") {
			if item = strings.TrimSpace(item); item != "" {
				found.List = append(found.List, Node{Text: item})
			}
		}
		return found, nil
	} else if y.options.Lists && text == "{}" {
		y.at++
		return Node{Keys: map[string]Node{}}, nil
	}
	for depth, text := 0, rest; ; {
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			case '\'', '"':
				if end := quotedEnd(text[i:]); end > 0 {
					i += end - 1
				}
			}
		}
		if y.at++; depth <= 0 {
			return Node{Null: true}, nil
		}
		if y.at >= len(y.lines) {
			y.at = begin
			return Node{}, y.fault("has a list without an end")
		}
		text = y.lines[y.at]
	}
}

// block reads a scalar of whole lines: | keeps line breaks, > joins lines.
func (y *yaml) block(head string, column int) (Node, error) {
	if strings.Trim(uncomment(head)[1:], "+-0123456789") != "" {
		return Node{}, y.fault("has an unknown kind of text")
	}
	var lines []string
	in := -1
	for y.at++; y.at < len(y.lines); y.at++ {
		line := y.lines[y.at]
		if strings.TrimSpace(line) == "" {
			lines = append(lines, "")
			continue
		}
		if indent(line) <= column {
			break
		}
		if in < 0 {
			in = indent(line)
		}
		lines = append(lines, line[min(in, indent(line)):])
	}
	text := strings.Join(lines, "\n")
	if head[0] == '>' {
		text = fold(lines)
	}
	text = strings.TrimRight(text, "\n ")
	if !strings.Contains(head, "-") {
		text += "\n"
	}
	return Node{Text: text, Quoted: true}, nil
}

// fold joins lines as > does: a line break between two lines is a space, unless one of them is indented, and empty
// lines are line breaks.
func fold(lines []string) string {
	var b strings.Builder
	blank, before := 0, ""
	for _, line := range lines {
		if line == "" {
			blank++
			continue
		}
		switch indented := strings.HasPrefix(line, " ") || strings.HasPrefix(before, " "); {
		case before == "":
			b.WriteString(strings.Repeat("\n", blank))
		case indented:
			b.WriteString(strings.Repeat("\n", blank+1))
		case blank > 0:
			b.WriteString(strings.Repeat("\n", blank))
		default:
			b.WriteByte(' ')
		}
		b.WriteString(line)
		blank, before = 0, line
	}
	return b.String()
}

// brackets reads a mapping or a list in brackets, which may go on in the following lines.
func (y *yaml) brackets(rest string, depth int) (Node, error) {
	f := &flow{y: y, text: rest, line: y.at}
	n, err := f.value(depth + 1)
	if err != nil {
		return Node{}, fmt.Errorf("line %d %w", f.line+1, err)
	}
	if left := strings.TrimLeft(f.text, " \t"); left != "" && left[0] != '#' {
		return Node{}, fmt.Errorf("line %d goes on after brackets", f.line+1)
	}
	n.Line, y.at = y.at+1, f.line+1
	return n, nil
}

// flow reads values in brackets.
type flow struct {
	y    *yaml
	text string // what is left of the line
	line int
}

var errOpen = errors.New("has a bracket without an end")

// skip moves to the next text, which may be in another line.
func (f *flow) skip() error {
	for {
		f.text = strings.TrimLeft(f.text, " \t")
		if f.text != "" && f.text[0] != '#' {
			return nil
		}
		if f.line+1 >= len(f.y.lines) {
			return errOpen
		}
		f.line++
		f.text = f.y.lines[f.line]
	}
}

func (f *flow) value(depth int) (Node, error) {
	if depth >= f.y.options.Depth {
		return Node{}, errors.New("is nested too deeply")
	}
	if err := f.skip(); err != nil {
		return Node{}, err
	}
	switch f.text[0] {
	case '{':
		return f.mapping(depth)
	case '[':
		return f.list(depth)
	}
	return f.scalar(false)
}

func (f *flow) mapping(depth int) (Node, error) {
	found := Node{Keys: map[string]Node{}}
	f.text = f.text[1:]
	for {
		if err := f.skip(); err != nil {
			return Node{}, err
		}
		if f.text[0] == '}' {
			f.text = f.text[1:]
			return found, nil
		}
		line := f.line + 1
		key, err := f.scalar(true)
		if err != nil {
			return Node{}, err
		}
		if _, twice := found.Keys[key.Text]; twice {
			return Node{}, fmt.Errorf("repeats the key %.80q", key.Text)
		}
		value := Node{Null: true, Line: line}
		if err := f.skip(); err != nil {
			return Node{}, err
		}
		if f.text[0] == ':' {
			f.text = f.text[1:]
			if err := f.skip(); err != nil {
				return Node{}, err
			}
			if f.text[0] != ',' && f.text[0] != '}' {
				if value, err = f.value(depth + 1); err != nil {
					return Node{}, err
				}
				value.Line = line
			}
		}
		found.Keys[key.Text] = value
		if err := f.next('}'); err != nil {
			return Node{}, err
		}
	}
}

func (f *flow) list(depth int) (Node, error) {
	found := Node{List: []Node{}}
	f.text = f.text[1:]
	for {
		if err := f.skip(); err != nil {
			return Node{}, err
		}
		if f.text[0] == ']' {
			f.text = f.text[1:]
			return found, nil
		}
		line := f.line + 1
		item, err := f.value(depth + 1)
		if err != nil {
			return Node{}, err
		}
		item.Line = line
		found.List = append(found.List, item)
		if err := f.next(']'); err != nil {
			return Node{}, err
		}
	}
}

// next moves behind a comma, or to the closing bracket.
func (f *flow) next(end byte) error {
	if err := f.skip(); err != nil {
		return err
	}
	switch f.text[0] {
	case ',':
		f.text = f.text[1:]
	case end:
	default:
		return fmt.Errorf("needs a comma or %c", end)
	}
	return nil
}

// scalar reads a scalar on one line. A plain one ends at a bracket, at a comma, and at a colon before a space.
func (f *flow) scalar(key bool) (Node, error) {
	if f.text[0] == '\'' || f.text[0] == '"' {
		end := quotedEnd(f.text)
		if end < 0 {
			return Node{}, errors.New("has a quoted text without an end")
		}
		text, err := unquote(f.text[:end])
		f.text = f.text[end:]
		return Node{Text: text, Quoted: true}, err
	}
	if strings.Contains("?&*!|>%@`:", f.text[:1]) {
		return Node{}, fmt.Errorf("has %c in brackets, which is not read", f.text[0])
	}
	end := len(f.text)
	for i := range len(f.text) {
		c := f.text[i]
		colon := c == ':' && (i+1 == len(f.text) || strings.Contains(" ,]}", f.text[i+1:i+2]))
		if strings.IndexByte(",[]{}", c) >= 0 || colon || c == '#' && f.text[i-1] == ' ' {
			end = i
			break
		}
	}
	text := strings.TrimSpace(f.text[:end])
	f.text = f.text[end:]
	switch text {
	case "":
		return Node{}, errors.New("has a value in brackets that is not read")
	case "~", "null", "Null", "NULL":
		return Node{Text: text, Null: !key}, nil
	}
	return Node{Text: text}, nil
}
