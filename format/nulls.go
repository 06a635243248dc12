package format

import (
	"maps"
	"slices"
)

// TOML has no null. A param that is null is therefore left out, and its path is noted in Nulls.

// dropNulls removes the nulls from nested params and returns nulls with their dotted paths. A null in a list becomes
// the string "null".
func dropNulls(m map[string]any, prefix string, nulls []string) []string {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch v := m[key].(type) {
		case nil:
			nulls = append(nulls, prefix+string(appendKey(nil, key)))
			delete(m, key)
		case map[string]any:
			nulls = dropNulls(v, prefix+string(appendKey(nil, key))+".", nulls)
		case []any:
			nameNulls(v)
		}
	}
	return nulls
}

// WithoutNulls removes the nulls from a value that was read from JSON, so that TOML can hold it. It changes tables and
// lists in place.
func WithoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		dropNulls(v, "", nil)
	case []any:
		nameNulls(v)
	}
	return v
}

func nameNulls(list []any) {
	for i, v := range list {
		switch v := v.(type) {
		case nil:
			list[i] = "null"
		case []any:
			nameNulls(v)
		case map[string]any:
			dropNulls(v, "", nil)
		}
	}
}

// withNulls returns a copy of params with a null at each of the dotted paths. It does not change the tables in params.
func withNulls(params Params, nulls []string) map[string]any {
	out := maps.Clone(map[string]any(params))
	if out == nil {
		out = map[string]any{}
	}
	for _, dotted := range nulls {
		path, err := ParseKeyPath(dotted)
		if err != nil {
			continue // not a path that Parse or ParseParam returned
		}
		at := out
		for _, key := range path[:len(path)-1] {
			next, ok := at[key].(map[string]any)
			if !ok && at[key] != nil {
				at = nil
				break
			}
			next = maps.Clone(next)
			if next == nil {
				next = map[string]any{}
			}
			at[key] = next
			at = next
		}
		if last := path[len(path)-1]; at != nil && at[last] == nil {
			at[last] = nil
		}
	}
	return out
}
