package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

func opened(t *testing.T, r *gittest.Repository) *Repository {
	t.Helper()
	dir := filepath.Join(r.Dir, ".git")
	repository, err := Open(Place{Root: r.Dir, Git: dir, Common: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repository.Close)
	return repository
}

// A damaged object, pack or index is an error that names it; nothing is read from it as if it were right.
func TestDamage(t *testing.T) {
	lines := strings.Repeat("a line that is long enough for a difference to another file\n", 200)
	for _, c := range []struct {
		name, file string
		pack       bool
	}{
		{"a loose object", "objects/??/*", false},
		{"a pack", "objects/pack/*.pack", true},
		{"the index of a pack", "objects/pack/*.idx", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := gittest.New(t)
			r.Commit("one", map[string]string{"a": lines})
			r.Commit("two", map[string]string{"a": lines + "more\n", "b": "b\n"})
			if c.pack {
				r.Git("repack", "-q", "-a", "-d", "-f")
			}
			ids := strings.Fields(r.Git("rev-list", "--objects", "--no-object-names", "HEAD"))
			files, err := filepath.Glob(filepath.Join(r.Dir, ".git", c.file))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 60 {
				file := files[random.IntN(len(files))]
				good, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				bad := bytes.Clone(good)
				if at := random.IntN(len(bad)); random.IntN(4) == 0 {
					bad = bad[:at]
				} else {
					bad[at] ^= 1 << random.IntN(8)
				}
				replace(t, file, bad)
				readAll(t, opened(t, r), ids)
				replace(t, file, good)
			}
		})
	}
}

