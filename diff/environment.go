package diff

import (
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Change is a key that two sides give differently; a side without it has an empty text.
type Change struct{ Key, A, B string }

// CompareEnvironments lists what differs between two environments, packages by name. Either may be nil: not known.
func CompareEnvironments(a, b *format.EnvironmentFile) []Change {
	if a == nil || b == nil {
		return nil
	}
	var changes []Change
	add := func(key, x, y string) {
		if x != y {
			changes = append(changes, Change{key, x, y})
		}
	}
	add("os", a.OS, b.OS)
	add("arch", a.Arch, b.Arch)
	add("driver", a.Driver, b.Driver)
	add("cuda", a.CUDA, b.CUDA)
	add("python", pythonOf(a), pythonOf(b))
	for _, part := range []struct {
		prefix string
		a, b   format.Packages
	}{{"", a.Packages, b.Packages}, {"conda:", a.Conda, b.Conda}, {"go:", a.Go, b.Go}, {"node:", a.Node, b.Node}, {"r:", a.R, b.R}} {
		changes = append(changes, compareTexts(part.prefix, part.a, part.b)...)
	}
	return append(changes, compareTexts("", a.Locks, b.Locks)...)
}

func pythonOf(e *format.EnvironmentFile) string {
	if e.Python == nil {
		return ""
	}
	return strings.TrimSpace(e.Python.Implementation + " " + e.Python.Version)
}

func compareTexts(prefix string, a, b map[string]string) []Change {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if a[key] != b[key] {
			changes = append(changes, Change{prefix + key, a[key], b[key]})
		}
	}
	return changes
}

// CompareMachines lists what of two machines may change a result.
func CompareMachines(a, b *format.Machine) []Change {
	if a == nil || b == nil {
		return nil
	}
	var changes []Change
	add := func(key, x, y string) {
		if x != y {
			changes = append(changes, Change{key, x, y})
		}
	}
	add("cpu", a.CPU, b.CPU)
	add("gpus", strings.Join(a.GPUs, ", "), strings.Join(b.GPUs, ", "))
	return changes
}
