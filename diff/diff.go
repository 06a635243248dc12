// Package diff compares two runs or groups of runs: it takes records and returns one value that says what differs.
//
// The package knows no terminal, no git and no files, and imports no other package of this module but format. To change
// what is compared, start with Comparison and Compare. Verdicts are decided in metric.go, and the statistics behind
// them are in welch.go.
package diff

import (
	"cmp"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Side is one side of a comparison: a run, or a group of runs that replicate one another.
type Side struct {
	Runs        []*format.Run // newest first; at least one. A chain of resumed runs is one, merged by the caller
	Group       string        // how the group was named; empty for a single run
	Environment *format.EnvironmentFile
	// Manifest returns the files of a dataset. It returns nil, nil if the dataset has no list of files.
	Manifest func(format.Dataset) ([]format.ManifestEntry, error)
	// Points returns the points of a metric, sorted by step. Only single runs need it.
	Points func(metric string) ([]format.Point, error)
}

func (s Side) first() *format.Run { return s.Runs[0] }

// Options say how to compare.
type Options struct {
	Goal    func(metric string) string // min, max or empty
	Metrics *regexp.Regexp             // which metrics; nil is all
	Strict  bool                       // 1 and 1.0 are different
	All     bool                       // also return what is equal
	Level   float64                    // significance level of a test between groups
	Seeds   []string                   // params that may differ within a group
	Source  []File                     // the source files that differ
}

// Comparison is everything in which two sides differ.
type Comparison struct {
	A, B        Head
	Params      []Value
	Summary     []Value // of single runs
	Metrics     []Metric
	Tags        []Value
	Datasets    []Dataset
	Environment []Change
	Machine     []Change
	Variables   []Change
	Source      Source
	Attributes  []Value // command, cwd, status, exit_code
	Artifacts   []Value // digests by path
	Duration    [2]time.Duration
	Mixed       []string // what differs within a group besides its seeds: then there are no verdicts
	Problems    []Problem
}

// Head identifies a side.
type Head struct {
	ID, Name, Group string
	Runs            []string // ids of the runs of a group
}

// Value is a key with the values of both sides. A side that does not have the key has nil.
type Value struct {
	Key  string
	A, B any
}

// Same reports whether both sides have the same value.
func (v Value) Same(strict bool) bool { return equal(v.A, v.B, strict) }

// Dataset is a dataset by its name, on both sides.
type Dataset struct {
	Name  string
	A, B  *format.Dataset
	Files []FileChange // nil if a side has no list of files
}

// Same reports whether both sides have the dataset with the same content.
func (d Dataset) Same() bool { return d.A != nil && d.B != nil && d.A.Identity() == d.B.Identity() }

// FileChange is a file of a dataset that differs.
type FileChange struct {
	Path   string
	From   string // the former name of a renamed file
	Change string // added, removed, changed, renamed
	Bytes  [2]int64
}

// Source is the code of both sides.
type Source struct {
	A, B  string // trees, or commits if no tree was recorded
	Files []File
}

// File is a file of the source that differs.
type File struct {
	Path           string
	Change         string // added, removed, modified
	Added, Removed int64  // lines; -1 for a binary file
}

// Compare compares two sides. Each must have at least one run.
func Compare(a, b Side, o Options) *Comparison {
	x, y := a.first(), b.first()
	c := &Comparison{A: a.head(), B: b.head()}
	c.Params = o.values(flat(x.Params, x.Nulls), flat(y.Params, y.Nulls))
	c.Tags = o.values(texts(x.Tags), texts(y.Tags))
	c.Attributes = o.values(attributes(x), attributes(y))
	if a.Group != "" || b.Group != "" {
		c.withoutSeeds(a, b, o)
	} else {
		c.Summary = o.values(x.Summary, y.Summary)
		c.Artifacts = o.values(artifacts(x), artifacts(y))
		c.Duration = [2]time.Duration{x.Ended.Sub(x.Started), y.Ended.Sub(y.Started)}
	}
	c.metrics(a, b, o)
	c.datasets(a, b, o)
	c.Environment = CompareEnvironments(a.Environment, b.Environment)
	c.Machine = CompareMachines(x.Machine, y.Machine)
	c.Variables = CompareVariables(x.Environment, y.Environment)
	c.Source = Source{A: tree(x), B: tree(y), Files: o.Source}
	return c
}

func (s Side) head() Head {
	h := Head{ID: s.first().ID, Name: s.first().Name, Group: s.Group}
	if s.Group != "" {
		for _, r := range s.Runs {
			h.Runs = append(h.Runs, r.ID)
		}
	}
	return h
}

func tree(r *format.Run) string {
	if r.Source == nil {
		return ""
	}
	return cmp.Or(r.Source.Tree, r.Source.Commit)
}

// values pairs the values of two sides, sorted by key. It leaves out equal ones unless All is set.
func (o Options) values(a, b map[string]any) []Value {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]any{}
	}
	maps.Copy(keys, b)
	var list []Value
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		v := Value{key, a[key], b[key]}
		if o.All || !v.Same(o.Strict) {
			list = append(list, v)
		}
	}
	return list
}

// none stands for a param that is null: it is set and has no value.
type none struct{}

// None is the value of a param that is null.
var None any = none{}