func replace(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// readAll reads objects, each of which has the content that its id says, or is an error.
func readAll(t *testing.T, r *Repository, ids []string) {
	t.Helper()
	for _, text := range ids {
		id, _ := ParseID(text)
		kind, _, err := r.Info(id)
		if err != nil {
			continue
		}
		data, err := r.Read(id, kind, 1<<20)
		if err == nil && idOf(kind, data) != id {
			t.Errorf("object %s was read with another content", text)
		}
	}
}

// What only Git reads is refused by name, and so is what belongs to another user.
func TestRefused(t *testing.T) {
	for setting, want := range map[string]string{
		"extensions.objectFormat=sha256":  "object ids of sha256",
		"extensions.refStorage=reftable":  "the format reftable",
		"extensions.somethingNew=true":    "the extension somethingnew",
		"core.repositoryFormatVersion=99": "format version 99",
	} {
		r := gittest.New(t)
		dir := filepath.Join(r.Dir, ".git")
		key, value, _ := strings.Cut(setting, "=")
		r.Git("config", "core.repositoryFormatVersion", "1")
		r.Git("config", key, value)
		_, err := Open(Place{Root: r.Dir, Git: dir, Common: dir})
		if !errors.Is(err, ErrNoGit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func TestOwner(t *testing.T) {
	r := gittest.New(t)
	dir := filepath.Join(r.Dir, ".git")
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Skip(err)
	}
	place := Place{Root: r.Dir, Git: dir, Common: dir}
	var foreign *NotTrusted
	if _, err := Open(place); !errors.As(err, &foreign) {
		t.Errorf("of another user: %v", err)
	}
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "safe.directory")
	t.Setenv("GIT_CONFIG_VALUE_0", r.Dir)
	if _, err := Open(place); err != nil {
		t.Errorf("trusted: %v", err)
	}
}

// An index of any form has the same entries.
func TestUnusualIndex(t *testing.T) {
	g := gittest.New(t)
	g.Commit("one", map[string]string{"a/x": "1\n", "b/y": "2\n", "b/z/deep": "3\n"})
	dir := filepath.Join(g.Dir, ".git")
	for _, args := range [][]string{
		{"status"},
		{"update-index", "--index-version=4"},
		{"update-index", "--skip-worktree", "a/x"},
		{"update-index", "--split-index"},
		{"update-index", "--no-skip-worktree", "a/x"},
		{"update-index", "--no-split-index"},
		{"sparse-checkout", "set", "--cone", "--sparse-index", "a"},
		{"sparse-checkout", "disable"},
	} {
		g.Git(args...)
		want := g.Git("ls-files", "-s", "-t")
		index, err := opened(t, g).ReadIndex(filepath.Join(dir, "index"))
		if err != nil {
			t.Fatalf("after git %q: %v", args, err)
		}
		var got strings.Builder
		for _, e := range index.Entries {
			tag := "H"
			if e.SkipWorktree {
				tag = "S"
			}
			fmt.Fprintf(&got, "%s %o %s %d\t%s\n", tag, e.Mode, e.ID, e.Stage, e.Path)
		}
		if strings.TrimSpace(got.String()) != strings.TrimSpace(want) {
			t.Errorf("after git %q: %s, want %s", args, got.String(), want)
		}
	}
}

// Of a bitmap, only places of entries are read, however long its runs are.
func TestReadBitmap(t *testing.T) {
	word := func(run bool, length, literals uint64) []byte {
		w := length<<1 | literals<<33
		if run {
			w |= 1
		}
		return binary.BigEndian.AppendUint64(nil, w)
	}
	literal := func(w uint64) []byte { return binary.BigEndian.AppendUint64(nil, w) }
	bitmap := func(words ...[]byte) []byte {
		data := binary.BigEndian.AppendUint32(nil, 100)
		data = binary.BigEndian.AppendUint32(data, uint32(len(words)))
		return append(append(data, bytes.Join(words, nil)...), 0, 0, 0, 0)
	}
	for _, c := range []struct {
		name string
		data []byte
		want []int // nil if it is refused
	}{
		{"nothing", bitmap(), []int{}},
		{"a literal", bitmap(word(false, 0, 1), literal(1<<3|1)), []int{0, 3}},
		{"after a run", bitmap(word(false, 1, 1), literal(2)), []int{65}},
		{"beyond the end", bitmap(word(false, 1, 1), literal(1<<63)), nil},
		{"a long run", bitmap(word(true, 1<<32-1, 0)), nil},
		{"long runs of zeros", bitmap(word(false, 1<<32-1, 0), word(false, 1<<32-1, 1), literal(1)), nil},
		{"missing literals", bitmap(word(false, 0, 2), literal(1)), nil},
		{"missing words", bitmap(word(false, 0, 0))[:12], nil},
		{"no head", []byte{0, 0}, nil},
	} {
		got, rest, ok := readBitmap(c.data, 100)
		if ok != (c.want != nil) || ok && (len(rest) > 0 || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, ok, c.want)
		}
	}
}

// The lines that a comparison does not name are equal, in both files.
func TestCompareLines(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		text := func() [][]byte {
			var b strings.Builder
			for range random.IntN(30) {
				fmt.Fprintf(&b, "%d\n", random.IntN(6))
			}
			return splitLines([]byte(b.String()))
		}
		checkHunks(t, text(), text())
	}
	var long, other bytes.Buffer
	for i := range 6000 {
		fmt.Fprintf(&long, "%d\n", i%7)
		fmt.Fprintf(&other, "%d\n", random.IntN(9))
	}
	checkHunks(t, splitLines(long.Bytes()), splitLines(other.Bytes()))
}

func checkHunks(t *testing.T, a, b [][]byte) {
	t.Helper()
	atA, atB := 0, 0
	same := func(endA, endB int) {
		t.Helper()
		for atA < endA || atB < endB {
			if atA >= endA || atB >= endB || !bytes.Equal(a[atA], b[atB]) {
				t.Fatalf("%q and %q differ outside the changes", a, b)
			}
			atA, atB = atA+1, atB+1
		}
	}
	for _, h := range compareLines(a, b) {
		if h.a < atA || h.b < atB || h.aEnd < h.a || h.bEnd < h.b || h.a == h.aEnd && h.b == h.bEnd {
			t.Fatalf("%+v", h)
		}
		same(h.a, h.b)
		atA, atB = h.aEnd, h.bEnd
	}
	same(len(a), len(b))
}

