package query

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// attributeNames are the keys of the record itself, as attribute finds them.
var attributeNames = []string{
	"id", "name", "key", "experiment", "status", "started", "ended", "duration", "end_reason", "signal", "author", "group", "parent", "resumes",
	"reproduces", "note", "command", "cwd", "exit_code", "commit", "branch", "dirty", "tree", "python", "os", "arch", "host",
	"source.commit", "source.branch", "source.remote", "source.dirty", "source.tree", "source.base", "source.entry", "source.durable", "source.patches",
	"source.omitted", "environment.python", "environment.os", "environment.arch", "environment.digest", "machine.host", "machine.cpu", "machine.kernel",
	"machine.cores", "machine.memory", "machine.gpus",
}

// attributeTables are those whose keys are anybody's.
var attributeTables = []string{"environment.variables.", "datasets.", "artifacts.", "files.", "conflicts.", "extra."}

// scopes are the words before a key, and those that others use for them.
var scopes = map[string]string{
	"metrics": "metrics.", "metric": "metrics.", "summary": "summary.", "params": "params.", "param": "params.", "config": "params.", "tags": "tags.", "tag": "tags.",
	"attributes": "",
}

// maxNear is how many keys are named in place of one that is not there.
const maxNear = 3

// Missing reports whether no run has a key and the record has no place for it, and which keys of the runs are near it.
func Missing(runs []*format.Run, key string, c Context) (near []string, missing bool) {
	f := newField(key)
	if f.scope == inAll || f.scope == inAttributes {
		if slices.Contains(attributeNames, f.name) || slices.ContainsFunc(attributeTables, func(table string) bool { return strings.HasPrefix(f.name, table) }) {
			return nil, false
		}
	}
	for _, r := range runs {
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
	known := knownKeys(runs)
	if scoped {
		if near = nearest(name, known, tooFar, func(s string) bool { return s == scope }); len(near) > 0 {
			return near, true
		}
		return nearest(name, known, partly, func(string) bool { return true }), true
	}
	return nearest(name, known, tooFar, func(string) bool { return true }), true
}

// knownKey is a key that some run has: the word that says where, with its dot, and its name there.
type knownKey struct{ scope, name string }

func knownKeys(runs []*format.Run) []knownKey {
	seen := map[knownKey]bool{}
	for _, r := range runs {
		for name := range r.Metrics {
			seen[knownKey{"metrics.", name}] = true
		}
		for name := range r.Summary {
			seen[knownKey{"summary.", name}] = true
		}
		for name := range r.Params.Flatten() {
			seen[knownKey{"params.", name}] = true
		}
		for name := range r.Tags {
			seen[knownKey{"tags.", name}] = true
		}
	}
	for _, name := range attributeNames {
		seen[knownKey{"", name}] = true
	}
	return slices.Collect(maps.Keys(seen))
}

// nearest are the keys most like a name, nearer than most, of all that are in one of the scopes.
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

const (
	partly = 100 // one name is within the other
	tooFar = 200
)

// distance orders names by how near they are: the same, the same last part, few edits, one within the other.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	switch {
	case a == b:
		return 0
	case lastPart(a) == b || lastPart(b) == a:
		return 1
	}
	if d := format.EditDistance(a, b); d <= min(len(a)/3, 3) {
		return 1 + d
	}
	if len(a) >= 3 && strings.Contains(b, a) || len(b) >= 3 && strings.Contains(a, b) {
		return partly
	}
	return tooFar
}

func lastPart(name string) string { return name[strings.LastIndexAny(name, "./")+1:] }

// EachKey calls yield with every key that the expression names; asks is whether it only asks if the key is there.
func (e *Expr) EachKey(yield func(key string, asks bool)) {
	if e.left != nil {
		e.left.EachKey(yield)
	}
	if e.right != nil {
		e.right.EachKey(yield)
	}
	if e.key != "" {
		yield(e.key, e.op == "has")
	}
}
