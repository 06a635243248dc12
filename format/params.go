package format

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Params are nested params. Each value is an int64, float64, bool, string or []any, or a table of type map[string]any.
// A leaf is a value that is not a table, or an empty table. A nil Params can be read but not set.
type Params map[string]any

// Get returns the value at a path. It may be a table.
func (p Params) Get(path ...string) (any, bool) {
	var v any = map[string]any(p)
	for _, key := range path {
		table, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = table[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Find returns the value for a key with dots. A dot may be part of a name: "a.b" is the param with that name if there
// is one, and otherwise b in the table a. If several tables match, the one with the shortest name wins.
func (p Params) Find(key string) (any, bool) {
	if v, ok := p[key]; ok {
		return v, true
	}
	for i := range len(key) {
		if key[i] != '.' {
			continue
		}
		if table, ok := p[key[:i]].(map[string]any); ok {
			if v, ok := Params(table).Find(key[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// Set sets a param to value and creates the tables on its path. It returns an error and changes nothing if a part of
// the path is already a value, or if value would replace a table that is not empty.
func (p Params) Set(path []string, value any) error {
	last := len(path) - 1
	into, depth := p, 0
	for ; depth < last; depth++ {
		v, ok := into[path[depth]]
		if !ok {
			break
		}
		table, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is a value and cannot hold %s", DottedKey(path[:depth+1]), DottedKey(path))
		}
		into = table
	}
	if table, ok := into[path[depth]].(map[string]any); ok && len(table) > 0 {
		return fmt.Errorf("%s is a table and cannot become a value", DottedKey(path))
	}
	for ; depth < last; depth++ {
		table := Params{}
		into[path[depth]] = map[string]any(table)
		into = table
	}
	into[path[last]] = value
	return nil
}

// Leaves yields each leaf with its path, in the order of the names. The path is valid until the next leaf.
func (p Params) Leaves() iter.Seq2[[]string, any] {
	return func(yield func([]string, any) bool) { p.leaves(make([]string, 0, MaxDepth), yield) }
}

func (p Params) leaves(path []string, yield func([]string, any) bool) bool {
	for _, key := range slices.Sorted(maps.Keys(p)) {
		here := append(path, key)
		if table, ok := p[key].(map[string]any); ok && len(table) > 0 {
			if !Params(table).leaves(here, yield) {
				return false
			}
		} else if !yield(here, p[key]) {
			return false
		}
	}
	return true
}

// Flatten returns the leaves by name. The parts of a name are joined by dots, as in the argument of Find. If two
// leaves get the same name, it keeps the one that Find prefers.
func (p Params) Flatten() map[string]any {
	flat := make(map[string]any, len(p))
	p.flatten("", flat)
	return flat
}

func (p Params) flatten(prefix string, flat map[string]any) {
	var tables []string
	for key, v := range p {
		if table, ok := v.(map[string]any); ok && len(table) > 0 {
			tables = append(tables, key)
		} else if !has(flat, prefix+key) {
			flat[prefix+key] = v
		}
	}
	slices.Sort(tables) // a name comes before longer names with this prefix
	for _, key := range tables {
		Params(p[key].(map[string]any)).flatten(prefix+key+".", flat)
	}
}

func has(m map[string]any, key string) bool { _, ok := m[key]; return ok }

// Clone returns a copy that shares no table and no list with p. It is never nil.
func (p Params) Clone() Params {
	clone := make(Params, len(p))
	for key, v := range p {
		clone[key] = cloneValue(v)
	}
	return clone
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return map[string]any(Params(v).Clone())
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = cloneValue(v[i])
		}
		return list
	}
	return v
}

// Change is a param that differs between two Params. Old or New is nil if that side has nothing at the path.
type Change struct {
	Path     []string
	Old, New any
}

// Diff returns the changes from p to other, ordered by path. It compares the contents of a table only if both sides
// have a table. If one side has a value or nothing in its place, the Change holds the whole table. 1 and 1.0 are
// equal.
func (p Params) Diff(other Params) []Change { return p.diff(nil, nil, other) }

func (p Params) diff(changes []Change, path []string, other Params) []Change {
	keys := slices.Sorted(maps.Keys(p))
	for key := range other {
		if !has(p, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		here := append(path, key)
		before, isTable := p[key].(map[string]any)
		after, staysTable := other[key].(map[string]any)
		switch {
		case isTable && staysTable:
			changes = Params(before).diff(changes, here, after)
		case !EqualValue(p[key], other[key]):
			changes = append(changes, Change{slices.Clone(here), p[key], other[key]})
		}
	}
	return changes
}

// There are three ways to merge params. They differ if a param already has another value. Add returns an error, and
// Override replaces the value. For a journal, the first value is kept and the others are noted as conflicts; package
// repo does this, because it also counts how much a record may hold. All three merge a table with a table.

// Add merges copies of the params in more into p. If a param already has another value, Add merges nothing and returns
// an error with the param and both values. 1 and 1.0 are equal; the present value is kept.
func (p Params) Add(more Params) error {
	for _, c := range p.Diff(more) {
		if c.Old != nil && c.New != nil {
			return fmt.Errorf("setting param %s: it is %s and cannot become %s", DottedKey(c.Path), TOMLString(c.Old),
				TOMLString(c.New))
		}
	}
	p.merge(more, false)
	return nil
}

// Override merges copies of the params in more into p. Their values replace those of p.
func (p Params) Override(more Params) { p.merge(more, true) }

func (p Params) merge(more Params, replace bool) {
	for key, value := range more {
		old, isSet := p[key]
		into, isTable := old.(map[string]any)
		table, staysTable := value.(map[string]any)
		switch {
		case isTable && staysTable:
			Params(into).merge(table, replace)
		case !isSet || replace:
			p[key] = cloneValue(value)
		}
	}
}
