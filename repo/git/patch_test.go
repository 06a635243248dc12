package git

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// hostile are settings of a user that must not change what is recorded.
var hostile = [][2]string{
	{"diff.noprefix", "true"},
	{"diff.mnemonicPrefix", "true"},
	{"diff.external", "false"},
	{"diff.algorithm", "histogram"},
	{"diff.context", "9"},
	{"diff.interHunkContext", "9"},
	{"diff.renames", "copies"},
	{"diff.relative", "true"},
	{"diff.suppressBlankEmpty", "true"},
	{"diff.indentHeuristic", "true"},
	{"diff.orderFile", "README"},
	{"diff.submodule", "log"},
	{"diff.ignoreSubmodules", "all"},
	{"diff.wordRegex", "."},
	{"color.ui", "always"},
	{"core.quotePath", "false"},
	{"core.abbrev", "4"},
	{"core.pager", "false"},
	{"core.splitIndex", "true"},
	{"core.untrackedCache", "true"},
	{"apply.whitespace", "error"},
	{"apply.ignoreWhitespace", "change"},
	{"status.short", "true"},
	{"status.showUntrackedFiles", "no"},
	{"log.showSignature", "true"},
	{"index.skipHash", "true"},
}

// TestPatch: the patch from a base to a working tree makes the same tree from the base, whatever the user has
// configured.
func TestPatch(t *testing.T) {
	for _, shape := range []string{"plain", "odd names", "SHA-256", "submodule", "sparse checkout", "linked worktree"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			testPatch(t, shape)
		})
	}
}

func testPatch(t *testing.T, shape string) {
	patches := map[string]string{}
	for _, settings := range [][][2]string{nil, hostile} {
		r := gittest.Named(t, shape).Make(t)
		dirs := open(t, r)
		configure(t, dirs, settings)
		r.Write("README", "two\n\nthree \n")
		r.Write("src/bin", "\x00\x01\x02")
		r.Write("src/no end", "x")
		check(t, os.Remove(r.Path("src/new.py")))
		r.Write(".runs/more", "x")
		s := scratch(t, dirs)
		check(t, s.CopyIndex())
		w, err := s.ReadWorktree(t.Context())
		check(t, err)
		paths := slices.Concat(w.Modified, w.Deleted, w.Untracked)
		slices.Sort(paths)
		want := []string{"README", "src/bin", "src/new.py", "src/no end"}
		if !slices.Equal(paths, want) {
			t.Fatalf("%s: the working tree differs in %q, want %q", shape, paths, want)
		}
		failures, err := s.Stage(t.Context(), paths)
		check(t, err)
		equal(t, "failures", len(failures), 0)
		tree, err := s.Tree(t.Context(), w)
		check(t, err)
		var text, toIndex bytes.Buffer
		check(t, s.Difference(t.Context(), r.First, tree, &text))
		check(t, s.DifferenceToIndex(t.Context(), r.First, &toIndex))
		equal(t, "the patch to the index", toIndex.String(), text.String())
		if strings.Contains(text.String(), ".runs") {
			t.Errorf("%s: the patch changes .runs:\n%s", shape, text.String())
		}
		if was, ok := patches[shape]; ok && was != text.String() {
			t.Errorf("%s: the settings of the user change the patch:\n%s\nwas:\n%s", shape, text.String(), was)
		}
		patches[shape] = text.String()

		patch := filepath.Join(t.TempDir(), "patch")
		write(t, patch, text.String())
		check(t, CheckPatch(patch))
		to := scratch(t, dirs)
		stripped, err := to.Strip(t.Context(), r.First)
		check(t, err)
		check(t, to.ReadTree(t.Context(), stripped))
		check(t, to.Apply(t.Context(), patch))
		got, err := to.WriteTree(t.Context())
		check(t, err)
		equal(t, shape+": the tree that base and patch make", got, tree)
	}
}

// configure adds settings to a repository.
func configure(t *testing.T, dirs Dirs, settings [][2]string) {
	t.Helper()
	path := filepath.Join(dirs.Common, "config")
	text, err := os.ReadFile(path)
	check(t, err)
	for _, kv := range settings {
		section, key, _ := strings.Cut(kv[0], ".")
		text = append(text, "["+section+"]\n\t"+key+" = "+kv[1]+"\n"...)
	}
	write(t, path, string(text))
}

