package format

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// ParseParam parses a KEY=VALUE argument of a command line. KEY is a dotted key as in TOML, and VALUE is a literal for
// ParseLiteral.
func ParseParam(s string) (path []string, value any, err error) {
	key, text, err := splitPair(s)
	if err != nil {
		return nil, nil, err
	}
	path, err = ParseKeyPath(key)
	if err != nil {
		return nil, nil, err
	}
	leaves := 0
	value, at, reason := cleanValue(ParseLiteral(text), path, 0, &leaves, false)
	if reason != "" {
		return nil, nil, fmt.Errorf("%s: %s", dotted(at), reason)
	}
	return path, value, nil
}

// splitPair splits s at the first equals sign that is not in quotes.
func splitPair(s string) (key, value string, err error) {
	quoted := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case (c == '"' || c == '\'') && (i == 0 || s[i-1] == '.'):
			quoted = c
		case c == '=':
			return strings.TrimSpace(s[:i]), s[i+1:], nil
		}
	}
	return "", "", errors.New("expected KEY=VALUE")
}

// ParseKeyPath splits a dotted key into its parts. A part may be quoted as in TOML. It must be quoted if it contains a
// dot.
func ParseKeyPath(key string) ([]string, error) {
	var path []string
	for i := 0; ; {
		var part string
		if i < len(key) && (key[i] == '"' || key[i] == '\'') {
			end := skipString([]byte(key), i)
			part = unquote([]byte(key[i:end]))
			i = end
			if i < len(key) && key[i] != '.' {
				return nil, fmt.Errorf("the key %s continues after its closing quote", key)
			}
		} else {
			end := strings.IndexByte(key[i:], '.')
			if end < 0 {
				end = len(key) - i
			}
			part = key[i : i+end]
			i += end
		}
		if err := CheckKey(part); err != nil {
			return nil, err
		}
		path = append(path, part)
		if i >= len(key) {
			break
		}
		i++
	}
	if len(path) > MaxDepth {
		return nil, fmt.Errorf("the key %s is nested deeper than %d levels", key, MaxDepth)
	}
	return path, nil
}

// ParseLiteral parses a value on a command line: a TOML literal, or a number, boolean, infinity or NaN as Python
// prints it. None and null are Null. Everything else, including a date, is a string.
func ParseLiteral(s string) any {
	text := strings.TrimSpace(s)
	switch text {
	case "":
		return s
	case "None", "null":
		return Null
	case "True":
		return true
	case "False":
		return false
	}
	if v, ok := specialFloat(text); ok {
		return v
	}
	if strings.ContainsAny(text, "\n\r") {
		return s
	}
	switch c := text[0]; {
	case c == '"', c == '\'', c == '[', c == '{', c == 't', c == 'f', c == '+', c == '-', c == '.', c >= '0' && c <= '9':
	default:
		return s
	}
	if checkTOML([]byte(text)) != "" {
		return s
	}
	var m map[string]any
	if _, err := toml.Decode("v = "+text, &m); err == nil && len(m) == 1 {
		switch v := m["v"].(type) {
		case int64, float64, bool, string:
			return v
		case []any, []map[string]any, map[string]any:
			leaves := 0
			if clean, _, reason := cleanValue(v, nil, 0, &leaves, false); reason == "" {
				return clean
			}
		}
		return s // a date or time
	}
	// .1 and 1. are numbers in most languages but not in TOML. 0123 stays a string: it may be a name.
	c := strings.TrimLeft(text, "+-")
	if strings.HasPrefix(c, ".") || strings.HasSuffix(c, ".") ||
		strings.ContainsAny(c, "eE") && !strings.HasPrefix(c, "0x") {
		if v, ok := decimal(text); ok {
			return v
		}
	}
	return s
}

// specialFloat parses NaN and the infinities in their usual spellings.
func specialFloat(s string) (float64, bool) {
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		s, sign = s[1:], -1
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	switch s {
	case "nan", "NaN", "NAN":
		return math.NaN(), true
	case "inf", "Inf", "INF", "Infinity", "infinity":
		return math.Inf(sign), true
	}
	return 0, false
}

// decimal parses a finite decimal number.
func decimal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// ParseMetric parses a KEY=NUMBER argument of a command line. It splits the argument at the first equals sign.
func ParseMetric(s string) (key string, value float64, err error) {
	key, text, ok := strings.Cut(s, "=")
	if !ok {
		return "", 0, errors.New("expected KEY=NUMBER")
	}
	if err := CheckKey(key); err != nil {
		return "", 0, err
	}
	if v, ok := specialFloat(text); ok {
		return key, v, nil
	}
	v, ok := decimal(text)
	if !ok {
		return "", 0, fmt.Errorf("%q is not a number", text)
	}
	return key, v, nil
}

// ParseTag parses a KEY[=VALUE] argument of a command line. Without a value, the value of the tag is "yes".
func ParseTag(s string) (key, value string, err error) {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		value = "yes"
	}
	if err := CheckKey(key); err != nil {
		return "", "", err
	}
	return key, value, CheckText(value)
}
