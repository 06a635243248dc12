package query

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
)

// Group is a set of runs that have values in common, or that are replicates.
type Group struct {
	// Label is the value as text, or "-" for runs without one. For several keys, it gives each key with its value. For
	// replicates, it gives the params that differ among the groups.
	Label string
	// Values are the values that Value returns for the keys, nil for runs without one. For replicates, there are none.
	Values []any
	// Runs are the runs of the group, newest first.
	Runs []*format.Run
}

// ByReplicates is the key that groups replicates.
const ByReplicates = "replicates"

// GroupBy groups runs by the values of keys, or into replicates if the only key is ByReplicates. 1 and 1.0 are one
// group, and the text "1" is another. The group with the newest run comes first. Runs that reproduce others are not
// grouped into replicates. A chain of resumed runs counts once: the caller passes only its newest run.
func GroupBy(runs []*format.Run, keys []string, seeds []string, c Context) []Group {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, Newer)
	replicates := slices.Equal(keys, []string{ByReplicates})
	fields := make([]field, len(keys))
	for i, key := range keys {
		fields[i] = newField(key)
	}
	byID := map[string]int{}
	var groups []Group
	for _, r := range runs {
		if replicates && r.Reproduces != "" {
			continue
		}
		var id string
		var one Group
		if replicates {
			id = Replicates(r, seeds)
		} else {
			id, one = commonValues(r, keys, fields, c)
		}
		i, ok := byID[id]
		if !ok {
			i = len(groups)
			byID[id] = i
			groups = append(groups, one)
		}
		groups[i].Runs = append(groups[i].Runs, r)
	}
	if replicates {
		groups = SplitNoticed(groups, c.Manifest)
		labelReplicates(groups, seeds)
	}
	return groups
}

// SplitNoticed splits groups of replicates, in which a file that several runs were seen to read has another content in
// some of them. A run joins the first part that it agrees with.
func SplitNoticed(groups []Group, manifest diff.ManifestReader) []Group {
	var split []Group
	for _, g := range groups {
		var parts []Group
		var files []*diff.NoticedFiles
		for _, r := range g.Runs {
			i := slices.IndexFunc(files, func(n *diff.NoticedFiles) bool { return n.Add(r, manifest) })
			if i < 0 {
				i = len(parts)
				n := &diff.NoticedFiles{}
				n.Add(r, manifest)
				parts, files = append(parts, Group{Label: g.Label, Values: g.Values}), append(files, n)
			}
			parts[i].Runs = append(parts[i].Runs, r)
		}
		split = append(split, parts...)
	}
	return split
}

// commonValues returns the values of a run as a group, and an id that is the same for the same values.
func commonValues(r *format.Run, keys []string, fields []field, c Context) (id string, g Group) {
	var b []byte
	var labels []string
	for i, f := range fields {
		label := "-"
		var value any
		if v, ok := f.value(Record(r), c); ok {
			value = v.Any()
			b, label = appendCanonical(append(b, '='), value), Text(simplest(value))
		}
		b = append(b, '|')
		if g.Values = append(g.Values, value); len(keys) > 1 {
			label = BareKey(keys[i]) + "=" + label
		}
		labels = append(labels, label)
	}
	g.Label = strings.Join(labels, " ")
	return string(b), g
}

// Replicates returns a key that is equal for replicates: runs with the same experiment, params, except the
// seeds, the same source, and datasets with the same names and content. Datasets that were noticed do not count, see
// SplitNoticed. seeds are those that the settings add to the
// ones that format.IsSeed knows. The source is the tree, or the commit if no tree was recorded. In that case, a run
// with uncommitted changes has no replicates, because its changes are unknown. The key is only for comparing.
func Replicates(r *format.Run, seeds []string) string {
	b := appendString(make([]byte, 0, 256), r.Experiment)
	b = appendParams(b, r.Params, seeds)
	if s := r.Source; s != nil {
		b = appendString(append(b, 'c'), s.Tree)
		if submodules := s.PatchedSubmodules(); submodules != "" {
			b = appendString(append(b, 'm'), submodules)
		}
		if s.Tree == "" {
			b = appendString(b, s.Commit)
			if s.Dirty {
				b = appendString(b, r.ID)
			}
		}
	}
	datasets := slices.DeleteFunc(slices.Clone(r.Datasets), func(d format.Dataset) bool { return d.Noticed != "" })
	listsort.Sort(datasets, func(a, b format.Dataset) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Identity(), b.Identity()))
	})
	for _, d := range datasets {
		b = appendString(appendString(append(b, 'd'), d.Name), d.Identity())
	}
	return string(b)
}

// appendParams appends the leaves of params with their paths, except the seeds.
func appendParams(b []byte, params format.Params, seeds []string) []byte {
	for path, value := range params.Leaves() {
		if format.IsSeed(format.DottedKey(path), seeds) {
			continue
		}
		b = append(b, 'p')
		for _, part := range path {
			b = appendString(b, part)
		}
		b = appendCanonical(append(b, '='), value)
	}
	return b
}

// appendCanonical appends an encoding of a value. Two values have the same encoding if and only if format.EqualValue
// says that they are equal. A text is preceded by its length, so that its encoding is unambiguous.
func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(append(b, 's'), v)
	case []any:
		b = append(b, '[')
		for _, element := range v {
			b = appendCanonical(b, element)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendCanonical(appendString(b, key), v[key])
		}
		return append(b, '}')
	}
	return append(append(b, Text(simplest(v))...), ';')
}

func appendString(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	return append(append(b, ':'), s...)
}

// simplest turns a float with an integer value into an integer.
func simplest(v any) any {
	if f, ok := v.(float64); ok && f >= math.MinInt64 && f < math.MaxInt64 {
		if i := int64(f); format.EqualValue(i, f) {
			return i
		}
	}
	return v
}

// labelReplicates sets the label of each group to the params that differ among the groups.
func labelReplicates(groups []Group, seeds []string) {
	firsts := make([]*format.Run, len(groups))
	for i, g := range groups {
		firsts[i] = g.Runs[0]
	}
	keys := slices.DeleteFunc(DifferingParams(firsts), func(key string) bool { return format.IsSeed(key, seeds) })
	for i, g := range groups {
		params := g.Runs[0].Params.Flatten()
		var parts []string
		for _, key := range keys {
			if v, ok := params[key]; ok {
				parts = append(parts, key+"="+Text(simplest(v)))
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

// DifferingParams returns the dotted keys of the params that differ among runs, sorted. A param that only some runs
// have counts as different.
func DifferingParams(runs []*format.Run) []string {
	var d ParamDifferences
	for _, r := range runs {
		d.Add(r.Params.Flatten())
	}
	return d.Keys()
}