// TestChanges lists what differs between two trees, with its size, and the lines of it.
func TestChanges(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256", "odd names"} {
		r := gittest.Named(t, shape).Make(t)
		s := scratch(t, open(t, r))
		changes, err := s.Changes(t.Context(), r.First, r.Head)
		check(t, err)
		at := lsTree(r, r.Head)
		seen := map[string]byte{}
		for _, c := range changes {
			seen[c.Path] = c.Status
			if c.Status == 'D' {
				equal(t, "bytes of a removed file", c.Bytes, 0)
				continue
			}
			equal(t, "id of "+c.Path, c.ID, at[c.Path].ID)
			equal(t, "mode of "+c.Path, c.Mode, at[c.Path].Mode)
			if c.Bytes <= 0 {
				t.Errorf("%s has %d bytes", c.Path, c.Bytes)
			}
		}
		if seen["README"] != 'M' || seen["src/new.py"] != 'A' || seen["src/old.py"] != 'D' || seen[gittest.RunFile] != 0 {
			t.Errorf("%s: Changes: %+v", shape, changes)
		}
		stats, err := s.Stats(t.Context(), r.First, r.Head)
		check(t, err)
		equal(t, "Stats", len(stats), len(changes))
		for _, c := range stats {
			if c.Path == "README" && (c.Status != 'M' || c.Added != 1 || c.Removed != 1) {
				t.Errorf("%s: Stats: %+v", shape, c)
			}
		}
		if none, err := s.Changes(t.Context(), r.Head, r.Head); err != nil || none != nil {
			t.Errorf("%s: Changes of nothing: %v, %v", shape, none, err)
		}
	}
	equal(t, "lines of a binary file", lineCount("-"), -1)
}

// TestApplyRefuses: a patch cannot leave the tree or enter .git.
func TestApplyRefuses(t *testing.T) {
	r, dirs := plain(t)
	for _, name := range []string{"../x", ".git/hooks/pre-commit", "/etc/x"} {
		patch := filepath.Join(r.Base, "patch")
		write(t, patch,
			"diff --git a/"+name+" b/"+name+"\nnew file mode 100755\n--- /dev/null\n+++ b/"+name+"\n@@ -0,0 +1 @@\n+x\n")
		if err := scratch(t, dirs).Apply(t.Context(), patch); err == nil {
			t.Errorf("a patch to %s is applied", name)
		}
	}
}

// TestCheckPatch refuses a few bytes that would make Git allocate gigabytes.
func TestCheckPatch(t *testing.T) {
	const head = "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\n"
	const small = "literal 3\nKcmZQzWMT#Y01f~L\n\n"
	for _, c := range []struct {
		name, text string
		fails      bool
	}{
		{"text", "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", false},
		{"empty", "", false},
		{"a small file", head + small, false},
		{"a bomb", head + "literal 9999999999\nKcmZQzWMT#Y01f~L\n\n", true},
		{"many of half the size", strings.Repeat(head+"literal 900000000\nKcmZQzWMT#Y01f~L\n\n", 5), true},
		{"a negative size", head + "literal -1\nKcmZQzWMT#Y01f~L\n\n", true},
		{"a text that looks like one", "+literal 9999999999\n", false},
		{"a line of a text file", "literal of the constitution\n", false},
		{"a long line", strings.Repeat("x", 200_000) + "\n" + head + "literal 9999999999\n", true},
		{"a delta's own size", head + "delta 9999999999\nKcmZQzWMT#Y01f~L\n\n", true},
		{"a delta that cannot be read", head + "delta 8\nz!\n\n", false},
	} {
		path := filepath.Join(t.TempDir(), "patch")
		write(t, path, c.text)
		if err := CheckPatch(path); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := CheckPatch(filepath.Join(t.TempDir(), "absent")); !os.IsNotExist(err) {
		t.Errorf("an absent patch: %v", err)
	}
}

// TestDeltaSize: the result of a delta of Git's own has the size that CheckPatch reads of it.
func TestDeltaSize(t *testing.T) {
	r, dirs := plain(t)
	text := []byte(strings.Repeat("\x00some bytes\n", 2000))
	first := r.Commit("binary", map[string]string{"bin": string(text)})
	second := r.Commit("binary", map[string]string{"bin": string(text) + "more"})
	var patch bytes.Buffer
	check(t, scratch(t, dirs).Difference(t.Context(), first, second, &patch))
	_, rest, ok := strings.Cut(patch.String(), "\ndelta ")
	if !ok {
		t.Fatalf("no delta:\n%.500s", patch.String())
	}
	_, rest, _ = strings.Cut(rest, "\n")
	size, err := resultSize(bufio.NewReader(strings.NewReader(rest)))
	check(t, err)
	equal(t, "size", size, int64(len(text)+4))
}

// TestVarint reads sizes as Git writes them, and bounds those that are longer than any.
func TestVarint(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want int64
		rest int
	}{{[]byte{5}, 5, 0}, {[]byte{0x80, 1, 7}, 128, 1}, {[]byte{0xff, 0xff, 3}, 65535, 0}, {
		bytes.Repeat([]byte{0xff}, 12),
		1 << 62, 0,
	}, {nil, 0, 0}} {
		got, rest := varint(c.in)
		if got != c.want || len(rest) != c.rest {
			t.Errorf("varint(%v): %d, %d left, want %d, %d", c.in, got, len(rest), c.want, c.rest)
		}
	}
}

