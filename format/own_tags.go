package format

import (
	"maps"
	"strings"
)

// OwnTagPrefix begins the names of tags in which a program keeps what it knows of a run, such as the models that a
// client of MLflow has logged. They are recorded as all tags are. People are not shown them.
const OwnTagPrefix = "runs."

// ShownTags returns tags without those whose names begin with OwnTagPrefix.
func ShownTags(tags map[string]string) map[string]string {
	shown := maps.Clone(tags)
	maps.DeleteFunc(shown, func(key, _ string) bool { return strings.HasPrefix(key, OwnTagPrefix) })
	return shown
}
