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
		v, l.Nulls = param(v, path, l.Nulls)
		if v == nil {
			return nil
		}
		one := format.Params{}
		if err := one.Set(path, v); err != nil || format.CheckParams(one) != nil {
			skip("that a record cannot hold")
			return nil
		}
		if old, ok := r.config[path[0]]; ok && len(path) == 1 {
			if format.EqualValue(old, v) {
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
	if len(l.Params) == 0 && len(l.Set) == 0 && len(l.Nulls) == 0 {
		return nil
	}
	r.hasContent = true
	slices.Sort(l.Nulls)
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

// param converts a value to the form of params: names are cleaned, the path of a null is added to nulls, and a null in
// a list becomes "None".
func param(v any, path, nulls []string) (any, []string) {
	switch v := v.(type) {
	case nil:
		return nil, append(nulls, format.DottedKey(path))
	case map[string]any:
		clean := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			var item any
			to := importer.Key(importer.Clean([]byte(name)))
			item, nulls = param(v[name], append(path[:len(path):len(path)], to), nulls)
			if item != nil {
				clean[to] = item
			}
		}
		return clean, nulls
	case []any:
		for i, item := range v {
			if v[i], _ = param(item, path, nil); v[i] == nil {
				v[i] = "None"
			}
		}
		return v, nulls
	case string:
		return multiLine(v), nulls
	}
	return v, nulls
}
