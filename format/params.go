package format

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format/listsort"
)

// Params are nested params. Each value is an int64, float64, bool, string, []any or Null, or a table of type
// map[string]any. A leaf is a value that is not a table, or an empty table. A nil Params can be read but not set.
//
// The path of a param is the list of keys that lead to it, its dotted key is the path as DottedKey writes it, and its
// name is the path joined by dots. Two params may have one name. Section 3.11 of SPEC.md says how they are told apart.
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

// Find returns the value of the param with a dotted key or name. If several params have the name, it is the one whose
// first key is the shortest, then the one whose second key is, and so on. If there is no such param, it returns the
// table that is named so.
func (p Params) Find(key string) (any, bool) {
	exact, _ := p.quoted(key)
	if exact != nil && isLeaf(exact) {
		return exact, true
	}
	if v, ok := p.named(key, isLeaf); ok {
		return v, true
	}
	if exact != nil {
		return exact, true
	}
	return p.named(key, func(any) bool { return true })
}

// quoted returns what a dotted key with quotes finds.
func (p Params) quoted(key string) (any, bool) {
	if !strings.Contains(key, `"`) || strings.Contains(key, "'") {
		return nil, false
	}
	path, err := ParseKeyPath(key)
	if err != nil {
		return nil, false
	}
	return p.Get(path...)
}

func (p Params) named(name string, accept func(any) bool) (any, bool) {
	for i := range min(len(name), MaxKeyBytes+1) {
		if name[i] != '.' {
			continue
		}
		if table, ok := p[name[:i]].(map[string]any); ok {
			if v, ok := Params(table).named(name[i+1:], accept); ok {
				return v, true
			}
		}
	}
	v, ok := p[name]
	return v, ok && accept(v)
}

func isLeaf(v any) bool {
	table, ok := v.(map[string]any)
	return !ok || len(table) == 0
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

// Replace sets a param to value. Values on its path become tables, and a table in its place is replaced.
func (p Params) Replace(path []string, value any) {
	into := p
	for _, key := range path[:len(path)-1] {
		table, ok := into[key].(map[string]any)
		if !ok {
			table = map[string]any{}
			into[key] = table
		}
		into = table
	}
	into[path[len(path)-1]] = value
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

// Flatten returns the leaves by name. A leaf that shares its name with another, or whose name is the dotted key of
// another, is under its dotted key. Find finds each leaf by its key in the result.
func (p Params) Flatten() map[string]any {
	flat := make(map[string]any, len(p))
	if p.flatten("", flat) {
		return flat
	}
	clear(flat)
	for _, leaf := range p.List() {
		flat[leaf.Name] = leaf.Value
	}
	return flat
}

// Param is one leaf of Params.
type Param struct {
	Name   string // its key in Flatten
	Dotted string // as DottedKey writes its path
	Value  any
}

// List returns the leaves, sorted by Name.
func (p Params) List() []Param {
	count := map[string]int{}
	for path := range p.Leaves() {
		count[strings.Join(path, ".")]++
	}
	var list []Param
	for path, v := range p.Leaves() {
		one := Param{Name: strings.Join(path, "."), Dotted: DottedKey(path), Value: v}
		if _, another := p.quoted(one.Name); count[one.Name] > 1 || another {
			one.Name = one.Dotted
		}
		list = append(list, one)
	}
	listsort.Sort(list, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// flatten adds the leaves to flat by name. It returns false if a name may not be the only one.
func (p Params) flatten(prefix string, flat map[string]any) bool {
	for key, v := range p {
		name := prefix + key
		if strings.Contains(key, `"`) {
			return false
		}
		if !isLeaf(v) {
			if !Params(v.(map[string]any)).flatten(name+".", flat) {
				return false
			}
			continue
		}
		if has(flat, name) {
			return false
		}
		flat[name] = v
	}
	return true
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

// Override merges copies of the params in more into p. Their values replace those of p, and an empty table empties one.
func (p Params) Override(more Params) { p.merge(more, true) }

func (p Params) merge(more Params, replace bool) {
	for key, value := range more {
		old, isSet := p[key]
		into, isTable := old.(map[string]any)
		table, staysTable := value.(map[string]any)
		switch {
		case isTable && staysTable && (len(table) > 0 || !replace):
			Params(into).merge(table, replace)
		case !isSet || replace:
			p[key] = cloneValue(value)
		}
	}
}
