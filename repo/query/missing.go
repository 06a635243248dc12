package query

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// attributeNames are the keys that attribute finds in a record.
var attributeNames = []string{
	"id", "name", "key", "experiment", "status", "started", "ended", "duration", "end_reason", "signal", "author", "group",
	"parent", "resumes", "reproduces", "note", "command", "cwd", "exit_code",
	"commit", "branch", "dirty", "tree", "python", "os", "arch", "host",
	"source.commit", "source.branch", "source.remote", "source.dirty", "source.tree", "source.base", "source.entry",
	"source.durable", "source.patches", "source.omitted",
	"environment.python", "environment.os", "environment.arch", "environment.digest",
	"machine.host", "machine.cpu", "machine.kernel", "machine.cores", "machine.memory", "machine.gpus",
}

// attributeTables are the prefixes of attributes that any name may follow.
var attributeTables = []string{"environment.variables.", "datasets.", "artifacts.", "files.", "conflicts.", "extra."}

// scopes maps the prefixes of keys, and common variants of them, to the prefix with its dot.
var scopes = map[string]string{
	"metrics": "metrics.", "metric": "metrics.", "summary": "summary.", "params": "params.", "param": "params.",
	"config": "params.", "tags": "tags.", "tag": "tags.",
	"attributes": "",
}

// maxNear is the maximum number of keys that are suggested for a missing one.
const maxNear = 3

// KeyNames are the names of the keys that some runs have, sorted.
type KeyNames struct {
	Metrics   []string
	Summaries []string
	Numbers   []string // of the summaries: those that are numbers in some run
	Params    []string // by the keys of format.Params.Flatten
	Tags      []string
}

// KeyNamesOf returns the names of the keys of rows.
func KeyNamesOf(rows []Row) KeyNames {
	var metrics, summaries, numbers, params, tags names
	for _, r := range rows {
		for name := range r.Metrics() {
			metrics.add(name)
		}
		for name, v := range r.Summaries() {
			if summaries.add(name); v.isNumber() {
				numbers.add(name)
			}
		}
		for name := range r.Params() {
			params.add(name)
		}
		for name := range r.Tags() {
			tags.add(name)
		}
	}
	return KeyNames{metrics.sorted(), summaries.sorted(), numbers.sorted(), params.sorted(), tags.sorted()}
}

type names map[string]bool

func (n *names) add(name string) {
	if *n == nil {
		*n = names{}
	}
	(*n)[name] = true
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n)) }

// Merge returns the names of both.
func (k KeyNames) Merge(other KeyNames) KeyNames {
	merge := func(a, b []string) []string {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return KeyNames{
		merge(k.Metrics, other.Metrics), merge(k.Summaries, other.Summaries), merge(k.Numbers, other.Numbers),
		merge(k.Params, other.Params), merge(k.Tags, other.Tags),
	}
}

// Missing reports whether a key is neither an attribute nor a key of any run. near lists the most similar of the names
// that known returns.
func Missing(rows []Row, key string, known func() KeyNames, c Context) (near []string, missing bool) {
	f := newField(key)
	if f.scope == inAll || f.scope == inAttributes {
		inTable := func(table string) bool { return strings.HasPrefix(f.name, table) }
		if slices.Contains(attributeNames, f.name) || slices.ContainsFunc(attributeTables, inTable) {
			return nil, false
		}
	}
	for _, r := range rows {
		if _, ok := f.value(r, c); ok {
			return nil, false
		}
	}
	name, scope, scoped := key, "", false
	if word, rest, ok := strings.Cut(key, "."); ok {
		if s, ok := scopes[word]; ok {
			name, scope, scoped = rest, s, true
		}
	}
	all := known().keys()
	if scoped {
		if near = nearest(name, all, tooFar, func(s string) bool { return s == scope }); len(near) > 0 {
			return near, true
		}
		return nearest(name, all, partly, func(string) bool { return true }), true
	}
	return nearest(name, all, tooFar, func(string) bool { return true }), true
}

// knownKey is a key that some run has: its prefix with the dot, and the rest.
type knownKey struct{ scope, name string }

func (k KeyNames) keys() []knownKey {
	var all []knownKey
	for _, one := range []struct {
		scope string
		names []string
	}{{"metrics.", k.Metrics}, {"summary.", k.Summaries}, {"params.", k.Params}, {"tags.", k.Tags}, {"", attributeNames}} {
		for _, name := range one.names {
			all = append(all, knownKey{one.scope, name})
		}
	}
	return all
}

// nearest returns the known keys that are most similar to a name. It considers keys in the scopes that in accepts,
// and only at a distance less than most.
func nearest(name string, known []knownKey, most int, in func(scope string) bool) []string {
	var best []string
	least := most
	for _, k := range known {
		if !in(k.scope) {
			continue
		}
		d := distance(name, k.name)
		if d < least {
			least, best = d, nil
		}
		if d == least && d < most {
			best = append(best, k.scope+k.name)
		}
	}
	slices.SortFunc(best, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	best = best[:min(len(best), maxNear)]
	slices.Sort(best)
	return best
}

// maxTyped bounds the names that are compared letter by letter: the time grows with the product of their lengths, and a
// run can have thousands of names.
const maxTyped = 80

const (
	partly = 100 // one name contains the other
	tooFar = 200
)

// distance returns how different two names are. In ascending order: they are equal, they have the same last part, they
// differ by few edits, one contains the other, or they have nothing in common.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	switch {
	case a == b:
		return 0
	case lastPart(a) == b || lastPart(b) == a:
		return 1
	}
	if most := min(len(a)/3, 3); len(a) <= maxTyped && max(len(a)-len(b), len(b)-len(a)) <= most {
		if d := format.EditDistance(a, b); d <= most {
			return 1 + d
		}
	}
	if len(a) >= 3 && strings.Contains(b, a) || len(b) >= 3 && strings.Contains(a, b) {
		return partly
	}
	return tooFar
}

func lastPart(name string) string { return name[strings.LastIndexAny(name, "./")+1:] }
