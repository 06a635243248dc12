package diff

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
)

// Value is a key with its value on each side. The value is nil if a side lacks the key, and format.Null for a param
// that is null.
type Value struct {
	Key  string
	A, B any
}

// Same reports whether both sides have the same value. Unless strict, 1 equals 1.0. NaN equals NaN.
func (v Value) Same(strict bool) bool { return equal(v.A, v.B, strict) }

// values pairs the values of two sides by their keys, sorted. It leaves out equal ones unless all are asked for.
func (o Options) values(a, b map[string]any) []Value {
	keys := map[string]any{}
	maps.Copy(keys, a)
	maps.Copy(keys, b)
	var list []Value
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		v := Value{key, a[key], b[key]}
		if o.All || !v.Same(o.Strict) {
			list = append(list, v)
		}
	}
	return list
}

// flat returns nested params by their dotted keys. It does not split lists.
func flat(params format.Params) map[string]any {
	out := make(map[string]any, len(params))
	for path, v := range params.Leaves() {
		out[format.DottedKey(path)] = v
	}
	return out
}

func texts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		out[key] = v
	}
	return out
}

func artifacts(r *format.Run) map[string]any {
	out := make(map[string]any, len(r.Artifacts))
	for _, a := range r.Artifacts {
		out[a.Path] = a.SHA256
	}
	return out
}

func attributes(r *format.Run) map[string]any {
	out := map[string]any{"status": string(r.Status)}
	if len(r.Command) > 0 {
		list := make([]any, len(r.Command))
		for i, arg := range r.Command {
			list[i] = arg
		}
		out["command"] = list
	}
	if r.Cwd != "" {
		out["cwd"] = r.Cwd
	}
	if r.ExitCode != nil {
		out["exit_code"] = *r.ExitCode
	}
	return out
}

// equal compares two values. Unless strict, an integer equals a float of the same value.
func equal(a, b any, strict bool) bool {
	x, variesA := a.(Several)
	y, variesB := b.(Several)
	switch {
	case variesA && variesB:
		return x.equal(y, strict)
	case variesA || variesB:
		return false
	}
	return format.EqualValue(a, b) && (!strict || sameTypes(a, b))
}

// sameTypes reports whether two equal values have the same types, also within lists and tables.
func sameTypes(a, b any) bool {
	switch x := a.(type) {
	case int64:
		_, ok := b.(int64)
		return ok
	case float64:
		_, ok := b.(float64)
		return ok
	case []any:
		return slices.EqualFunc(x, b.([]any), sameTypes)
	case map[string]any:
		return maps.EqualFunc(x, b.(map[string]any), sameTypes)
	}
	return true
}
