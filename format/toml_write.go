package format

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeLayout is the layout of a TOML offset date-time in UTC, with at most microseconds and without trailing zeros.
const timeLayout = "2006-01-02T15:04:05.999999Z"

// appendTOML appends the values of o, and then its tables in order.
func appendTOML(b []byte, o object) []byte {
	b = appendValues(b, o)
	return appendSections(b, nil, o, func(f field) bool { return true })
}

func appendValues(b []byte, o object) []byte {
	for _, f := range o {
		if isTable(f.value) {
			continue
		}
		b = appendPair(b, f.key, f.value)
	}
	return b
}

func appendPair(b []byte, key string, value any) []byte {
	b = appendKey(b, key)
	b = append(b, " = "...)
	b = appendTOMLValue(b, value)
	return append(b, '\n')
}

func appendSections(b []byte, path []string, o object, open func(field) bool) []byte {
	for _, f := range o {
		if !isTable(f.value) || !open(f) {
			continue
		}
		here := append(slices.Clone(path), f.key)
		switch v := f.value.(type) {
		case map[string]any:
			b = appendSection(b, here, mapObject(v))
		case object:
			b = appendSection(b, here, v)
		case []object:
			for _, item := range v {
				b = appendHeader(b, here, "[[", "]]")
				b = appendLines(b, item)
			}
		}
	}
	return b
}

func appendSection(b []byte, path []string, o object) []byte {
	b = appendHeader(b, path, "[", "]")
	b = appendLines(b, o)
	return appendSections(b, path, o, func(f field) bool { return f.section })
}

// appendLines appends one line per key. A table without a section of its own is an inline table.
func appendLines(b []byte, o object) []byte {
	for _, f := range o {
		if !f.section {
			b = appendPair(b, f.key, f.value)
		}
	}
	return b
}

func appendHeader(b []byte, path []string, left, right string) []byte {
	if len(b) > 0 {
		b = append(b, '\n')
	}
	b = append(b, left...)
	for i, key := range path {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendKey(b, key)
	}
	b = append(b, right...)
	return append(b, '\n')
}

func isTable(v any) bool {
	switch v.(type) {
	case map[string]any, object, []object:
		return true
	}
	return false
}

func appendKey(b []byte, key string) []byte {
	if isBareKey(key) {
		return append(b, key...)
	}
	return appendQuoted(b, key)
}

func isBareKey(key string) bool {
	for _, c := range []byte(key) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return key != ""
}

func appendTOMLValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendQuoted(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return appendTOMLFloat(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case time.Time:
		return v.UTC().AppendFormat(b, timeLayout)
	case []string:
		return appendTOMLList(b, v)
	case []any:
		return appendTOMLList(b, v)
	case []object:
		return appendTOMLList(b, v)
	case map[string]any:
		return appendInline(b, mapObject(v))
	case object:
		return appendInline(b, v)
	case null:
		return append(b, nullText...) // for people: no record holds one
	}
	return append(b, "nan"...) // no object holds another type
}

func appendTOMLList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendTOMLValue(b, v)
	}
	return append(b, ']')
}

func appendInline(b []byte, o object) []byte {
	b = append(b, '{')
	for i, f := range o {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendKey(b, f.key)
		b = append(b, " = "...)
		b = appendTOMLValue(b, f.value)
	}
	return append(b, '}')
}

// appendTOMLFloat appends the shortest digits that read back as v, with a point or an exponent so that the value is
// read as a float. As in Python's repr, a number from 1e-4 to 1e16 has no exponent.
func appendTOMLFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "nan"...)
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	}
	return AppendFloat(b, v)
}

// AppendFloat appends v, which must be finite, in the notation of run.toml and journals.
func AppendFloat(b []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, v, 'e', -1, 64)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, 64)
	if !bytes.ContainsRune(b[start:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

// appendQuoted appends a string on one line, as both TOML and JSON read it. It escapes control characters and the marks
// that change the direction of text, so that a review shows what the string holds.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case IsHidden(r):
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// TOMLString returns a value in TOML syntax, for messages and for commands that write one key.
func TOMLString(value any) string {
	return strings.TrimSpace(string(appendTOMLValue(nil, value)))
}

// DottedKey returns a path of keys in TOML syntax: model.kind, model."odd key". Two paths never give the same key.
func DottedKey(path []string) string {
	var b []byte
	for i, key := range path {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendKey(b, key)
	}
	return string(b)
}
