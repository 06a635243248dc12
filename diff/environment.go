package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Change is a key whose texts differ between the sides. A side that lacks the key has an empty text.
type Change struct{ Key, A, B string }

// changes collects the differences.
type changes []Change

func (c *changes) add(key, a, b string) {
	if a != b {
		*c = append(*c, Change{key, a, b})
	}
}

// CompareEnvironments lists the differences between two environments. It compares packages by name. The list is empty
// if one environment is nil.
func CompareEnvironments(a, b *format.EnvironmentFile) []Change {
	if a == nil || b == nil {
		return nil
	}
	var c changes
	c.add("os", a.OS, b.OS)
	c.add("arch", a.Arch, b.Arch)
	c.add("driver", a.Driver, b.Driver)
	c.add("cuda", a.CUDA, b.CUDA)
	c.add("python", pythonOf(a), pythonOf(b))
	for _, part := range []struct {
		prefix string
		a, b   format.Packages
	}{
		{"", a.Packages, b.Packages},
		{"conda:", a.Conda, b.Conda},
		{"go:", a.Go, b.Go},
		{"node:", a.Node, b.Node},
		{"r:", a.R, b.R},
	} {
		c.texts(part.prefix, part.a, part.b)
	}
	c.texts("", a.Locks, b.Locks)
	c.texts(EditableKey, editables(a, b), editables(b, a))
	return c
}

// EditableKey begins the key of a difference between the sources of an editable package.
const EditableKey = "editable:"

// editables describes the sources of the editable packages of an environment that are known. It leaves out those of
// which another environment has the same source, or does not know it.
func editables(e, other *format.EnvironmentFile) map[string]string {
	texts := map[string]string{}
	for _, p := range e.Editable {
		i := slices.IndexFunc(other.Editable, func(o format.Editable) bool { return o.Name == p.Name })
		if i >= 0 {
			if o := other.Editable[i]; o.Tree+o.Files == p.Tree+p.Files || o.Tree+o.Files == "" && o.Commit == p.Commit {
				continue
			}
		}
		switch {
		case p.Tree != "" && p.Dirty:
			texts[p.Name] = fmt.Sprintf("commit %.12s with changes, tree %.12s", p.Commit, p.Tree)
		case p.Tree != "":
			texts[p.Name] = fmt.Sprintf("commit %.12s", p.Commit)
		case p.Files != "":
			texts[p.Name] = fmt.Sprintf("files %.12s", p.Files)
		}
	}
	return texts
}

func pythonOf(e *format.EnvironmentFile) string {
	if e.Python == nil {
		return ""
	}
	return strings.TrimSpace(e.Python.Implementation + " " + e.Python.Version)
}

// texts adds the keys of two maps that differ, sorted.
func (c *changes) texts(prefix string, a, b map[string]string) {
	keys := map[string]string{}
	maps.Copy(keys, a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		c.add(prefix+key, a[key], b[key])
	}
}

// CompareVariables lists the recorded environment variables that differ. Either environment may be nil.
func CompareVariables(a, b *format.Environment) []Change {
	var c changes
	var x, y map[string]string
	if a != nil {
		x = a.Variables
	}
	if b != nil {
		y = b.Variables
	}
	c.texts("", x, y)
	return c
}

// CompareMachines lists the differences between two machines that may change a result. The list is empty if one
// machine is nil.
func CompareMachines(a, b *format.Machine) []Change {
	if a == nil || b == nil {
		return nil
	}
	var c changes
	c.add("cpu", a.CPU, b.CPU)
	c.add("gpus", strings.Join(a.GPUs, ", "), strings.Join(b.GPUs, ", "))
	return c
}

// WhatMatters puts the differences of environments that matter most first: the interpreter, then the system, then the
// packages that the program imports, of which imported has the names, then modules of other languages and lock files.
// It returns how many these are; the other packages follow in their order.
func WhatMatters(changes []Change, imported map[string]bool) (sorted []Change, most int) {
	rank := func(c Change) int {
		switch {
		case c.Key == "python":
			return 0
		case c.Key == "os" || c.Key == "arch" || c.Key == "driver" || c.Key == "cuda":
			return 1
		case imported[strings.TrimPrefix(strings.TrimPrefix(c.Key, "conda:"), EditableKey)]:
			return 2
		case strings.HasPrefix(c.Key, "conda:"), !strings.ContainsAny(c.Key, ":."):
			return 4 // a package of Python; the name of a lock file has a dot
		}
		return 3
	}
	sorted = slices.Clone(changes)
	slices.SortStableFunc(sorted, func(a, b Change) int { return rank(a) - rank(b) })
	for _, c := range sorted {
		if rank(c) < 4 {
			most++
		}
	}
	return sorted, most
}
