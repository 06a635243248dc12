package format

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/BurntSushi/toml"
)

// SetConfig sets one key of a TOML file and returns the new file. All other bytes stay the same, including comments,
// order and line ends. If the key is missing, SetConfig adds it at the end of its table, or in a new table at the end
// of the file. The first key before all tables goes before a table that is commented out. SetConfig returns an error if
// this would change another key.
func SetConfig(data []byte, path []string, value any) ([]byte, error) {
	if reason := checkTOML(data); reason != "" {
		return nil, errors.New(reason)
	}
	var before map[string]any
	if _, err := toml.Decode(string(data), &before); err != nil {
		return nil, fmt.Errorf("the file is not valid TOML: %w", err)
	}
	edited := setTOML(data, path, value)
	var after map[string]any
	if _, err := toml.Decode(string(edited), &after); err != nil {
		return nil, fmt.Errorf("%s cannot be set without changing the layout: edit the file by hand", DottedKey(path))
	}
	if got, ok := Params(after).Get(path...); !ok || !EqualValue(got, value) {
		return nil, fmt.Errorf("%s cannot be set without changing the layout: edit the file by hand", DottedKey(path))
	}
	deletePath(before, path)
	deletePath(after, path)
	if !reflect.DeepEqual(before, after) && TOMLString(before) != TOMLString(after) {
		return nil, fmt.Errorf("%s cannot be set without changing other keys: edit the file by hand", DottedKey(path))
	}
	return edited, nil
}

func setTOML(data []byte, path []string, value any) []byte {
	text := appendTOMLValue(nil, value)
	entries := scanTOML(data)
	newline := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		newline = "\r\n"
	}
	// The key itself.
	for _, e := range entries {
		if !e.header && slices.Equal(e.path, path) {
			return slices.Concat(data[:e.value], text, data[e.end:])
		}
	}
	// An inline table that the key is or belongs in.
	for n := len(path) - 1; n > 0; n-- {
		for _, e := range entries {
			if !e.header && slices.Equal(e.path, path[:n]) && data[e.value] == '{' {
				return setInline(data, e, path[n:], text)
			}
		}
	}
	// The table of the key.
	table := path[:len(path)-1]
	best, at := -1, 0
	for i, e := range entries {
		if e.header && slices.Equal(e.path, table) {
			best, at = len(table), tableEnd(data, entries, i)
		}
	}
	if best < 0 && len(table) == 0 {
		best, at = 0, tableEnd(data, entries, -1)
	}
	if best >= 0 {
		line := slices.Concat(appendKey(nil, path[len(path)-1]), []byte(" = "), text, []byte(newline))
		return slices.Concat(endLine(data[:at], newline), line, data[at:])
	}
	header := appendHeader(nil, table, "[", "]")
	header = bytes.ReplaceAll(header, []byte("\n"), []byte(newline))
	out := endLine(slices.Clone(data), newline)
	if len(out) > 0 {
		out = append(out, newline...)
	}
	out = append(out, header...)
	out = appendKey(out, path[len(path)-1])
	out = append(out, " = "...)
	out = append(out, text...)
	return append(out, newline...)
}

// endLine returns data, with a line end added if its last line has none.
func endLine(data []byte, newline string) []byte {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return append(slices.Clone(data), newline...)
	}
	return data
}

// tableEnd returns the offset after the last key of the table whose header is entry i. For the keys before the first
// header, i is -1. If there are none, it returns the offset of the first header, also of one that is commented out: a
// key after that would move into the table once somebody removes the comment sign.
func tableEnd(data []byte, entries []tomlEntry, i int) int {
	last := -1
	if i >= 0 {
		last = entries[i].end
	}
	for _, e := range entries[i+1:] {
		if e.header {
			if last < 0 {
				return commentedTable(data[:e.start])
			}
			break
		}
		last = e.end
	}
	if last < 0 {
		return commentedTable(data)
	}
	if next := bytes.IndexByte(data[last:], '\n'); next >= 0 {
		return last + next + 1
	}
	return len(data)
}

// commentedTable returns the offset of the first header that is commented out, and of the blank lines before it. data
// has only comments. Without such a header, it returns the length of data.
func commentedTable(data []byte) int {
	blank := -1 // where the blank lines before a line begin
	for at := 0; at < len(data); {
		end := len(data)
		if next := bytes.IndexByte(data[at:], '\n'); next >= 0 {
			end = at + next + 1
		}
		line := bytes.TrimSpace(data[at:end])
		switch comment, ok := bytes.CutPrefix(line, []byte("#")); {
		case len(line) == 0 && blank < 0:
			blank = at
		case ok && bytes.HasPrefix(bytes.TrimLeft(comment, " \t"), []byte("[")):
			if blank >= 0 {
				return blank
			}
			return at
		case len(line) > 0:
			blank = -1
		}
		at = end
	}
	return len(data)
}

// setInline sets a key in an inline table. It adds a new key at the end of the table.
func setInline(data []byte, e tomlEntry, path []string, text []byte) []byte {
	body := data[e.value+1 : e.end-1]
	for i := 0; i < len(body); {
		i = skipBlank(body, i)
		key, at := scanKey(body, i)
		at = skipBlank(body, min(at+1, len(body)))
		end := inlineEnd(body, at)
		if slices.Equal(key, path) {
			return slices.Concat(data[:e.value+1], body[:at], text, body[end:], data[e.end-1:])
		}
		if len(key) < len(path) && slices.Equal(key, path[:len(key)]) && at < len(body) && body[at] == '{' {
			inner := tomlEntry{value: e.value + 1 + at, end: e.value + 1 + end}
			return setInline(data, inner, path[len(key):], text)
		}
		i = end + 1
	}
	pair := append([]byte(DottedKey(path)), " = "...)
	pair = append(pair, text...)
	if len(bytes.TrimSpace(body)) > 0 {
		pair = slices.Concat(bytes.TrimRight(body, " \t"), []byte(", "), pair)
	}
	return slices.Concat(data[:e.value+1], pair, data[e.end-1:])
}

// inlineEnd returns the offset after the value at i in the body of an inline table.
func inlineEnd(body []byte, i int) int {
	depth := 0
	for i < len(body) {
		switch c := body[i]; {
		case c == '"' || c == '\'':
			i = skipString(body, i)
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			return i
		}
		i++
	}
	return trimEnd(body, i)
}

// deletePath removes a key, and the tables that become empty.
func deletePath(m map[string]any, path []string) {
	if len(path) == 1 {
		delete(m, path[0])
		return
	}
	if sub, ok := m[path[0]].(map[string]any); ok {
		deletePath(sub, path[1:])
		if len(sub) == 0 {
			delete(m, path[0])
		}
	}
}
