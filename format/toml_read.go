package format

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// FileError is an error in the content of a file, with its place.
type FileError struct {
	File   string
	Line   int // counting from 1; 0 if the error has no line
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// parseTOML parses a file of at most limit bytes. Every error is a *FileError.
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

// reader holds the first error in a file while its keys are taken.
type reader struct {
	file string
	data []byte
	err  error
	// unknown are keys of a config.toml that were not taken.
	unknown []UnknownKey
}

func (r *reader) fail(path []string, format string, args ...any) {
	if r.err == nil {
		r.err = &FileError{
			File: r.file, Line: lineOf(r.data, path), Reason: fmt.Sprintf("%s: ", dotted(path)) + fmt.Sprintf(format, args...),
		}
	}
}

// dotted shows a path as in TOML, but with the number of a [[table]]: datasets[1].path.
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

// table is a table of the file. Known keys are taken from it; those that remain are unknown.
type table struct {
	*reader
	path []string
	m    map[string]any
}

// at returns the path of a key.
func (t table) at(key string) []string { return append(t.path[:len(t.path):len(t.path)], key) }

// take removes key and returns its value as a T. It fails if the value has another type.
func take[T any](t table, key, kind string) (T, bool) {
	var zero T
	v, ok := t.m[key]
	if !ok {
		return zero, false
	}
	delete(t.m, key)
	got, ok := v.(T)
	if !ok {
		t.fail(t.at(key), "must be %s, got %s", kind, kindOf(v))
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
		t.fail(t.at(key), "must not be empty: leave the key out instead")
	}
	if len(s) > MaxTextBytes {
		t.fail(t.at(key), "must not be longer than %d bytes", MaxTextBytes)
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
		t.fail(t.at(key), "must not be negative")
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
		t.fail(t.at(key), "must be in UTC and end in Z")
	}
	if v.Nanosecond()%1000 != 0 {
		t.fail(t.at(key), "must not be finer than a microsecond")
	}
	if v.Year() < 1970 || v.Year() > 9999 {
		t.fail(t.at(key), "must be between 1970 and 9999")
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
			t.fail(t.at(key), "must be a list of strings, but has %s", kindOf(v))
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

// each calls read for each table of a list of tables. It returns the keys in these tables that were not taken.
func (t table) each(key string, read func(table)) []any {
	v, ok := t.m[key]
	if !ok {
		return nil
	}
	delete(t.m, key)
	list, ok := v.([]map[string]any)
	if !ok {
		t.fail(t.at(key), "must be a list of tables, got %s", kindOf(v))
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

// rest returns the keys that were not taken, and checks them like params.
func (t table) rest() map[string]any {
	if len(t.m) == 0 {
		return nil
	}
	return t.values(t.m, true)
}

// values checks the values in m, which may be times if times is true.
func (t table) values(m map[string]any, times bool) map[string]any {
	leaves := 0
	v, path, reason := cleanValue(m, t.path, 0, &leaves, times)
	if reason != "" {
		t.fail(path, "%s", reason)
		return nil
	}
	return v.(map[string]any)
}
