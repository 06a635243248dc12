package query

import (
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Group is a set of runs that are alike.
type Group struct {
	Label string
	Runs  []*format.Run // newest first
}

// Replicates is the key that groups replicates.
const Replicates = "replicates"

// GroupBy groups runs by the value of a key, or into replicates: runs equal in experiment, params but the seeds, source
// and data. Groups are ordered by their newest run. A chain of resumed runs counts once, as its newest; among replicates,
// runs that reproduce others do not count.
func GroupBy(runs []*format.Run, key string, seeds []string, c Context) []Group {
	runs = newestOfChains(runs)
	slices.SortFunc(runs, Newer)
	byKey := map[string]int{}
	var groups []Group
	for _, r := range runs {
		var id string
		if key == Replicates {
			if r.Reproduces != "" {
				continue
			}
			id = replicateKey(r, seeds)
		} else if v, ok := Value(r, key, c); ok {
			id = "=" + canonical(v)
		}
		i, ok := byKey[id]
		if !ok {
			i = len(groups)
			byKey[id] = i
			label := "-"
			if id != "" {
				label = strings.TrimPrefix(id, "=")
			}
			groups = append(groups, Group{Label: label})
		}
		groups[i].Runs = append(groups[i].Runs, r)
	}
	if key == Replicates {
		labelReplicates(groups, seeds)
	}
	return groups
}

// newestOfChains leaves out runs that another one of the list resumes.
func newestOfChains(runs []*format.Run) []*format.Run {
	resumed := map[string]bool{}
	for _, r := range runs {
		if r.Resumes != "" {
			resumed[r.Resumes] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r *format.Run) bool { return resumed[r.ID] })
}

// replicateKey is equal for replicates.
func replicateKey(r *format.Run, seeds []string) string {
	var b strings.Builder
	b.WriteString(r.Experiment)
	params := Flatten(r.Params)
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if isSeed(key, seeds) {
			continue
		}
		b.WriteString("\x00" + key + "=" + canonical(params[key]))
	}
	if s := r.Source; s != nil {
		b.WriteString("\x01" + s.Tree)
		if s.Tree == "" {
			b.WriteString(s.Commit)
			if s.Dirty {
				b.WriteString("+" + r.ID) // what differs from the commit is not known: nothing else is sure to be equal
			}
		}
	}
	datasets := slices.Clone(r.Datasets)
	slices.SortFunc(datasets, func(a, b format.Dataset) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range datasets {
		b.WriteString("\x02" + d.Name + "=" + d.SHA256)
	}
	return b.String()
}

// isSeed reports whether a dotted param is one of the seeds, by its whole path or its last part.
func isSeed(key string, seeds []string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return slices.Contains(seeds, key) || slices.Contains(seeds, last)
}

// canonical writes a value so that equal values, 1 and 1.0 among them, are equal texts.
func canonical(v any) string {
	switch v := v.(type) {
	case float64:
		if i := int64(v); float64(i) == v && format.EqualValue(i, v) {
			return format.TOMLString(i)
		}
	case string:
		return v
	}
	return format.TOMLString(v)
}

// labelReplicates names each group by the params in which the groups differ.
func labelReplicates(groups []Group, seeds []string) {
	firsts := make([]*format.Run, len(groups))
	for i, g := range groups {
		firsts[i] = g.Runs[0]
	}
	keys := slices.DeleteFunc(DifferingParams(firsts), func(key string) bool { return isSeed(key, seeds) })
	for i, g := range groups {
		params := Flatten(g.Runs[0].Params)
		var parts []string
		for _, key := range keys {
			if v, ok := params[key]; ok {
				parts = append(parts, key+"="+canonical(v))
			}
		}
		switch {
		case len(parts) > 0:
			groups[i].Label = strings.Join(parts, " ")
		case g.Runs[0].Name != "":
			groups[i].Label = g.Runs[0].Name
		default:
			groups[i].Label = g.Runs[0].Title()
		}
	}
}

// Flatten returns nested params under dotted keys.
func Flatten(params map[string]any) map[string]any {
	flat := make(map[string]any, len(params))
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for key, v := range m {
			if sub, ok := v.(map[string]any); ok && len(sub) > 0 {
				walk(prefix+key+".", sub)
			} else {
				flat[prefix+key] = v
			}
		}
	}
	walk("", params)
	return flat
}

// DifferingParams returns the dotted params whose values are not the same in all runs, sorted. A param that only some runs
// have differs.
func DifferingParams(runs []*format.Run) []string {
	type seen struct {
		text  string
		count int
		many  bool
	}
	params := map[string]*seen{}
	for _, r := range runs {
		for key, v := range Flatten(r.Params) {
			text := canonical(v)
			s := params[key]
			if s == nil {
				s = &seen{text: text}
				params[key] = s
			}
			s.count++
			s.many = s.many || s.text != text
		}
	}
	var keys []string
	for key, s := range params {
		if s.many || s.count < len(runs) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
