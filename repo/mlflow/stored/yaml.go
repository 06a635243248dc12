package stored

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a meta.yaml file.
const (
	maxYAMLBytes = 1 << 20
	maxYAMLDepth = 4
)

// node is a value of a meta.yaml file: a scalar or a mapping.
type node struct {
	text string // of a scalar
	null bool   // the value is null, or a list, which no key that matters has
	keys map[string]node
}

// parseYAML reads the part of YAML that MLflow writes: mappings in block style, scalars that are plain, quoted or
// blocks, and empty lists. Other lists and flow mappings are skipped; their values are null. Anything else is an
// error. The top level is a mapping. https://yaml.org/spec/1.1/
func parseYAML(data []byte) (map[string]node, error) {
	if len(data) > maxYAMLBytes {
		return nil, fmt.Errorf("it is longer than %d bytes", maxYAMLBytes)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	y := &yaml{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	top, err := y.mapping(0, 0)
	if err == nil && y.skipBlank() {
		err = y.fault("is not part of the mapping")
	}
	return top, err
}

type yaml struct {
	lines []string
	at    int
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
func (y *yaml) mapping(column, depth int) (map[string]node, error) {
	if depth >= maxYAMLDepth {
		return nil, y.fault("is nested too deeply")
	}
	keys := map[string]node{}
	for y.skipBlank() {
		line := y.lines[y.at]
		if indent(line) < column {
			break
		}
		key, rest, err := splitKey(line[column:])
		if err != nil || indent(line) > column {
			return nil, y.fault("is not a key and a value")
		}
		value, err := y.value(rest, column, depth)
		if err != nil {
			return nil, err
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
func (y *yaml) value(rest string, column, depth int) (node, error) {
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
		return y.flow(rest)
	case '|', '>':
		return y.block(rest, column)
	case '*':
		return node{}, y.fault("has an alias, which MLflow does not write")
	}
	return y.plain(rest, column), nil
}

// below reads a value that begins after the line of its key: a mapping or a list. A list is skipped.
func (y *yaml) below(column, depth int) (node, error) {
	y.at++
	if !y.skipBlank() {
		return node{null: true}, nil
	}
	line := y.lines[y.at]
	in := indent(line)
	switch {
	case in >= column && isItem(line[in:]):
		for y.skipBlank() {
			line := y.lines[y.at]
			if at := indent(line); at < in || at == in && !isItem(line[in:]) {
				break
			}
			y.at++
		}
		return node{null: true}, nil
	case in > column:
		keys, err := y.mapping(in, depth+1)
		return node{keys: keys}, err
	}
	return node{null: true}, nil
}

// plain reads a scalar without quotes. Lines that are indented more belong to it.
func (y *yaml) plain(rest string, column int) node {
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
		return node{null: true}
	}
	return node{text: text}
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
func (y *yaml) quoted(rest string) (node, error) {
	begin, blank := y.at, 0
	mark := rest[:1]
	text := []byte(rest)
	for open := quotedEnd(rest) < 0; open; {
		if y.at++; y.at >= len(y.lines) {
			y.at = begin
			return node{}, y.fault("has a quoted text without an end")
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
		return node{}, y.fault("goes on after a quoted text")
	}
	s, err := unquote(string(text[:end]))
	if err != nil {
		return node{}, y.fault(err.Error())
	}
	y.at++
	return node{text: s}, nil
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

// flow skips a list or mapping in brackets.
func (y *yaml) flow(rest string) (node, error) {
	begin := y.at
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
			return node{null: true}, nil
		}
		if y.at >= len(y.lines) {
			y.at = begin
			return node{}, y.fault("has a list without an end")
		}
		text = y.lines[y.at]
	}
}

// block reads a scalar of whole lines: | keeps line breaks, > joins lines.
func (y *yaml) block(head string, column int) (node, error) {
	if strings.Trim(uncomment(head)[1:], "+-0123456789") != "" {
		return node{}, y.fault("has an unknown kind of text")
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
	sep := "\n"
	if head[0] == '>' {
		sep = " "
	}
	text := strings.TrimRight(strings.Join(lines, sep), "\n ")
	if !strings.Contains(head, "-") {
		text += "\n"
	}
	return node{text: text}, nil
}
