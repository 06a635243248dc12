package query

import (
	"maps"
	"slices"
	"strings"
)

// maxNames is the maximum number of keys that a message lists.
const maxNames = 10

// Names returns the first keys of a map, sorted, as text for a message. It returns "none" if the map is empty.
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
