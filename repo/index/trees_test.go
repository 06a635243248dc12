package index

import (
	"slices"
	"testing"
)

// TestFolders: what is in the folder of a day is kept by the id of its tree, and is not believed for another day.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	open := func() *Cache { return OpenCache(dir, "folders", "folders") }
	a, b, c := "20260101-000000-aaaaaaa1", "20260101-000000-aaaaaaa2", "20260102-000000-aaaaaaa3"
	first := map[string]Folder{
		"t1": {IDs: []string{a, b}, Batch: "batch-k7qx2m9a"}, "t2": {IDs: []string{c}}, "t3": {IDs: []string{}},
	}
	open().AddFolders(first, map[string]bool{"t1": true})
	open().AddFolders(map[string]Folder{"t4": {IDs: []string{a}}}, map[string]bool{"t4": true})
	for _, x := range []struct {
		tree, day string
		want      Folder
		ok        bool
	}{
		{"t1", "2026-01-01", first["t1"], true},
		{"t1", "2026-01-02", Folder{}, false},
		{"t1", "2026-1-01", Folder{}, false},
		{"t2", "2026-01-02", first["t2"], true},
		{"t3", "2026-01-02", first["t3"], true},
		{"t4", "2026-01-01", Folder{IDs: []string{a}}, true},
		{"t5", "2026-01-01", Folder{}, false},
	} {
		got, ok := open().Folder(x.tree, x.day)
		if ok != x.ok || got.Batch != x.want.Batch || !slices.Equal(got.IDs, x.want.IDs) {
			t.Errorf("%s of %s: %v %t, want %v %t", x.tree, x.day, got, ok, x.want, x.ok)
		}
	}
}
