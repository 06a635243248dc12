package transition

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/secret"
)

// fixed lists the keys of a run.toml that no change touches. A "*" stands for the items of a list. Digests that follow
// the bytes of a redacted file are compared apart from these.
var fixed = []string{
	"schema", "id", "status", "started", "ended", "exit_code", "parent", "resumes", "adds", "reproduces", "requires",
	"metrics", "defined", "files",
	"source.commit", "source.dirty", "source.tree", "source.base", "source.durable", "source.patches", "source.reader",
	"source.redacted", "source.redacted_tree", "source.omitted.*.bytes", "source.omitted.*.count",
	"source.submodules.*.path", "source.submodules.*.commit", "source.submodules.*.tree", "source.submodules.*.base",
	"source.submodules.*.patches", "source.submodules.*.redacted",
	"source.packages.*.name", "source.packages.*.commit", "source.packages.*.tree", "source.packages.*.base",
	"source.packages.*.patches", "source.packages.*.redacted", "source.packages.*.folder", "source.packages.*.omitted",
	"environment.digest", "environment.python", "environment.os", "environment.arch",
	"machine.cores", "machine.memory",
	"datasets.*.sha256", "datasets.*.bytes", "datasets.*.files", "datasets.*.rows", "datasets.*.manifest",
	"datasets.*.hash", "datasets.*.dvc",
	"artifacts.*.path", "artifacts.*.sha256", "artifacts.*.bytes", "artifacts.*.step", "artifacts.*.where",
}

// structured lists the keys of a run.toml whose tables have keys that the format defines. The keys of all other tables
// are somebody's text, and a redaction may replace them.
var structured = []string{
	"", "source", "source.omitted.*", "source.submodules.*", "source.packages.*", "environment", "machine", "datasets.*",
	"artifacts.*",
}

// known lists the keys that the format defines at the top of a run.toml. Other keys there may be redacted.
var known = []string{
	"schema", "id", "name", "key", "experiment", "status", "started", "ended", "end_reason", "author", "command", "cwd",
	"exit_code", "signal", "group", "parent", "resumes", "adds", "reproduces", "note", "nulls", "params", "tags",
	"metrics", "summary", "defined", "source", "environment", "machine", "datasets", "artifacts", "conflicts", "extra",
	"files", "redacted", "requires",
}

// maxSteps bounds the work of comparing two records, which may be hostile.
const maxSteps = 5_000_000

// comparison compares two tables of which one is a redaction of the other.
type comparison struct {
	fixed      []string
	structured []string
	known      []string
	steps      int
}

// compareRecords returns the first difference between two records that is not a redaction, or an empty text.
func compareRecords(was, is map[string]any) string {
	c := comparison{fixed: fixed, structured: structured, known: known}
	return c.table("", was, is)
}

// compareNotes is compareRecords for the files of annotations.
func compareNotes(was, is map[string]any) string {
	c := comparison{
		fixed: []string{"schema", "time"}, structured: []string{""},
		known: []string{"schema", "time", "author", "name", "note", "removed", "tags"},
	}
	return c.table("", was, is)
}

// table compares two tables and returns the first key that differs by more than a redaction.
func (c *comparison) table(at string, was, is map[string]any) string {
	var gone, came []string
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[key]; !ok {
			gone = append(gone, key)
			continue
		}
		if reason := c.value(join(at, key), was[key], is[key]); reason != "" {
			return reason
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[key]; !ok {
			came = append(came, key)
		}
	}
	return c.renamed(at, was, is, gone, came)
}

// renamed compares the keys that only one of two tables has: each former key must have become another one.
func (c *comparison) renamed(at string, was, is map[string]any, gone, came []string) string {
	for i := range max(len(gone), len(came)) {
		switch {
		case i >= len(came):
			return join(at, gone[i]) + " was removed"
		case i >= len(gone):
			return join(at, came[i]) + " was added"
		case slices.Contains(c.structured, at) && (at != "" || slices.Contains(c.known, gone[i])):
			return join(at, gone[i]) + " was removed"
		}
	}
	fits := func(i, j int) bool {
		c.steps++
		return c.steps <= maxSteps && secret.IsRedacted([]byte(gone[i]), []byte(came[j])) &&
			c.value(join(at, gone[i]), was[gone[i]], is[came[j]]) == ""
	}
	if i := unmatched(len(gone), fits); i >= 0 {
		return join(at, gone[i]) + " was removed"
	}
	return ""
}

// unmatched assigns each of n keys another one of n that fits it, along augmenting paths. It returns a key that is left
// over, or -1.
func unmatched(n int, fits func(i, j int) bool) int {
	taken := make([]int, n) // 1 + the key that it is assigned to
	var seen []bool
	var assign func(i int) bool
	assign = func(i int) bool {
		for j := range n {
			if seen[j] || !fits(i, j) {
				continue
			}
			seen[j] = true
			if taken[j] == 0 || assign(taken[j]-1) {
				taken[j] = i + 1
				return true
			}
		}
		return false
	}
	for i := range n {
		seen = make([]bool, n)
		if !assign(i) {
			return i
		}
	}
	return -1
}

// value compares two values at a path.
func (c *comparison) value(at string, was, is any) string {
	if c.steps++; c.steps > maxSteps {
		return "it has too many values to compare"
	}
	if slices.Contains(c.fixed, at) {
		if !same(was, is) {
			return c.describe(at, was, is)
		}
		return ""
	}
	switch old := was.(type) {
	case map[string]any:
		if now, ok := is.(map[string]any); ok {
			return c.table(at, old, now)
		}
	case []any:
		now, ok := is.([]any)
		if !ok || len(now) != len(old) {
			return at + " changed"
		}
		for i := range old {
			if reason := c.value(join(at, "*"), old[i], now[i]); reason != "" {
				return reason
			}
		}
		return ""
	case string:
		if now, ok := is.(string); ok && secret.IsRedacted([]byte(old), []byte(now)) {
			return ""
		}
	default:
		now, ok := is.(string)
		if same(was, is) || ok && isNumber(was) && secret.IsRedacted([]byte(fmt.Sprint(was)), []byte(now)) {
			return ""
		}
	}
	return at + " changed"
}

// describe names the difference between two values that must be equal.
func (c *comparison) describe(at string, was, is any) string {
	old, ok := was.(map[string]any)
	now, ok2 := is.(map[string]any)
	if !ok || !ok2 {
		return at + " changed"
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if v, ok := now[key]; !ok {
			return join(at, key) + " was removed"
		} else if !same(old[key], v) {
			return c.describe(join(at, key), old[key], v)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, ok := old[key]; !ok {
			return join(at, key) + " was added"
		}
	}
	return at + " changed"
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// same reports whether two values are equal. NaN equals NaN.
func same(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b))
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	}
	return reflect.DeepEqual(a, b)
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return strings.Join([]string{at, key}, ".")
}
