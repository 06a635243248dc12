package native

import (
	"bytes"
	"crypto/sha1"
	"os"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// FuzzReceive gives packs to a repository. Whatever arrives, what the repository then has is whole: each object is what
// its id says.
func FuzzReceive(f *testing.F) {
	r := gittest.New(f)
	text := ""
	for i := range 5 {
		text += string(rune('a'+i)) + " a line that is long enough for a difference\n"
		r.Commit("commit", map[string]string{"file": text, "dir/other": text + text})
	}
	r.Git("gc", "-q")
	packs, err := filepath.Glob(filepath.Join(r.Dir, ".git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 {
		f.Fatalf("%q, %v", packs, err)
	}
	whole, err := os.ReadFile(packs[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:len(whole)-20], uint16(0), byte(0))
	f.Add(whole[:len(whole)-20], uint16(100), byte(1))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"), uint16(11), byte(9))
	empty := gittest.New(f)
	f.Fuzz(func(t *testing.T, pack []byte, at uint16, flip byte) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o777); err != nil {
			t.Fatal(err)
		}
		to, err := Open(Place{
			Root: empty.Dir, Git: filepath.Join(empty.Dir, ".git"), Common: filepath.Join(empty.Dir, ".git"),
			Objects: filepath.Join(dir, "objects"),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		pack = bytes.Clone(pack)
		if int(at) < len(pack) {
			pack[at] ^= flip
		}
		sum := sha1.Sum(pack)
		if err := to.Receive(t.TempDir(), bytes.NewReader(append(pack, sum[:]...)), int(flip)); err != nil {
			return
		}
		for _, p := range to.packs {
			if err := p.load(); err != nil {
				t.Fatal(err)
			}
			for i := range p.fan[255] {
				id, err := p.idAt(i)
				if err != nil {
					t.Fatal(err)
				}
				o, err := to.Open(id, maxInMemory)
				if err == nil {
					_, err = o.all()
				}
				if err != nil {
					t.Fatalf("%s was received: %v", id, err)
				}
			}
		}
	})
}