// TestLimit: what is larger than its limit is not written to its end.
func TestLimit(t *testing.T) {
	full := 0
	w := &limitedWriter{w: io.Discard, left: 3, full: func() { full++ }}
	if n, err := w.Write([]byte("abc")); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.Write([]byte("d")); n != 0 || !errors.Is(err, ErrTooLarge) || full != 1 {
		t.Errorf("%d, %v, %d", n, err, full)
	}
	r, dirs := plain(t)
	s := scratch(t, dirs)
	data, err := s.Read(t.Context(), r.Head+":README", 4)
	check(t, err)
	equal(t, "Read", string(data), "two\n")
	if _, err := s.Read(t.Context(), r.Head+":README", 3); err == nil {
		t.Error("Read past its limit is no error")
	}
}

// TestScratchWritesNothing: what is staged in a scratch goes neither into the repository nor into its index.
func TestScratchWritesNothing(t *testing.T) {
	for _, shape := range []string{"plain", "linked worktree", "partial clone"} {
		r := gittest.Named(t, shape).Make(t)
		dirs := open(t, r)
		ownWork(r)
		before, objects := r.State(), r.Git("count-objects", "-v")
		s := scratch(t, dirs)
		check(t, s.CopyIndex())
		failures, err := s.Stage(t.Context(), []string{"README", "src/train.py", "untracked.txt"})
		check(t, err)
		equal(t, "failures", len(failures), 0)
		check(t, s.StageContent(t.Context(), "made.txt", "100755", []byte("made\n")))
		check(t, s.Remove(t.Context(), []string{"src/new.py"}))
		tree, err := s.WriteTree(t.Context())
		check(t, err)
		names := strings.Split(s.text(t, "ls-tree", "-r", "--name-only", tree), "\n")
		equal(t, "made.txt", slices.Contains(names, "made.txt"), true)
		equal(t, "src/new.py", slices.Contains(names, "src/new.py"), false)
		equal(t, "state", r.State(), before)
		equal(t, "objects", r.Git("count-objects", "-v"), objects)
		s.Close()
		if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
			t.Errorf("the scratch is left: %v", err)
		}
	}
}

// TestScratchNetwork: a capture fetches nothing that a partial clone lacks, unless it is allowed to.
func TestScratchNetwork(t *testing.T) {
	r := gittest.Named(t, "partial clone").Make(t)
	s := scratch(t, open(t, r))
	if _, err := s.Read(t.Context(), r.First+":src/old.py", 100); err == nil {
		t.Error("a missing blob was fetched")
	}
	s.AllowNetwork()
	data, err := s.Read(t.Context(), r.First+":src/old.py", 100)
	check(t, err)
	equal(t, "Read", string(data), "old\n")
}

