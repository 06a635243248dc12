package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLFSFilters: without the attribute, Git LFS takes nothing.
func TestLFSFilters(t *testing.T) {
	r, dirs := plain(t)
	takes, err := LFSFilters(t.Context(), dirs, "model.bin")
	check(t, err)
	equal(t, "without the attribute", takes, false)
	r.Write(".gitattributes", "*.bin filter=lfs\n")
	t.Setenv("PATH", gitOnly(t))
	if _, err := LFSFilters(t.Context(), dirs, "model.bin"); !errors.Is(err, ErrNoLFS) {
		t.Errorf("with the attribute, without Git LFS: %v", err)
	}
}

// gitOnly is a folder for PATH that has Git and nothing else.
func gitOnly(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for at := range strings.SplitSeq(os.Getenv("PATH"), string(os.PathListSeparator)) {
		if path := filepath.Join(at, "git"); os.Symlink(path, filepath.Join(dir, "git")) == nil {
			if _, err := os.Stat(path); err == nil {
				return dir
			}
			check(t, os.Remove(filepath.Join(dir, "git")))
		}
	}
	t.Skip("no Git to link to")
	return ""
}
