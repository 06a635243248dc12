package query

import (
	"maps"
	"slices"
	"strings"
)

// maxNames bounds how many keys a message lists.
const maxNames = 10

// Names lists the first keys of a map for a message, sorted; "none" if it is empty.
func Names[V any](m map[string]V) string {
	keys := slices.Sorted(maps.Keys(m))
	switch {
	case len(keys) == 0:
		return "none"
	case len(keys) > maxNames:
		keys = append(keys[:maxNames], "…")
	}
	return strings.Join(keys, ", ")
}
