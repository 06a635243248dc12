package format

import (
	"maps"
	"slices"
	"strconv"
)

// null is a type of its own, so that its value equals no other value.
type null struct{}

// MarshalJSON returns null.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Null is the value of a param that is null. Params hold it like any other value. TOML has no null, so a record leaves
// it out and notes its path; see section 3.11 of SPEC.md.
var Null any = null{}

// nullText is what stands for a null in a list of a record.
const nullText = "null"

// withNull turns each nil in a value that was read from JSON into Null, in place.
func withNull(v any) any {
	switch v := v.(type) {
	case nil:
		return Null
	case map[string]any:
		for key, item := range v {
			v[key] = withNull(item)
		}
	case []any:
		for i, item := range v {
			v[i] = withNull(item)
		}
	}
	return v
}

// WithoutNulls returns a copy of a value without nulls, for the parts of a record that cannot note them: in a list, a
// null becomes the text "null", and in a table its key is left out. some reports whether there was one. A value that
// is null itself becomes the text.
func WithoutNulls(v any) (clean any, some bool) {
	switch v := v.(type) {
	case nil, null:
		return nullText, true
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, item := range v {
			if item == nil || item == Null {
				some = true
				continue
			}
			without, also := WithoutNulls(item)
			table[key], some = without, some || also
		}
		return table, some
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			without, also := WithoutNulls(item)
			list[i], some = without, some || also
		}
		return list, some
	}
	return v, false
}

// splitNulls returns params as TOML can hold them, and the dotted keys of the nulls in them. It changes nothing.
func splitNulls(params map[string]any) (clean map[string]any, nulls []string) {
	if !hasNull(params) {
		return params, nil
	}
	clean = make(map[string]any, len(params))
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if v, ok := splitNull(params[key], string(appendKey(nil, key)), &nulls); ok {
			clean[key] = v
		}
	}
	return clean, nulls
}

// splitNull returns a value without the nulls in it. ok is false if nothing is left, unless the value is in a list.
func splitNull(v any, at string, nulls *[]string) (clean any, ok bool) {
	switch v := v.(type) {
	case null:
		*nulls = append(*nulls, at)
		return nullText, false
	case map[string]any:
		table := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if item, ok := splitNull(v[key], at+"."+string(appendKey(nil, key)), nulls); ok {
				table[key] = item
			}
		}
		return table, len(table) > 0 || len(v) == 0
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i], _ = splitNull(item, at+"."+strconv.Itoa(i), nulls)
		}
		return list, true
	}
	return v, true
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case null:
		return true
	case map[string]any:
		for _, item := range v {
			if hasNull(item) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasNull)
	}
	return false
}

// joinNulls sets the params at the dotted keys to Null, in place. It returns the keys of which the params say
// otherwise. Earlier versions recorded a param that became null, or ceased to be null, as both.
func joinNulls(params map[string]any, nulls []string) (rest []string) {
	for _, dotted := range nulls {
		path, err := ParseKeyPath(dotted)
		if err != nil || !joinNull(params, path) {
			rest = append(rest, dotted)
		}
	}
	return rest
}

// joinNull reports whether it could set a param to Null.
func joinNull(table map[string]any, path []string) bool {
	v, ok := table[path[0]]
	if !ok {
		var leaf any = Null
		for _, key := range slices.Backward(path[1:]) {
			leaf = map[string]any{key: leaf}
		}
		table[path[0]] = leaf
		return true
	}
	if len(path) == 1 {
		return v == Null
	}
	for i := 1; ; i++ {
		switch in := v.(type) {
		case map[string]any:
			return joinNull(in, path[i:])
		case []any:
			n, err := strconv.Atoi(path[i])
			if err != nil || n < 0 || n >= len(in) || strconv.Itoa(n) != path[i] {
				return false
			}
			if i == len(path)-1 {
				if in[n] != nullText && in[n] != Null {
					return false
				}
				in[n] = Null
				return true
			}
			v = in[n]
		default:
			return false
		}
	}
}
