package format

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// CheckParams checks params that another program made, and converts their values to the types of Params in place. An
// error contains the path of the param.
func CheckParams(params map[string]any) error {
	leaves := 0
	if _, at, reason := cleanValue(params, nil, 0, &leaves, false); reason != "" {
		return fmt.Errorf("param %s: %s", dotted(at), reason)
	}
	return nil
}

// cleanValue checks a value that another program made, and returns it with the types of Params. If the value is not
// valid, cleanValue returns the path and the reason. It adds the number of values to leaves. times says whether a
// value may be a time.
func cleanValue(v any, at []string, depth int, leaves *int, times bool) (any, []string, string) {
	if depth > MaxDepth {
		return nil, at, fmt.Sprintf("nested deeper than %d levels", MaxDepth)
	}
	if *leaves++; *leaves > MaxParams {
		return nil, at, fmt.Sprintf("more than %d values", MaxParams)
	}
	switch v := v.(type) {
	case int64, float64, bool, null:
		return v, nil, ""
	case string:
		if !utf8.ValidString(v) {
			return nil, at, "must be UTF-8"
		}
		return v, nil, ""
	case time.Time:
		if times {
			return v, nil, ""
		}
		return nil, at, "must not be a time: write it as a string"
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
	return nil, at, fmt.Sprintf("must not be a value of type %T", v)
}

// cleanEntry checks one key of a table, and its value.
func cleanEntry(m map[string]any, key string, at []string, depth int, leaves *int, times bool) ([]string, string) {
	if err := CheckKey(key); err != nil {
		return append(at[:len(at):len(at)], key), err.Error()
	}
	plain := false
	switch v := m[key].(type) {
	case int64, float64, bool: // the usual types need no path
		plain = true
	case string:
		plain = depth < MaxDepth && utf8.ValidString(v)
	}
	if plain && *leaves < MaxParams {
		*leaves++
		return nil, ""
	}
	clean, path, reason := cleanValue(m[key], append(at[:len(at):len(at)], key), depth+1, leaves, times)
	if reason == "" {
		m[key] = clean
	}
	return path, reason
}

// CountValues counts a value as MaxParams does: the value itself, and every value in its tables and lists.
func CountValues(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			n += CountValues(item)
		}
	case []any:
		for _, item := range v {
			n += CountValues(item)
		}
	}
	return n
}

// IsNumber reports whether a value of params is an integer or a float.
func IsNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// EqualValue reports whether two values of params are equal. 1 equals 1.0, and NaN equals NaN.
func EqualValue(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !EqualValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key := range a {
			other, ok := b[key]
			if !ok || !EqualValue(a[key], other) {
				return false
			}
		}
		return true
	case int64:
		switch b := b.(type) {
		case int64:
			return a == b
		case float64:
			return float64(a) == b && int64(b) == a
		}
		return false
	case float64:
		switch b := b.(type) {
		case float64:
			return sameFloat(a, b)
		case int64:
			return EqualValue(b, a)
		}
		return false
	}
	return a == b
}

// sameFloat reports whether a and b are equal or both NaN.
func sameFloat(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
