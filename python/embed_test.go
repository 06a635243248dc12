package python

import (
	"io/fs"
	"os"
	"testing"
)

// TestAllIsEmbedded: a file of the client that no pattern names would be missing where nothing is installed.
func TestAllIsEmbedded(t *testing.T) {
	seen := 0
	err := fs.WalkDir(os.DirFS("."), "src/gitruns", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "__pycache__" || entry.Name() == "_bin" {
				return fs.SkipDir
			}
			return nil
		}
		seen++
		if _, err := Source.ReadFile(name); err != nil {
			t.Errorf("%s is not embedded", name)
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Errorf("%d files, %v", seen, err)
	}
}
