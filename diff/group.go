package diff

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
)

// withoutSeeds removes from the comparison what may differ within a group, and adds to Mixed what must not differ but
// does.
func (c *Comparison) withoutSeeds(a, b Side, o Options) {
	c.Params = slices.DeleteFunc(c.Params, func(v Value) bool { return format.IsSeed(v.Key, o.Seeds) })
	c.Attributes = slices.DeleteFunc(c.Attributes, func(v Value) bool { return v.Key == "command" })
	mixed := map[string]bool{}
	for _, s := range []Side{a, b} {
		first := flat(s.first().Params)
		for _, r := range s.Runs[1:] {
			for _, v := range (Options{Strict: o.Strict}).values(first, flat(r.Params)) {
				if !format.IsSeed(v.Key, o.Seeds) {
					mixed[v.Key] = true
				}
			}
			if tree(r) != tree(s.first()) {
				mixed["source"] = true
			}
			if !sameData(r, s.first()) {
				mixed["data"] = true
			}
		}
	}
	c.Mixed = slices.Sorted(maps.Keys(mixed))
}
