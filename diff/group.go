package diff

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
)

// Several is the value of a param that varies within a group.
type Several struct {
	Values  []any // the different ones: numbers in their order, then the others as they come; at least one
	Missing int   // runs without the param
}

// paramsOf returns the params of a side by their dotted keys. One that varies within a group is a Several. Seeds are
// left out for a group.
func (s Side) paramsOf(o Options) map[string]any {
	if s.Group == "" {
		r := s.first()
		return flat(r.Params)
	}
	all := make([]map[string]any, len(s.Runs))
	keys := map[string]bool{}
	for i, r := range s.Runs {
		all[i] = flat(r.Params)
		for key := range all[i] {
			keys[key] = !format.IsSeed(key, o.Seeds)
		}
	}
	out := map[string]any{}
	for key, counts := range keys {
		if !counts {
			continue
		}
		var values []any
		for _, params := range all {
			if v, ok := params[key]; ok {
				values = append(values, v)
			}
		}
		out[key] = Collect(values, len(all)-len(values), o.Strict)
	}
	return out
}

// Collect returns the value that runs have in common, or a Several if they differ or some lack it. It returns nil if
// there are no values.
func Collect(values []any, missing int, strict bool) any {
	several := Several{Missing: missing}
	seen := map[any]bool{}
	for _, v := range values {
		if id := identity(v, strict); !seen[id] {
			seen[id] = true
			several.Values = append(several.Values, v)
		}
	}
	switch {
	case len(values) == 0:
		return nil
	case missing == 0 && len(several.Values) == 1:
		return values[0]
	}
	several.sort()
	return several
}

// identity returns what equal values have in common, as the key of a map.
func identity(v any, strict bool) any {
	type text string // of a value that cannot be a key
	const exact = 1 << 53
	switch x := v.(type) {
	case int64:
		if !strict && -exact <= x && x <= exact {
			return float64(x)
		}
		return x
	case float64:
		if math.IsNaN(x) {
			return text("nan")
		}
		return x
	case string, bool:
		return x
	}
	return text(format.TOMLString(v))
}

func (v Several) sort() {
	listsort.Stable(v.Values, func(a, b any) int {
		x, isX := number(a)
		y, isY := number(b)
		switch {
		case isX && isY:
			return cmp.Compare(x, y)
		case isX:
			return -1
		case isY:
			return 1
		}
		return 0
	})
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func (v Several) equal(w Several, strict bool) bool {
	return v.Missing == w.Missing &&
		slices.EqualFunc(v.Values, w.Values, func(a, b any) bool { return equal(a, b, strict) })
}

// withoutSeeds removes from the comparison what may differ within a group, and adds to Mixed what must not differ but
// does.
func (c *Comparison) withoutSeeds(a, b Side, o Options) {
	c.Params = slices.DeleteFunc(c.Params, func(v Value) bool { return format.IsSeed(v.Key, o.Seeds) })
	c.Attributes = slices.DeleteFunc(c.Attributes, func(v Value) bool { return v.Key == "command" })
	mixed := map[string]bool{}
	for _, s := range []Side{a, b} {
		for key, v := range s.paramsOf(o) {
			if _, varies := v.(Several); varies {
				mixed[key] = true
			}
		}
		for _, r := range s.Runs[1:] {
			if tree(r) != tree(s.first()) {
				mixed["source"] = true
			}
			if !sameData(r, s.first(), s.Manifest) {
				mixed["data"] = true
			}
		}
	}
	c.Mixed = slices.Sorted(maps.Keys(mixed))
}