// Refs are moved beside Git: nothing is lost, and a ref that has moved stays.
func TestUpdateRefs(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("one", map[string]string{"a": "1\n"})
	second := r.Commit("two", map[string]string{"a": "2\n"})
	repository := opened(t, r)
	one, _ := ParseID(first)
	two, _ := ParseID(second)
	who := Identity{"Ada", "ada@example.org", "1767323045 +0100"}
	move := func(name string, from, to ID) error {
		return repository.UpdateRefs(who, "a test", RefUpdate{name, from, to})
	}
	for _, c := range []struct {
		name     string
		from, to ID
		want     error
	}{
		{"HEAD", one, two, ErrMoved},
		{"HEAD", two, one, nil},
		{"refs/heads/main", one, two, nil},
		{"refs/heads/new/deep", ID{}, two, nil},
		{"refs/heads/new/deep", ID{}, one, ErrMoved},
		{"refs/runs/kept", ID{}, one, nil},
	} {
		if err := move(c.name, c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, name := range []string{"refs/heads/new", "refs/heads/main/x", "refs/heads/..", "x"} {
		if err := move(name, ID{}, one); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	if err := repository.UpdateRefs(who, "all or none", RefUpdate{"HEAD", two, one},
		RefUpdate{"refs/runs/kept", two, one}); !errors.Is(err, ErrMoved) {
		t.Error(err)
	}
	want := second + " " + first + " Ada <ada@example.org> 1767323045 +0100\ta test"
	for _, log := range []string{"HEAD", "refs/heads/main"} {
		if text := r.Read(filepath.Join(".git", "logs", log)); !strings.Contains(text, want) {
			t.Errorf("the reflog of %s: %s", log, text)
		}
	}
	if got := r.Git("rev-parse", "HEAD", "new/deep", "refs/runs/kept"); got != second+"\n"+second+"\n"+first {
		t.Error(got)
	}
	r.Git("fsck", "--strict")
	held := filepath.Join(r.Dir, ".git", "refs", "heads", "main.lock")
	if err := os.WriteFile(held, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var locked *Locked
	if err := move("HEAD", two, one); !errors.As(err, &locked) {
		t.Errorf("beside a lock: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dir, ".git", "*.lock")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// FuzzIndex: nothing in an index makes reading panic, and its entries are sorted.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x00" + strings.Repeat("\x00", 20)))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01" + strings.Repeat("\x00", 24) + "\x00\x00\x81\xa4" +
		strings.Repeat("\x00", 34) + "\x00a\x00" + strings.Repeat("\x00", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := parseIndex(data)
		if err != nil {
			return
		}
		if link := index.link; len(link) >= len(ID{}) {
			base := &Index{Entries: []IndexEntry{{Path: "a"}, {Path: "b", Stage: 1}, {Path: "b", Stage: 2}}}
			if index.joinTo(base, link[len(ID{}):]) != nil {
				return
			}
		}
		for i := range index.Entries {
			if i > 0 && index.Entries[i-1].Path > index.Entries[i].Path {
				t.Error("the entries are not sorted")
			}
		}
	})
}

// FuzzDelta: nothing in a difference makes it reach outside its base.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("base"), []byte("\x04\x06\x90\x04\x02ab"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := applyDelta(base, delta)
		if err == nil && len(out) > maxInMemory {
			t.Error(len(out))
		}
	})
}

// FuzzPatch: nothing in a patch makes reading it panic, and no path leads out of the tree.
func FuzzPatch(f *testing.F) {
	f.Add([]byte("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"))
	f.Add([]byte("diff --git a/x b/x\nnew file mode 100644\nindex " + strings.Repeat("0", 40) + ".." +
		strings.Repeat("1", 40) + "\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n"))
	f.Add([]byte("diff --git \"a/\\t\" \"b/\\t\"\nindex " + strings.Repeat("0", 40) + ".." + strings.Repeat("1", 40) +
		" 100644\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\nliteral 0\nHcmV?d00001\n\n"))
	f.Fuzz(func(t *testing.T, patch []byte) {
		p := &patchReader{lines: splitLines(patch)}
		for p.at < len(p.lines) {
			file, err := p.file()
			if err != nil {
				return
			}
			if !validPath(file.path) || strings.Contains("/"+file.path+"/", "/../") {
				t.Errorf("the path %q", file.path)
			}
			if _, err := p.changed([]byte("a\nb\n")); err != nil {
				return
			}
		}
	})
}
