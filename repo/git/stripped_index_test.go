package git

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestSourceWithoutRuns: what is captured does not depend on whether the files in .runs are left out of the copy of the
// index or of the tree that is made of it.
func TestSourceWithoutRuns(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			return
		}
		dirs := open(t, r)
		forms := indexForms
		if !r.SHA256 && !r.Sparse && r.Name != "plain" {
			forms = forms[:2]
		}
		for i, form := range forms {
			random := rand.New(rand.NewPCG(uint64(i), uint64(len(r.Name))))
			for _, args := range form.make {
				if out, err := tryGit(r, args); err != nil && !r.Sparse {
					t.Fatalf("%s: git %q: %s", form.name, args, out)
				}
			}
			for range 6 {
				changeTree(t, r, random)
			}
			want := captured(t, dirs, func(s *Scratch) error { return copyIndex(dirs.indexPath(), s.index()) })
			got := captured(t, dirs, (*Scratch).CopyIndex)
			if got != want {
				t.Errorf("%s: without the runs:\n%s\nwith them:\n%s", form.name, got, want)
			}
		}
	})
}

// tryGit runs Git in a repository whose index may not suit the arguments.
func tryGit(r *gittest.Repository, args []string) (string, error) { return gittest.Try(r.Dir, args...) }

// indexForms are ways to store an index. Each follows on the one before it.
var indexForms = []struct {
	name string
	make [][]string
}{
	{"as it is", nil},
	{"cached trees", [][]string{{"add", "-A"}, {"write-tree"}}},
	{"compressed names", [][]string{{"update-index", "--index-version", "4"}}},
	{"caches of other kinds", [][]string{{"update-index", "--untracked-cache"}, {"status"}}},
	{"split", [][]string{{"update-index", "--split-index"}}},
	{"split later", [][]string{{"add", "-A"}}},
	{"whole again", [][]string{{"update-index", "--no-split-index"}, {"update-index", "--index-version", "2"}}},
	{"sparse", [][]string{
		{"sparse-checkout", "init", "--cone", "--sparse-index"}, {"sparse-checkout", "set", "src", "deep"},
	}},
}

// changeTree makes one change of the working tree or the index, often in a folder named .runs.
func changeTree(t *testing.T, r *gittest.Repository, random *rand.Rand) {
	names := []string{
		".runs/config.toml", ".runs/2026-01-02/x/run.toml", "src/.runs/a/b", "deep/er/.runs/x", "deep/er/code.py",
		"only/.runs/x", "x.runs/kept", ".runs.txt", "late/.runs", "README", "new line\n/.runs/x", "src/.runs/a/.runs/c",
		"z/" + strings.Repeat("long/", 20) + ".runs/x",
	}
	name := names[random.IntN(len(names))]
	path := r.Path(name)
	switch random.IntN(9) {
	case 0, 1, 2:
		if os.MkdirAll(filepath.Dir(path), 0o777) == nil {
			_ = os.WriteFile(path, fmt.Appendf(nil, "%d\n", random.IntN(4)), 0o666)
		}
	case 3, 4:
		_, _ = tryGit(r, []string{"--literal-pathspecs", "add", "-f", "--sparse", "--", name})
	case 5:
		_, _ = tryGit(r, []string{"add", "-A"})
	case 6:
		_ = os.RemoveAll(path)
	case 7:
		_, _ = tryGit(r, []string{"--literal-pathspecs", "add", "-N", "-f", "--sparse", "--", name})
	case 8: // more files than Git lists one by one
		day := fmt.Sprintf(".runs/2026-01-%02d", 3+random.IntN(9))
		for i := range 120 {
			r.Write(fmt.Sprintf("%s/%d", day, i), "x\n")
		}
		_, _ = tryGit(r, []string{"add", "-f", "--sparse", "--", day})
		if random.IntN(2) == 0 {
			_, _ = tryGit(r, []string{"commit", "-q", "-m", "runs"})
		}
	}
}

// captured describes all that a capture learns from a copy of the index.
func captured(t *testing.T, dirs Dirs, copyTo func(*Scratch) error) string {
	t.Helper()
	s := scratch(t, dirs)
	check(t, copyTo(s))
	w, err := s.ReadWorktree(t.Context())
	check(t, err)
	for _, names := range [][]string{w.Modified, w.Deleted, w.Untracked, w.Nested, w.Submodules} {
		slices.Sort(names)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "modified %q\ndeleted %q\nuntracked %q\nnested %q\nsubmodules %q\nfolders %v\n",
		w.Modified, w.Deleted, w.Untracked, w.Nested, w.Submodules, w.Folders)
	check(t, s.Remove(t.Context(), w.Deleted))
	failed, err := s.Stage(t.Context(), append(w.Modified, w.Untracked...))
	check(t, err)
	tree, err := s.Tree(t.Context(), w)
	check(t, err)
	fmt.Fprintf(&b, "failed %q\ntree %s\n", failed, tree)
	refs, err := s.ReadRefs(t.Context())
	check(t, err)
	if refs.Commit != "" {
		check(t, s.SkipRuns(t.Context(), refs.Commit))
		check(t, s.DifferenceToIndex(t.Context(), refs.Commit, &b))
		check(t, s.Difference(t.Context(), refs.Commit, tree, &b))
	}
	return b.String()
}