// TestAlternates: objects are found where Git's variables say, also in folders of odd names.
func TestAlternates(t *testing.T) {
	for _, name := range []string{"plain", "qu\"ote", "#hash", "new\nline"} {
		base := filepath.Join(t.TempDir(), name)
		if os.Mkdir(base, 0o777) != nil {
			continue // a file system may refuse a name
		}
		gittest.Git(t, base, "init", "-q", ".")
		write(t, filepath.Join(base, "x"), "x\n")
		id := gittest.Git(t, base, "hash-object", "-w", "x")
		dirs, ok, err := Discover(base)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		data, err := scratch(t, dirs).Read(t.Context(), id, 10)
		if err != nil || string(data) != "x\n" {
			t.Errorf("in a folder %q: %q, %v", name, data, err)
		}
	}
	r, dirs := plain(t)
	elsewhere := filepath.Join(r.Base, "incoming")
	check(t, os.MkdirAll(elsewhere, 0o777))
	t.Setenv("GIT_OBJECT_DIRECTORY", elsewhere)
	t.Setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", filepath.Join(dirs.Common, "objects"))
	r.Write("x", "incoming\n")
	id := r.Git("hash-object", "-w", "x")
	data, err := scratch(t, dirs).Read(t.Context(), id, 10)
	check(t, err)
	equal(t, "an object that a push brings", string(data), "incoming\n")
}

// TestWorktree lists what differs from the index, whatever flags hide it.
func TestWorktree(t *testing.T) {
	r := gittest.Named(t, "submodule").Make(t)
	dirs := open(t, r)
	r.Git("update-index", "--assume-unchanged", "README")
	r.Git("update-index", "--skip-worktree", "src/train.py")
	r.Write("README", "hidden\n")
	r.Write("src/train.py", "hidden\n")
	check(t, os.Remove(r.Path("src/new.py")))
	r.Write("more.txt", "x")
	r.Write(".gitignore", "*.log\n")
	r.Write("x.log", "x")
	r.Write(".runs/x", "x")
	r.Write("a/b/.runs/x", "x")
	gittest.Git(t, r.Dir, "init", "-q", "nested")
	gittest.Git(t, r.Path("nested"), "commit", "-q", "--allow-empty", "-m", "x")
	r.Write(gittest.Submodule+"/lib.py", "changed\n") // dirt of a submodule is its own
	s := scratch(t, dirs)
	check(t, s.CopyIndex())
	w, err := s.ReadWorktree(t.Context())
	check(t, err)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"Modified", w.Modified, []string{"README", "src/train.py"}},
		{"Deleted", w.Deleted, []string{"src/new.py"}},
		{"Untracked", w.Untracked, []string{".gitignore", "more.txt"}},
		{"Nested", w.Nested, []string{"nested"}},
		{"Submodules", w.Submodules, []string{"lib"}},
		{"Folders", slices.Sorted(maps.Keys(w.Folders)), []string{"", "docs", "src"}},
	} {
		slices.Sort(c.got)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}

// TestSparseWorktree: what a sparse checkout leaves out is part of the source, and not deleted.
func TestSparseWorktree(t *testing.T) {
	r := gittest.Named(t, "sparse checkout").Make(t)
	r.Write("a/.runs/x", "here all the same\n")
	s := scratch(t, open(t, r))
	check(t, s.CopyIndex())
	w, err := s.ReadWorktree(t.Context())
	check(t, err)
	if len(w.Deleted)+len(w.Modified) > 0 {
		t.Errorf("ReadWorktree: %+v", w)
	}
}

// TestStageFailures: a file that Git cannot take is named, and the others are staged.
func TestStageFailures(t *testing.T) {
	r, dirs := plain(t)
	r.Git("config", "filter.broken.clean", "false")
	r.Git("config", "filter.broken.required", "true")
	r.Write(".gitattributes", "*.bad filter=broken\n")
	var paths []string
	for _, name := range []string{"a.txt", "b.bad", "c.txt", "d.bad", "e.txt"} {
		r.Write(name, name)
		paths = append(paths, name)
	}
	s := scratch(t, dirs)
	check(t, s.CopyIndex())
	failures, err := s.Stage(t.Context(), paths)
	check(t, err)
	var failed []string
	for _, f := range failures {
		failed = append(failed, f.Path)
		if f.Reason == "" {
			t.Errorf("%s failed without a reason", f.Path)
		}
	}
	if !slices.Equal(failed, []string{"b.bad", "d.bad"}) {
		t.Errorf("Stage: %+v", failures)
	}
	staged := s.text(t, "ls-files", "a.txt", "c.txt", "e.txt", "b.bad")
	equal(t, "staged", staged, "a.txt\nc.txt\ne.txt\n")
}
