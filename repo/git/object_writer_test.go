package git

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// applyDelta is what Git does with a difference.
func applyDelta(t *testing.T, base, delta []byte) []byte {
	t.Helper()
	from, n := binary.Uvarint(delta)
	delta = delta[n:]
	to, n := binary.Uvarint(delta)
	delta = delta[n:]
	equal(t, "size of the base", from, uint64(len(base)))
	var out []byte
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op&0x80 == 0 {
			out, delta = append(out, delta[:op]...), delta[op:]
			continue
		}
		var at, size int
		for i := range 7 {
			if op&(1<<i) == 0 {
				continue
			}
			if i < 4 {
				at |= int(delta[0]) << (8 * i)
			} else {
				size |= int(delta[0]) << (8 * (i - 4))
			}
			delta = delta[1:]
		}
		if size == 0 {
			size = 1 << 16
		}
		out = append(out, base[at:at+size]...)
	}
	equal(t, "size of the object", to, uint64(len(out)))
	return out
}

// similar makes a text that has parts of another one.
func similar(r *rand.Rand, base []byte) []byte {
	var out []byte
	for range r.IntN(8) {
		if r.IntN(2) == 0 && len(base) > 0 {
			from := r.IntN(len(base))
			out = append(out, base[from:from+r.IntN(len(base)-from+1)]...)
			continue
		}
		for range r.IntN(300) {
			out = append(out, byte(r.IntN(4)))
		}
	}
	return out
}

// TestDelta: a difference and its base give the object, whatever both are.
func TestDelta(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		base := similar(r, bytes.Repeat([]byte("abcdefghij"), r.IntN(2000)))
		if len(base) < deltaWord {
			continue
		}
		target := similar(r, base)
		delta := newDeltaBase(base, nil).delta(nil, target, 1<<30)
		if got := applyDelta(t, base, delta); !bytes.Equal(got, target) {
			t.Fatalf("%d bytes from %d", len(target), len(base))
		}
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	if delta := newDeltaBase(long, nil).delta(nil, long, 100); !bytes.Equal(applyDelta(t, long, delta), long) {
		t.Error("a copy of more than 64 KiB")
	}
	if newDeltaBase(long, nil).delta(nil, bytes.Repeat([]byte{1, 2, 3}, 400), 600) != nil {
		t.Error("a difference that is longer than the limit")
	}
}

// record is a text like those of the runs of a sweep.
func sweepRecord(i int) []byte {
	return fmt.Appendf(nil, "id = \"%d\"\nstatus = \"finished\"\n[params]\nlr = 0.%d\nseed = %d\n%s", i, i%7, i*i,
		strings.Repeat("# the same in every run\n", 20))
}

// TestObjectWriter: Git has the very objects, in either way to store them, from several goroutines.
func TestObjectWriter(t *testing.T) { eachBackend(t, storesObjects) }

func storesObjects(t *testing.T, b backend) {
	for _, shape := range []string{"plain", "SHA-256"} {
		for _, n := range []int{0, 1, looseObjects, looseObjects + 1, 1000} {
			t.Run(fmt.Sprintf("%s, %d", shape, n), func(t *testing.T) {
				r := gittest.Named(t, shape).Make(t)
				if !b.reads(r) {
					t.Skip("only git reads it")
				}
				dirs := b.of(open(t, r))
				before := packs(t, dirs)
				w, err := NewObjectWriter(t.Context(), dirs)
				check(t, err)
				defer w.Close()
				ids := make([]string, n)
				var workers sync.WaitGroup
				for k := range 2 {
					workers.Go(func() {
						e := w.Encoder()
						for i := k; i < n; i += 2 {
							var err error
							if ids[i], err = e.Blob(sweepRecord(i), "run.toml"); err != nil {
								t.Error(err)
							}
							if i%3 == 0 { // what is dropped is in no pack, and nothing builds on it
								_, _ = e.Blob(append(sweepRecord(i), "dropped"...), "run.toml")
								e.Drop()
								ids[i], _ = e.Blob(sweepRecord(i), "run.toml")
							}
							if err := e.Flush(); err != nil {
								t.Error(err)
							}
						}
					})
				}
				workers.Wait()
				if n > 0 {
					if _, err := gittest.Try(r.Dir, "cat-file", "-e", ids[0]); err == nil {
						t.Error("an object is there before Store")
					}
				}
				check(t, w.Store(t.Context()))
				check(t, w.Store(t.Context()))
				trees := openTrees(t, dirs)
				for i, id := range ids {
					got, err := trees.Blob(id, 1<<20)
					check(t, err)
					if !bytes.Equal(got, sweepRecord(i)) {
						t.Fatalf("object %d is another one", i)
					}
				}
				r.Git("fsck", "--strict")
				equal(t, "packs", packs(t, dirs)-before, map[bool]int{true: 1}[n > looseObjects])
			})
		}
	}
}