// TestStrippedIndexHasNoRuns: a copy of the index has no entry in .runs, and the trees that it knows are right.
func TestStrippedIndexHasNoRuns(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256", "odd names"} {
		for _, version := range []string{"2", "4"} {
			r := gittest.Named(t, shape).Make(t)
			dirs := open(t, r)
			r.Commit("more runs", map[string]string{
				"src/.runs/x/y": "y\n", "src/z": "z\n", strings.Repeat("d/", 60) + ".runs/x": "x",
			})
			r.Git("update-index", "--index-version", version)
			r.Git("write-tree")
			s := scratch(t, dirs)
			check(t, s.CopyIndex())
			whole := scratch(t, dirs)
			check(t, copyIndex(dirs.indexPath(), whole.index()))
			list := append([]string{"ls-files", "-z", "-s", "-v", "--debug"}, outsideRuns...)
			equal(t, shape+" entries", s.text(t, list...), whole.text(t, list...))
			info, err := os.Stat(dirs.indexPath())
			check(t, err)
			copied, err := os.Stat(s.index())
			check(t, err)
			equal(t, "time", copied.ModTime(), info.ModTime())
			stripped, err := s.Strip(t.Context(), r.Git("rev-parse", "HEAD"))
			check(t, err)
			equal(t, shape+version, s.text(t, "write-tree"), stripped+"\n")
			if files := s.text(t, "ls-files"); strings.Contains(files, ".runs/") || !strings.Contains(files, "src/z") {
				t.Errorf("%s: the copy has the files %s", shape, files)
			}
			if len(s.runs) != 4 || s.runs["src"] != 1 || s.runs[""] != 2 {
				t.Errorf("%s: entries left out: %v", shape, s.runs)
			}
		}
	}
}

// TestStripIndexOfUnusualForm: an index that only Git can read is refused, and the capture copies it as it is.
func TestStripIndexOfUnusualForm(t *testing.T) {
	r, dirs := plain(t)
	whole, err := os.ReadFile(dirs.indexPath())
	check(t, err)
	for name, data := range map[string][]byte{
		"empty":         nil,
		"no index":      []byte(strings.Repeat("x", 200)),
		"version 5":     append([]byte("DIRC\x00\x00\x00\x05"), whole[8:]...),
		"truncated":     whole[:len(whole)/2],
		"without an id": whole[:len(whole)-1],
		"more entries":  append(append([]byte{}, whole[:11]...), append([]byte{whole[11] + 1}, whole[12:]...)...),
	} {
		_, err := stripIndex(bytes.NewReader(data), int64(len(data)), &memoryFile{})
		equal(t, name, err, errUnusualIndex)
	}
	r.Git("update-index", "--split-index")
	s := scratch(t, dirs)
	check(t, s.CopyIndex())
	equal(t, "folders", len(s.runs), 0)
	w, err := s.ReadWorktree(t.Context())
	check(t, err)
	tree, err := s.Tree(t.Context(), w)
	check(t, err)
	stripped, err := s.Strip(t.Context(), r.Head)
	check(t, err)
	equal(t, "tree", tree, stripped)
}

// memoryFile is a file in memory.
type memoryFile struct {
	data []byte
	at   int
}

func (m *memoryFile) Write(p []byte) (int, error) {
	m.data = append(m.data[:m.at], append(append([]byte{}, p...), m.data[min(len(m.data), m.at+len(p)):]...)...)
	m.at += len(p)
	return len(p), nil
}

func (m *memoryFile) Truncate(size int64) error {
	m.data = m.data[:size]
	return nil
}

func (m *memoryFile) Seek(to int64, _ int) (int64, error) {
	m.at = int(to)
	return to, nil
}

