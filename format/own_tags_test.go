package format

import (
	"maps"
	"testing"
)

func TestShownTags(t *testing.T) {
	tags := map[string]string{"a": "1", "runs.model.1": "{}", "runs": "2", "Runs.x": "3"}
	if got := ShownTags(tags); !maps.Equal(got, map[string]string{"a": "1", "runs": "2", "Runs.x": "3"}) ||
		len(tags) != 4 {
		t.Error(got, tags)
	}
	if got := ShownTags(nil); len(got) != 0 {
		t.Error(got)
	}
}
