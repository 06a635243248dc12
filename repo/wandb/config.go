package wandb

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// configRecord imports params. A later value of a param is a deliberate change.
func (r *reading) configRecord(data []byte) error {
	l := format.Line{Time: r.last}
	skip := func(why string) { r.skip("params "+why, "") }
	err := eachItem(data, 1, &r.item, func(it *item) error {
		if len(it.path) == 0 || len(it.path) > maxDepth || it.path[0] == "_wandb" {
			return nil
		}
		v, err := parseJSON(it.json)
		if err != nil {
			skip("that are not JSON")
			return nil
		}
		path := make([]string, len(it.path))
		for i, part := range it.path {
			path[i] = importer.Key(importer.Clean([]byte(part)))
		}
		one := format.Params{}
		if err := one.Set(path, param(v)); err != nil || format.CheckParams(one) != nil {
			skip("that a record cannot hold")
			return nil
		}
		if old, ok := r.config[path[0]]; ok && len(path) == 1 {
			if format.EqualValue(old, one[path[0]]) {
				return nil
			}
			l.Set = merged(l.Set, one)
		} else {
			l.Params = merged(l.Params, one)
		}
		r.config[path[0]] = one[path[0]]
		return nil
	})
	if err != nil {
		return err
	}
	if len(l.Params) == 0 && len(l.Set) == 0 {
		return nil
	}
	r.hasContent = true
	return r.out.Line(&l)
}

// merged adds the nested params of from to those of to, which may be nil. If both have a param, the value in from
// wins.
func merged(to, from format.Params) format.Params {
	if to == nil {
		return from
	}
	to.Override(from)
	return to
}

// param converts a value to the form of params: names are cleaned, and a null is format.Null.
func param(v any) any {
	switch v := v.(type) {
	case nil:
		return format.Null
	case map[string]any:
		clean := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			clean[importer.Key(importer.Clean([]byte(name)))] = param(v[name])
		}
		return clean
	case []any:
		for i, item := range v {
			v[i] = param(item)
		}
		return v
	case string:
		return multiLine(v)
	}
	return v
}
