package git

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// An example leaves the repository that the environment names alone, and makes its own.
func TestExample(t *testing.T) {
	other := gittest.New(t)
	t.Setenv("GIT_DIR", filepath.Join(other.Dir, ".git"))
	t.Setenv("GIT_WORK_TREE", other.Dir)
	ctx, root := context.Background(), t.TempDir()
	e := Example{filepath.Join(root, "project")}
	read := func(dir string) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "a.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(e.Dir, 0o777))
	check(e.Init(ctx, "Demo", "demo@example.org"))
	check(os.WriteFile(filepath.Join(e.Dir, "a.txt"), []byte("one\n"), 0o666))
	check(e.CommitAll(ctx, "Start"))
	check(e.Apply(ctx, []byte("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n")))
	if got := read(e.Dir); got != "two\n" {
		t.Errorf("after the patch: %q", got)
	}
	check(e.Restore(ctx, "a.txt"))
	if got := read(e.Dir); got != "one\n" {
		t.Errorf("after Restore: %q", got)
	}
	bare := filepath.Join(root, "origin.git")
	check(e.Publish(ctx, bare))
	clone, err := e.Clone(ctx, bare, filepath.Join(root, "clone"))
	check(err)
	if got := read(clone.Dir); got != "one\n" {
		t.Errorf("in the clone: %q", got)
	}
	if _, err := e.Clone(ctx, filepath.Join(root, "nothing"), filepath.Join(root, "again")); err == nil {
		t.Error("a clone of nothing is no error")
	}
	if entries, _ := os.ReadDir(filepath.Join(other.Dir, ".git", "refs", "heads")); len(entries) > 0 {
		t.Errorf("the other repository has branches: %v", entries)
	}
}
