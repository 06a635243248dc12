package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// FileError says what is wrong in a file, and where.
type FileError struct {
	File   string
	Line   int // counting from 1; 0 where no line is meant
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// parseTOML reads a whole file strictly: UTF-8, LF, at most limit bytes.
func parseTOML(file string, data []byte, limit int) (map[string]any, error) {
	if err := checkFile(file, data, limit); err != nil {
		return nil, err
	}
	if m, ok := fastTOML(data); ok {
		return m, nil
	}
	if reason := checkTOML(data); reason != "" {
		return nil, &FileError{File: file, Reason: reason}
	}
	var m map[string]any
	if _, err := toml.Decode(string(data), &m); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, &FileError{File: file, Line: parse.Position.Line, Reason: strings.TrimSuffix(parse.Message, ".")}
		}
		return nil, &FileError{File: file, Reason: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	return m, nil
}

func lineAt(data []byte, offset int) int {
	return 1 + strings.Count(string(data[:offset]), "\n")
}

// reader takes the known keys out of parsed TOML and remembers the first thing that is wrong.
type reader struct {
	file string
	data []byte
	err  error
}

func (r *reader) fail(path []string, format string, args ...any) {
	if r.err == nil {
		r.err = &FileError{File: r.file, Line: lineOf(r.data, path), Reason: fmt.Sprintf("%s: ", dotted(path)) + fmt.Sprintf(format, args...)}
	}
}

// dotted shows a path as one writes it in TOML.
func dotted(path []string) string {
	var b []byte
	for i, key := range path {
		if i > 0 {
			b = append(b, '.')
		}
		if name, number, ok := strings.Cut(key, "["); ok && strings.HasSuffix(number, "]") && isBareKey(name) {
			b = append(b, key...)
		} else {
			b = appendKey(b, key)
		}
	}
	return string(b)
}

// table is a part of the file from which keys are taken; what remains at the end is unknown.
type table struct {
	*reader
	path []string
	m    map[string]any
}

func (t table) at(key string) []string { return append(t.path[:len(t.path):len(t.path)], key) }

// take removes key and returns its value as a T.
func take[T any](t table, key, kind string) (T, bool) {
	var zero T
	v, ok := t.m[key]
	if !ok {
		return zero, false
	}
	delete(t.m, key)
	got, ok := v.(T)
	if !ok {
		t.fail(t.at(key), "%s, not %s", kindOf(v), kind)
		return zero, false
	}
	return got, true
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

func (t table) text(key string) string {
	s, ok := take[string](t, key, "a string")
	if ok && s == "" {
		t.fail(t.at(key), "empty; what is absent is left out")
	}
	if len(s) > MaxTextBytes {
		t.fail(t.at(key), "longer than %d bytes", MaxTextBytes)
	}
	return s
}

func (t table) needText(key string) string {
	if _, ok := t.m[key]; !ok {
		t.fail(t.at(key), "missing")
	}
	return t.text(key)
}

func (t table) integer(key string) int64 {
	v, _ := take[int64](t, key, "an integer")
	return v
}

func (t table) size(key string) int64 {
	v := t.integer(key)
	if v < 0 {
		t.fail(t.at(key), "negative")
	}
	return v
}

func (t table) boolean(key string) bool {
	v, _ := take[bool](t, key, "a boolean")
	return v
}

func (t table) float(key string) float64 {
	v, _ := take[float64](t, key, "a float")
	return v
}

func (t table) has(key string) bool { _, ok := t.m[key]; return ok }

func (t table) time(key string) time.Time {
	v, ok := take[time.Time](t, key, "a time")
	if !ok {
		return time.Time{}
	}
	if v.Location() != time.UTC {
		t.fail(t.at(key), "not in UTC; a time ends in Z")
	}
	if v.Nanosecond()%1000 != 0 {
		t.fail(t.at(key), "finer than a microsecond")
	}
	if v.Year() < 1970 || v.Year() > 9999 {
		t.fail(t.at(key), "outside the years 1970 to 9999")
	}
	return v
}

func (t table) texts(key string) []string {
	list, ok := take[[]any](t, key, "a list of strings")
	if !ok {
		return nil
	}
	texts := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			t.fail(t.at(key), "%s in a list of strings", kindOf(v))
			return nil
		}
		texts[i] = s
	}
	return texts
}

func (t table) sub(key string) (table, bool) {
	m, ok := take[map[string]any](t, key, "a table")
	return table{t.reader, t.at(key), m}, ok
}

// each calls read for every table of a list of tables and returns what was unknown in them.
func (t table) each(key string, read func(table)) []any {
	v, ok := t.m[key]
	if !ok {
		return nil
	}
	delete(t.m, key)
	list, ok := v.([]map[string]any)
	if !ok {
		t.fail(t.at(key), "%s, not a list of tables", kindOf(v))
		return nil
	}
	var unknown []any
	some := false
	for i, m := range list {
		item := table{t.reader, t.at(key + "[" + strconv.Itoa(i) + "]"), m}
		read(item)
		rest := item.rest()
		some = some || len(rest) > 0
		unknown = append(unknown, rest)
	}
	if !some {
		return nil
	}
	return unknown
}

// rest returns the keys that nobody took, checked as params are.
func (t table) rest() map[string]any {
	if len(t.m) == 0 {
		return nil
	}
	return t.values(t.m, true)
}

func (t table) values(m map[string]any, times bool) map[string]any {
	leaves := 0
	v, path, reason := cleanValue(m, t.path, 0, &leaves, times)
	if reason != "" {
		t.fail(path, "%s", reason)
		return nil
	}
	return v.(map[string]any)
}
