package git

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestTreeThatIsNotWritten: git mktree names a tree also where it could not write it. A commit on it would be damaged.
func TestTreeThatIsNotWritten(t *testing.T) {
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
		if got, err := trees.Edit("", edits); err == nil || !strings.HasPrefix(err.Error(), "git: ") {
			t.Errorf("a tree that could not be written is %s, %v", got, err)
		}
	}
}

// TestTreesEdit changes a tree as the index would.
func TestTreesEdit(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256", "odd names"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			r := gittest.Named(t, shape).Make(t)
			dirs := open(t, r)
			trees := openTrees(t, dirs)
			blob := r.Git("rev-parse", "HEAD:README")
			for _, c := range []struct {
				name  string
				edits []Edit
				index []string // arguments of update-index that do the same
			}{
				{"nothing", nil, nil},
				{
					"a new file",
					[]Edit{{"new/deep/file", "100644", blob}},
					[]string{"--add", "--cacheinfo", "100644," + blob + ",new/deep/file"},
				},
				{
					"another content and mode",
					[]Edit{{"src/new.py", "100755", blob}},
					[]string{"--cacheinfo", "100755," + blob + ",src/new.py"},
				},
				{"a removed file", []Edit{{Path: "src/new.py"}}, []string{"--force-remove", "src/new.py"}},
				{"a removed folder", []Edit{{Path: "src"}}, []string{"--force-remove", "src/new.py", "src/train.py"}},
				{"the last file of a folder", []Edit{{Path: "a/.runs/x"}}, []string{"--force-remove", "a/.runs/x"}},
				{"what is not there", []Edit{{Path: "absent/x"}, {Path: "README/x"}}, nil},
				{
					"a file in place of a folder",
					[]Edit{{"src", "100644", blob}},
					[]string{"--add", "--replace", "--cacheinfo", "100644," + blob + ",src"},
				},
				{
					"a folder in place of a file",
					[]Edit{{"README/x", "100644", blob}},
					[]string{"--add", "--replace", "--cacheinfo", "100644," + blob + ",README/x"},
				},
				{
					"the later one of two",
					[]Edit{{"x", "100644", r.Git("rev-parse", "HEAD:src/train.py")}, {"x", "100644", blob}},
					[]string{"--add", "--cacheinfo", "100644," + blob + ",x"},
				},
				{
					"a folder and then a file",
					[]Edit{{"x/y", "100644", blob}, {"x", "100644", blob}},
					[]string{"--add", "--cacheinfo", "100644," + blob + ",x"},
				},
				{
					"a file and then a folder",
					[]Edit{{"x", "100644", blob}, {"x/y", "100644", blob}},
					[]string{"--add", "--cacheinfo", "100644," + blob + ",x/y"},
				},
				{
					"sorted as Git sorts",
					[]Edit{{"src.txt", "100644", blob}, {"src-x/y", "100644", blob}},
					[]string{"--add", "--cacheinfo", "100644," + blob + ",src.txt", "--cacheinfo", "100644," + blob + ",src-x/y"},
				},
			} {
				got, err := trees.Edit(r.Head, c.edits)
				check(t, err)
				if len(c.edits) == 0 {
					equal(t, c.name, got, r.Head)
					continue
				}
				if len(c.index) > 0 {
					r.Git(append([]string{"update-index"}, c.index...)...)
				}
				equal(t, shape+": "+c.name, got, r.Git("write-tree"))
				r.Git("read-tree", "HEAD")
			}
			if tree, err := trees.Edit("", []Edit{{Path: "absent"}}); err != nil || tree != "" {
				t.Errorf("nothing of nothing: %q, %v", tree, err)
			}
			for _, path := range []string{"", "/x", "a//b"} {
				if _, err := trees.Edit("", []Edit{{path, "100644", blob}}); err == nil {
					t.Errorf("%q is a path", path)
				}
			}
			empty, err := trees.Empty()
			check(t, err)
			equal(t, "Empty", empty, r.Git("hash-object", "-t", "tree", os.DevNull))
		})
	}
}

// TestReadAll: trees that are read together are those that are read one by one, whatever was asked for before.
func TestReadAll(t *testing.T) {
	_, dirs := plain(t)
	trees := openTrees(t, dirs)
	var ids []string
	for i := range 3 * readAtOnce {
		id, err := trees.Edit("", []Edit{{fmt.Sprintf("f%d", i), "100644", strings.Repeat("1", 40)}})
		check(t, err)
		ids = append(ids, id)
	}
	none := strings.Repeat("2", 40)
	for _, c := range []struct {
		ahead, ids []string
		lost       bool
	}{
		{nil, append(ids, ids...), false},
		{ids[:2], ids, false},
		{nil, nil, false},
		{nil, []string{"", "HEAD", ids[0]}, false},
		{nil, []string{ids[0], none, ids[50]}, true},
	} {
		trees := openTrees(t, dirs)
		if len(c.ahead) > 0 {
			check(t, trees.Ahead(c.ahead...))
		}
		if err := trees.ReadAll(c.ids); errors.Is(err, ErrNoObject) != c.lost || err != nil && !c.lost {
			t.Errorf("%q: %v", c.ids, err)
		}
		for i, id := range ids {
			entries, err := trees.Read(id)
			check(t, err)
			if len(entries) != 1 || entries[0].Name != fmt.Sprintf("f%d", i) {
				t.Errorf("tree %d is %v", i, entries)
			}
		}
	}
}