// packs counts the packs of a repository.
func packs(t *testing.T, dirs Dirs) int {
	t.Helper()
	entries, err := os.ReadDir(dirs.Common + "/objects/pack")
	check(t, err)
	return len(slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".pack") }))
}

// TestTreesInAPack: trees that go into a pack are the ones that Git itself writes.
func TestTreesInAPack(t *testing.T) { eachBackend(t, treesInAPack) }

func treesInAPack(t *testing.T, b backend) {
	for _, shape := range []string{"plain", "SHA-256", "odd names"} {
		r := gittest.Named(t, shape).Make(t)
		if !b.reads(r) {
			continue
		}
		dirs := b.of(open(t, r))
		blob := r.Git("rev-parse", "HEAD:README")
		edits := []Edit{
			{"src.txt", "100644", blob}, {"src-x/y", "100644", blob}, {"src/new.py", "100755", blob}, {Path: "a/.runs/x"},
		}
		for i := range 200 {
			edits = append(edits, Edit{fmt.Sprintf("new/%d/%d", i%7, i), "100644", blob})
		}
		want, err := openTrees(t, dirs).Edit(r.Head, edits)
		check(t, err)
		w, err := NewObjectWriter(t.Context(), dirs)
		check(t, err)
		defer w.Close()
		trees := openTrees(t, dirs)
		trees.WriteTo(w)
		got, err := trees.Edit(r.Head, edits)
		check(t, err)
		equal(t, shape, got, want)
		again, err := trees.Edit(got, []Edit{{"new/1/x", "100644", blob}}) // builds on trees that are not stored yet
		check(t, err)
		folder, err := w.Encoder().Folder([]TreeEntry{
			{"100644", "b/c", blob}, {"100644", "b.txt", blob}, {"100644", "b/a", blob}, {"100644", "a", blob},
		})
		check(t, err)
		byGit, err := openTrees(t, dirs).Edit("", []Edit{
			{"a", "100644", blob}, {"b.txt", "100644", blob}, {"b/a", "100644", blob}, {"b/c", "100644", blob},
		})
		check(t, err)
		equal(t, shape+": folder", folder, byGit)
		check(t, w.Store(t.Context()))
		r.Git("ls-tree", "-r", again)
	}
	if _, err := encodeTree([]TreeEntry{{"100644", "a", "00"}, {"100644", "a", "00"}}); err == nil {
		t.Error("a name twice")
	}
	for _, e := range []TreeEntry{{"100644", "", "00"}, {"100644", "a/b", "00"}, {"100644", "a", "x"}} {
		if _, err := encodeTree([]TreeEntry{e}); err == nil {
			t.Errorf("%v is no entry", e)
		}
	}
}

// TestFileIDs: the ids are those after Git's filters, also of more files than the pipes hold questions.
func TestFileIDs(t *testing.T) {
	r, dirs := plain(t)
	r.Git("config", "filter.shout.clean", "tr a-z A-Z")
	r.Write(".gitattributes", "loud filter=shout\n")
	r.Write("loud", "words\n")
	r.Write("quiet", "words\n")
	f, err := OpenFileIDs(t.Context(), dirs, false)
	check(t, err)
	defer f.Close()
	check(t, f.Ask("loud"))
	for range 3 * maxPending {
		check(t, f.Ask("quiet"))
	}
	loud, err := f.Next()
	check(t, err)
	equal(t, "filtered", loud, r.Git("hash-object", "loud"))
	for range 3 * maxPending {
		quiet, err := f.Next()
		check(t, err)
		equal(t, "as it is", quiet, r.Git("hash-object", "--no-filters", "quiet"))
	}
	if err := f.Ask("a\nb"); err == nil || !strings.Contains(err.Error(), "line break") {
		t.Errorf("Ask: %v", err)
	}
}

// TestAhead: what was asked for ahead is read in its place, and is no trap if something else is read instead.
func TestAhead(t *testing.T) {
	r, dirs := plain(t)
	trees := openTrees(t, dirs)
	readme, train := r.Git("rev-parse", "HEAD:README"), r.Git("rev-parse", "HEAD:src/train.py")
	missing := strings.Repeat("1", 40)
	for _, c := range []struct{ ahead, read []string }{
		{[]string{readme, train}, []string{readme, train}},
		{[]string{readme, train}, []string{train, readme}},
		{[]string{readme, train}, []string{readme, readme, train}},
		{[]string{missing, train}, []string{train}},
		{[]string{missing, readme}, []string{missing, readme}},
		{[]string{"HEAD", readme}, []string{readme}},
	} {
		check(t, trees.Ahead(c.ahead...))
		for _, id := range c.read {
			data, err := trees.Blob(id, 1<<20)
			if id == missing {
				equal(t, "missing", err != nil, true)
				continue
			}
			check(t, err)
			equal(t, id, string(data), r.Git("cat-file", "blob", id)+"\n")
		}
	}
}
