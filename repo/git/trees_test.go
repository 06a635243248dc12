package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTreeThatIsNotWritten: git mktree names a tree also where it could not write it. A commit on it would be damaged.
func TestTreeThatIsNotWritten(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	edits := []Edit{{"a/b", "100644", strings.Repeat("1", 40)}}
	open := func() (Dirs, *Trees) {
		dir := t.TempDir()
		if out, err := exec.Command("git", "init", "-q", "--object-format=sha1", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		dirs, ok, err := Discover(dir)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		trees, err := OpenTrees(t.Context(), dirs)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(trees.Close)
		return dirs, trees
	}
	_, trees := open()
	id, err := trees.Edit("", edits)
	if err != nil {
		t.Fatal(err)
	}
	below, _, err := trees.Find(id, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{id, below.ID} {
		dirs, trees := open()
		if err := os.WriteFile(filepath.Join(dirs.Common, "objects", lost[:2]), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := trees.Edit("", edits); err == nil || !strings.HasPrefix(err.Error(), "git mktree: ") {
			t.Errorf("a tree that could not be written is %s, %v", got, err)
		}
	}
}
