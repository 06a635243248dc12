package format

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"time"
	"unicode/utf8"

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

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
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
		item := table{t.reader, t.at(key + "[" + itoa(i) + "]"), m}
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

// CheckKey reports why a metric key, or one part of a param's or tag's name, is not allowed, or nil.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("the key is longer than %d bytes", MaxKeyBytes)
	case isPlain(key): // journals check every key of every line
		return nil
	case !utf8.ValidString(key):
		return errors.New("the key is not UTF-8")
	}
	for _, r := range key {
		if IsHidden(r) {
			return fmt.Errorf("the key %q has a control character", key)
		}
	}
	return nil
}

// isPlain holds for printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cleanValue checks a value from outside and gives it the types of Run.Params. It returns the path of what is wrong.
func cleanValue(v any, at []string, depth int, leaves *int, times bool) (any, []string, string) {
	if depth > MaxDepth {
		return nil, at, fmt.Sprintf("nested deeper than %d", MaxDepth)
	}
	if *leaves++; *leaves > MaxParams {
		return nil, at, fmt.Sprintf("more than %d values", MaxParams)
	}
	switch v := v.(type) {
	case int64, float64, bool:
		return v, nil, ""
	case string:
		if !utf8.ValidString(v) {
			return nil, at, "not UTF-8"
		}
		return v, nil, ""
	case time.Time:
		if times {
			return v, nil, ""
		}
		return nil, at, "a time; write it as a string"
	case map[string]any:
		for key := range v {
			if at, reason := cleanEntry(v, key, at, depth, leaves, times); reason != "" {
				return nil, at, reason
			}
		}
		return v, nil, ""
	case []map[string]any:
		list := make([]any, len(v))
		for i, m := range v {
			list[i] = m
		}
		return cleanValue(list, at, depth, leaves, times)
	case []any:
		for i := range v {
			clean, path, reason := cleanValue(v[i], at, depth+1, leaves, times)
			if reason != "" {
				return nil, path, reason
			}
			v[i] = clean
		}
		return v, nil, ""
	}
	return nil, at, fmt.Sprintf("a value of type %T", v)
}

// cleanEntry checks one key of a table and its value.
func cleanEntry(m map[string]any, key string, at []string, depth int, leaves *int, times bool) ([]string, string) {
	if err := CheckKey(key); err != nil {
		return append(at[:len(at):len(at)], key), err.Error()
	}
	switch m[key].(type) {
	case int64, float64, bool: // the usual ones need no path
		*leaves++
		if *leaves <= MaxParams {
			return nil, ""
		}
	}
	clean, path, reason := cleanValue(m[key], append(at[:len(at):len(at)], key), depth+1, leaves, times)
	if reason == "" {
		m[key] = clean
	}
	return path, reason
}

// CheckPath reports why p is not a relative, slash-separated path that stays below its root on every system, or nil.
func CheckPath(p string) error {
	switch {
	case p == "" || p == ".":
		return errors.New("the path is empty")
	case len(p) > 4096:
		return errors.New("the path is longer than 4096 bytes")
	case !utf8.ValidString(p):
		return errors.New("the path is not UTF-8")
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("the path %q is absolute", p)
	case strings.ContainsAny(p, "\\:"):
		return fmt.Errorf("the path %q has a backslash or a colon", p)
	case path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../"):
		return fmt.Errorf("the path %q is not clean", p)
	}
	for _, r := range p {
		if IsHidden(r) {
			return fmt.Errorf("the path %q has a control character", p)
		}
	}
	for part := range strings.SplitSeq(p, "/") {
		if isReserved(part) {
			return fmt.Errorf("the path %q has a name that a file system reserves", p)
		}
	}
	return nil
}

// isReserved names what means something else on one of the systems: .git in any case or short form, a trailing dot or
// blank, and the devices of Windows.
func isReserved(name string) bool {
	lower := strings.ToLower(name)
	if lower == ".git" || lower == "git~1" || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return true
	}
	stem, _, _ := strings.Cut(lower, ".")
	switch stem {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")) && stem[3] >= '0' && stem[3] <= '9'
}

// sameFloat holds for equal numbers and for two NaN.
func sameFloat(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
