package format

import (
	"maps"
	"slices"
)

// object is a table whose keys are in the order in which people read a record. Both TOML and JSON are written from
// objects, so that they always agree.
type object []field

type field struct {
	key   string
	value any // string, int64, float64, bool, time.Time, []any, []string, map[string]any, object, []object
	// section says that an object, or a list of objects, has a header of its own. Otherwise, it is written on one
	// line.
	section bool
}

func (o *object) add(key string, value any) { *o = append(*o, field{key: key, value: value}) }

func (o *object) addText(key, value string) {
	if value != "" {
		o.add(key, value)
	}
}

func (o *object) addInt(key string, value int64) {
	if value != 0 {
		o.add(key, value)
	}
}

func (o *object) addTexts(key string, value []string) {
	if len(value) > 0 {
		o.add(key, value)
	}
}

// merge puts unknown keys back where they were read. It merges a table that both sides have, and merges a list of
// tables item by item.
func (o *object) merge(unknown map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(unknown)) {
		i := o.index(key)
		if i < 0 {
			o.add(key, unknown[key])
			continue
		}
		switch more := unknown[key].(type) {
		case map[string]any:
			if known, ok := (*o)[i].value.(object); ok {
				known.merge(more)
				(*o)[i].value = known
			}
		case []any:
			known, ok := (*o)[i].value.([]object)
			for j := 0; ok && j < len(known) && j < len(more); j++ {
				if m, ok := more[j].(map[string]any); ok {
					known[j].merge(m)
				}
			}
		}
	}
}

func (o object) index(key string) int {
	for i, f := range o {
		if f.key == key {
			return i
		}
	}
	return -1
}

// addObjects adds a list of n objects, unless n is 0.
func (o *object) addObjects(key string, n int, at func(int) object) {
	if n == 0 {
		return
	}
	list := make([]object, n)
	for i := range list {
		list[i] = at(i)
	}
	o.add(key, list)
}

// mapObject returns a table with its keys sorted.
func mapObject(m map[string]any) object {
	o := make(object, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		o.add(key, m[key])
	}
	return o
}

func textObject(m map[string]string) object {
	o := make(object, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		o.add(key, m[key])
	}
	return o
}
