package repo

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPythonHasTheSameWriters: the audit hook tells of the modules whose endings are known here.
func TestPythonHasTheSameWriters(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "python", "src", "gitruns", "_reads.py"))
	if err != nil {
		t.Fatal(err)
	}
	names := func(list string) (found []string) {
		_, text, _ := strings.Cut(string(source), "\n"+list+" = frozenset(\n    (")
		text, _, _ = strings.Cut(text, ")")
		for _, item := range strings.Split(text, ",") {
			found = append(found, strings.Trim(item, " \n\""))
		}
		slices.Sort(found)
		return found
	}
	if got, want := names("_WRITERS"), slices.Sorted(maps.Keys(writers)); !slices.Equal(got, want) {
		t.Errorf("python: %q\nhere:   %q", got, want)
	}
	for _, name := range names("_NATIVE") {
		if first, _, _ := strings.Cut(name, "."); writers[first] == nil && !slices.Contains(names("_WRITERS"), first) {
			t.Errorf("%s reads unseen, and may write unseen too", name)
		}
	}
}