// flat returns params under dotted keys. A list stays one value.
func flat(params format.Params, nulls []string) map[string]any {
	out := make(map[string]any, len(params)+len(nulls))
	for path, v := range params.Leaves() {
		out[format.DottedKey(path)] = v
	}
	for _, key := range nulls {
		out[key] = None
	}
	return out
}

func texts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		out[key] = v
	}
	return out
}

func artifacts(r *format.Run) map[string]any {
	out := make(map[string]any, len(r.Artifacts))
	for _, a := range r.Artifacts {
		out[a.Path] = a.SHA256
	}
	return out
}

func attributes(r *format.Run) map[string]any {
	out := map[string]any{"status": string(r.Status)}
	if len(r.Command) > 0 {
		list := make([]any, len(r.Command))
		for i, arg := range r.Command {
			list[i] = arg
		}
		out["command"] = list
	}
	if r.Cwd != "" {
		out["cwd"] = r.Cwd
	}
	if r.ExitCode != nil {
		out["exit_code"] = *r.ExitCode
	}
	return out
}

// equal compares values and their types. An integer equals a float with the same value, unless strict is set.
func equal(a, b any, strict bool) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case int64:
		if y, ok := b.(float64); ok && !strict {
			return float64(x) == y && int64(y) == x
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return !strict && float64(y) == x && int64(x) == y
		case float64:
			return x == y || math.IsNaN(x) && math.IsNaN(y)
		}
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, func(p, q any) bool { return equal(p, q, strict) })
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, func(p, q any) bool { return equal(p, q, strict) })
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

// withoutSeeds removes what may differ within a group, and lists in Mixed what differs although it may not.
func (c *Comparison) withoutSeeds(a, b Side, o Options) {
	c.Params = slices.DeleteFunc(c.Params, func(v Value) bool { return format.IsSeed(v.Key, o.Seeds) })
	c.Attributes = slices.DeleteFunc(c.Attributes, func(v Value) bool { return v.Key == "command" })
	mixed := map[string]bool{}
	for _, s := range []Side{a, b} {
		first := flat(s.first().Params, s.first().Nulls)
		for _, r := range s.Runs[1:] {
			for _, v := range (Options{Strict: o.Strict}).values(first, flat(r.Params, r.Nulls)) {
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

func sameData(a, b *format.Run) bool {
	identities := func(r *format.Run) []string {
		var out []string
		for _, d := range r.Datasets {
			out = append(out, d.Name+" "+d.Identity())
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(identities(a), identities(b))
}

// datasets pairs data by name and lists the files that differ.
func (c *Comparison) datasets(a, b Side, o Options) {
	byName := map[string]*Dataset{}
	add := func(r *format.Run, set func(d *Dataset, v *format.Dataset)) {
		for i := range r.Datasets {
			v := &r.Datasets[i]
			if byName[v.Name] == nil {
				byName[v.Name] = &Dataset{Name: v.Name}
			}
			set(byName[v.Name], v)
		}
	}
	add(a.first(), func(d *Dataset, v *format.Dataset) { d.A = v })
	add(b.first(), func(d *Dataset, v *format.Dataset) { d.B = v })
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		d := byName[name]
		same := d.A != nil && d.B != nil && d.A.Identity() == d.B.Identity()
		if same && !o.All {
			continue
		}
		if !same && d.A != nil && d.B != nil && a.Manifest != nil && b.Manifest != nil && d.A.Manifest != "" &&
			d.B.Manifest != "" {
			x, errA := a.Manifest(*d.A)
			y, errB := b.Manifest(*d.B)
			if err := cmp.Or(errA, errB); err != nil {
				c.Problems = append(c.Problems, Problem{ManifestUnread, name, err})
			} else {
				d.Files = CompareManifests(x, y)
			}
		}
		c.Datasets = append(c.Datasets, *d)
	}
}

// CompareManifests returns the files in which two versions of a dataset differ, sorted by path. A file that was removed
// and one with the same content that was added count as one renamed file.
func CompareManifests(a, b []format.ManifestEntry) []FileChange {
	before := make(map[string]format.ManifestEntry, len(a))
	for _, e := range a {
		before[e.Path] = e
	}
	changes := []FileChange{}
	var added []format.ManifestEntry
	for _, e := range b {
		old, ok := before[e.Path]
		delete(before, e.Path)
		switch {
		case !ok:
			added = append(added, e)
		case old.SHA256 != e.SHA256 || old.Bytes != e.Bytes:
			changes = append(changes, FileChange{Path: e.Path, Change: "changed", Bytes: [2]int64{old.Bytes, e.Bytes}})
		}
	}
	gone := map[string][]string{}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if sum := before[path].SHA256; sum != "" {
			gone[sum] = append(gone[sum], path)
		}
	}
	for _, e := range added {
		if from := gone[e.SHA256]; e.SHA256 != "" && len(from) > 0 {
			changes = append(changes, FileChange{
				Path: e.Path, From: from[0], Change: "renamed", Bytes: [2]int64{e.Bytes, e.Bytes},
			})
			gone[e.SHA256] = from[1:]
			delete(before, from[0])
			continue
		}
		changes = append(changes, FileChange{Path: e.Path, Change: "added", Bytes: [2]int64{0, e.Bytes}})
	}
	for path, e := range before {
		changes = append(changes, FileChange{Path: path, Change: "removed", Bytes: [2]int64{e.Bytes, 0}})
	}
	slices.SortFunc(changes, func(x, y FileChange) int { return strings.Compare(x.Path, y.Path) })
	return changes
}
