package git

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// The ids are what `git hash-object --stdin` prints in a repository of either hash.
func TestBlobID(t *testing.T) {
	for _, c := range []struct{ name, text, sha1, sha256 string }{
		{
			"empty", "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
			"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
		},
		{
			"a line", "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a",
			"2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4",
		},
	} {
		for _, want := range []string{c.sha1, c.sha256} {
			like := strings.Repeat("1", len(want))
			if got, err := BlobID(like, int64(len(c.text)), strings.NewReader(c.text)); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", c.name, got, err, want)
			}
		}
	}
}

// TestBlobWriter stores files through Git's filters, and leaves the user's index alone.
func TestBlobWriter(t *testing.T) {
	for _, shape := range []string{"plain", "SHA-256", "linked worktree", "sparse checkout"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			r := gittest.Named(t, shape).Make(t)
			dirs := open(t, r)
			r.Write(".gitattributes", "*.txt text eol=crlf\n")
			r.Write("a.txt", "one\r\n")
			r.Write("b c.bin", "one\r\n")
			before := r.Git("ls-files", "-s")
			w, err := NewBlobWriter(dirs)
			check(t, err)
			entries, err := w.Add(t.Context(), []string{"a.txt", "b c.bin"})
			check(t, err)
			if len(entries) != 2 || entries[0].Path != "a.txt" || entries[1].Path != "b c.bin" {
				t.Fatalf("%s: Add: %+v", shape, entries)
			}
			equal(t, "a file that is filtered", r.Git("cat-file", "blob", entries[0].ID), "one")
			equal(t, "a file that is not", r.Git("cat-file", "blob", entries[1].ID), "one\r")
			equal(t, "index", r.Git("ls-files", "-s"), before)
			if none, err := w.Add(t.Context(), nil); err != nil || none != nil {
				t.Errorf("Add of nothing: %v, %v", none, err)
			}
			if _, err := w.Add(t.Context(), []string{"absent"}); err == nil {
				t.Error("Add of a file that does not exist is no error")
			}
			w.Close()
			var text bytes.Buffer
			check(t, ReadFiltered(t.Context(), dirs, entries[0].ID, "x.txt", &text))
			equal(t, "as a checkout would write it", text.String(), "one\r\n")
		})
	}
}

// TestOpenFails: what cannot be opened is nil, so that callers do not close it.
func TestOpenFails(t *testing.T) {
	r, dirs := plain(t)
	r.Git("config", "core.repositoryFormatVersion", "1")
	r.Git("config", "extensions.other", "1")
	none := r.Path("none")
	for _, dirs := range []Dirs{dirs.WithoutProgram(), {Root: none, Git: none, Common: none}} {
		if ids, err := OpenFileIDs(t.Context(), dirs, true); err == nil || ids != nil {
			t.Errorf("%v, %v", ids, err)
		}
		trees, err := OpenObjects(t.Context(), dirs, nil)
		if err == nil || trees != nil {
			t.Errorf("%v, %v", trees, err)
		}
		trees.Close()
	}
}