// TestKeptCopyOfTheIndex: a copy that was kept gives what the index gives, and is not used if either has changed.
func TestKeptCopyOfTheIndex(t *testing.T) {
	r, dirs := plain(t)
	copied := func() (string, map[string]int) {
		t.Helper()
		s := scratch(t, dirs)
		check(t, s.CopyIndex())
		data, err := os.ReadFile(s.index())
		check(t, err)
		return string(data), s.runs
	}
	fresh := func() (string, map[string]int) {
		t.Helper()
		data, err := os.ReadFile(dirs.indexPath())
		check(t, err)
		var out memoryFile
		runs, err := stripIndex(bytes.NewReader(data), int64(len(data)), &out)
		check(t, err)
		return string(out.data), runs
	}
	same := func(what string) {
		t.Helper()
		got, gotRuns := copied()
		want, wantRuns := fresh()
		if got != want || !maps.Equal(gotRuns, wantRuns) {
			t.Errorf("%s: got %q with %v, want %q with %v", what, got, gotRuns, want, wantRuns)
		}
	}
	kept := dirs.cachedIndexPath()
	same("few runs")
	if _, err := os.Lstat(kept); err == nil {
		t.Error("the copy of an index with few runs was kept")
	}
	for i := range cachedEntries {
		r.Write(fmt.Sprintf("src/.runs/2026-01-03/%d", i), "x")
	}
	r.Git("add", "-f", "src/.runs")
	same("many runs")
	data, err := os.ReadFile(kept)
	check(t, err)
	same("from the copy")
	for i := 0; i < len(data); i += 1 + len(data)/50 {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1
		for _, bad := range [][]byte{damaged, data[:i], append(bytes.Clone(data), 0)} {
			check(t, os.WriteFile(kept, bad, 0o666))
			same(fmt.Sprintf("damage at %d", i))
		}
	}
	r.Write("src/added.py", "x")
	r.Git("add", "src/added.py")
	same("another index")
	// Without a checksum, the index cannot be told from another one.
	index, err := os.ReadFile(dirs.indexPath())
	check(t, err)
	check(t, os.WriteFile(dirs.indexPath(), append(index[:len(index)-20], make([]byte, 20)...), 0o666))
	check(t, os.Remove(kept))
	same("no checksum")
	if _, err := os.Lstat(kept); err == nil {
		t.Error("the copy of an index without a checksum was kept")
	}
	check(t, os.RemoveAll(filepath.Dir(kept)))
	check(t, os.WriteFile(filepath.Dir(kept), nil, 0o666)) // nothing can be kept
	r.Git("update-index", "--force-write-index")
	same("no cache")
}

// FuzzStripIndex: no index makes the program fail, and the copy of an index is its own copy.
func FuzzStripIndex(f *testing.F) {
	for _, version := range []string{"2", "4"} {
		r := gittest.New(f)
		r.Commit("files", map[string]string{
			".runs/a/b": "x", "src/.runs/c": "x", "src/train.py": "x", "src/deep/net.py": "y", "z": "z",
		})
		r.Git("update-index", "--index-version", version)
		data, err := os.ReadFile(filepath.Join(r.Dir, ".git", "index"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var once, twice memoryFile
		if _, err := stripIndex(bytes.NewReader(data), int64(len(data)), &once); err != nil {
			equal(t, "error", err, errUnusualIndex)
			return
		}
		runs, err := stripIndex(bytes.NewReader(once.data), int64(len(once.data)), &twice)
		check(t, err)
		if len(runs) > 0 || !bytes.Equal(once.data, twice.data) {
			t.Errorf("the copy is not its own copy: %v\n%q\n%q", runs, once.data, twice.data)
		}
	})
}

// TestSkipRunsKeepsFiles: a file or a submodule named .runs in a commit belongs to its source, so its removal is in the
// patch although the index has a folder of that name. Folders are skipped, and Git is asked once about a commit.
func TestSkipRunsKeepsFiles(t *testing.T) {
	r, dirs := plain(t)
	folder := r.Head
	r.Git("rm", "-q", "-r", "--cached", ".runs")
	check(t, os.RemoveAll(r.Path(".runs")))
	file := r.Commit("a file", map[string]string{".runs": "x\n"})
	r.Git("rm", "-q", "--cached", ".runs")
	r.Git("update-index", "--add", "--cacheinfo", "160000,"+r.First+",.runs")
	r.Git("commit", "-q", "-m", "a submodule")
	submodule := r.Git("rev-parse", "HEAD")
	r.Git("rm", "-q", "--cached", ".runs")
	check(t, os.Remove(r.Path(".runs")))
	for i := range 2 * fewRuns {
		r.Write(fmt.Sprintf(".runs/2026-01-03/%d", i), "x\n")
	}
	r.Git("add", "-f", ".runs")
	tree := ""
	for range 2 { // the second time from memory
		for _, c := range []struct {
			what, commit, patch string
			skipped             int
		}{
			{"a folder", folder, "", 1},
			{"no such folder", r.Git("commit-tree", "-m", "x", r.TreeWithoutRuns()), "", 1},
			{"a file", file, "deleted file mode 100644", 0},
			{"a submodule", submodule, "deleted file mode 160000", 0},
		} {
			s := scratch(t, dirs)
			check(t, s.CopyIndex())
			check(t, s.SkipRuns(t.Context(), c.commit, "", c.commit))
			equal(t, c.what, len(s.skipped), c.skipped)
			var patch strings.Builder
			check(t, s.DifferenceToIndex(t.Context(), c.commit, &patch))
			if !strings.Contains(patch.String(), c.patch) || (c.patch == "") != (patch.Len() == 0) {
				t.Errorf("%s: the patch is %q", c.what, patch.String())
			}
			got, err := s.WriteTree(t.Context())
			check(t, err)
			if tree == "" {
				tree = got
			}
			equal(t, c.what+": tree", got, tree)
		}
	}
	seen := dirs.readRunsSeen()
	equal(t, "remembered", len(seen.lines), 2)
	equal(t, "the folder", seen.has(folder, ".runs"), true)
	check(t, os.WriteFile(seen.path, []byte("torn"), 0o666))
	equal(t, "torn", len(dirs.readRunsSeen().lines), 0)
}
