package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestCheckOut writes the files of a tree into an empty folder, and into a worktree that shows what was not committed.
func TestCheckOut(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256", "odd names", "sparse checkout", "linked worktree", "submodule"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			r := gittest.Named(t, shape).Make(t)
			dirs := open(t, r)
			r.Write(".gitattributes", "*.txt text eol=crlf\n")
			s := scratch(t, dirs)
			check(t, s.CopyIndex())
			blob := strings.TrimSpace(s.text(t, "rev-parse", "HEAD:README"))
			check(t, s.Remove(t.Context(), []string{"src/new.py"}))
			check(t, s.StageContent(t.Context(), "made/x.txt", "100644", []byte("made\n")))
			dir := filepath.Join(r.Base, "out")
			check(t, os.Mkdir(dir, 0o777))
			pointers, err := s.CheckOut(t.Context(), dir)
			check(t, err)
			equal(t, "pointers", pointers, false)
			made, err := os.ReadFile(filepath.Join(dir, "made", "x.txt"))
			check(t, err)
			equal(t, "made", string(made), "made\n") // the attributes of the tree count: it has none
			if _, err := os.Stat(filepath.Join(dir, "README")); err != nil {
				t.Errorf("%s: %v", shape, err)
			}
			worktree := filepath.Join(r.Base, "worktree")
			check(t, s.AddWorktree(t.Context(), worktree, r.Head))
			status := gittest.Git(t, worktree, "status", "--porcelain", "--untracked-files=all")
			if !strings.Contains(status, " D src/new.py") || !strings.Contains(status, "?? made/x.txt") {
				t.Errorf("%s: status %q", shape, status)
			}
			equal(t, "blob", gittest.Git(t, worktree, "hash-object", "README"), blob)
			if err := s.AddWorktree(t.Context(), worktree, r.Head); err == nil {
				t.Error("a second worktree in the same place is no error")
			}
		})
	}
}
