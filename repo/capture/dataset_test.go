package capture

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func sum(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// tree writes files below a new folder; all but the last argument pairs are names and contents.
func tree(t *testing.T, pairs ...string) string {
	t.Helper()
	root := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(root, pairs[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func hashOf(t *testing.T, q DatasetRequest) *Dataset {
	t.Helper()
	d, err := HashDataset(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHashDataset(t *testing.T) {
	pointer := pointerHead + "oid sha256:" + sum("large") + "\nsize 5\n"
	root := tree(
		t, "data/b.txt", "b", "data/a/x", "xx", "data/a-b", "", "t.csv", "\ufeffa,\"b\nc\"\n1,2\n\n\"3\n\",4",
		"big.bin", pointer, "lfs/big.bin", pointer,
	)
	file := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, "data/b.txt")})
	if d := cmp.Diff(
		format.Dataset{Name: "b", Path: "data/b.txt", SHA256: sum("b"), Bytes: 1, Files: 1}, file.Dataset,
	); d != "" {
		t.Error(d)
	}
	folder := hashOf(t, DatasetRequest{Root: root, Name: "all", Path: filepath.Join(root, "data")})
	lines := "a-b\x000\x00" + sum("") + "\n" + "a/x\x002\x00" + sum("xx") + "\n" + "b.txt\x001\x00" + sum("b") + "\n"
	if want := sum(lines); folder.SHA256 != want || folder.Bytes != 3 || folder.Files != 3 ||
		folder.Dataset.Manifest != sum(string(folder.Manifest)) {
		t.Errorf("%+v; want digest %s", folder.Dataset, want)
	}
	entries, err := format.DecodeManifest(folder.Manifest)
	if digest, _ := format.ManifestDigest(entries, false); err != nil || digest != folder.SHA256 {
		t.Errorf("the manifest says %s, %v", digest, err)
	}
	listing := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, "data"), Listing: true})
	if want := sum("a-b\x000\na/x\x002\nb.txt\x001\n"); listing.SHA256 != want || listing.Hash != "listing" {
		t.Errorf("%+v; want digest %s", listing.Dataset, want)
	}
	table := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, "t.csv")})
	if d := cmp.Diff([]string{"a", `"b\012c"`}, table.Columns); d != "" || table.Rows != 2 {
		t.Errorf("%d rows, %s", table.Rows, d)
	}
	// A pointer counts as the file that it stands for.
	if got := hashOf(
		t, DatasetRequest{Root: root, Path: filepath.Join(root, "big.bin")},
	); got.SHA256 != sum("large") || got.Bytes != 5 {
		t.Errorf("%+v", got.Dataset)
	}
	if got := hashOf(
		t, DatasetRequest{Root: root, Path: filepath.Join(root, "lfs")},
	); got.SHA256 != sum("big.bin\x005\x00"+sum("large")+"\n") || got.Bytes != 5 {
		t.Errorf("%+v", got.Dataset)
	}
}

func TestHashDatasetRefuses(t *testing.T) {
	root := tree(t, "d/x", "x", "bad.dvc", "outs: 1\n")
	if err := os.Symlink("..", filepath.Join(root, "d", "up")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, reason string }{
		{"s3://bucket/x", "URL"},
		{filepath.Join(root, "none"), "no such file"},
		{"/dev/null", "neither a file nor a folder"},
		{filepath.Join(root, "d"), "leads back to a folder above it"},
		{filepath.Join(root, "bad.dvc"), "lists no output"},
	} {
		if _, err := HashDataset(t.Context(), DatasetRequest{Root: root, Path: c.path}); err == nil ||
			!strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

func TestDVC(t *testing.T) {
	md5 := strings.Repeat("ab", 16)
	root := tree(
		t,
		"data.csv.dvc",
		"outs:\n- md5: "+md5+"\n  size: 14445097\n  hash: md5\n  path: data.csv\n",
		"dir.dvc",
		"deps:\n- md5: x\nouts:\n  - md5: "+md5+".dir\n    size: 10\n    nfiles: 3\n    path: dir\n  - md5: zz\nmeta: 1\n",
		"here",
		"12",
		"here.dvc",
		"outs:\n- md5: "+md5+"\n  size: 2\n",
	)
	for _, path := range []string{"data.csv.dvc", "data.csv"} {
		d := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, path)})
		if d.DVC != md5 || d.Bytes != 14445097 || d.Files != 1 || d.SHA256 != "" {
			t.Errorf("%s: %+v", path, d.Dataset)
		}
	}
	if d := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, "dir.dvc")}); d.DVC != md5+".dir" ||
		d.Files != 3 {
		t.Errorf("%+v", d.Dataset)
	}
	if d := hashOf(t, DatasetRequest{Root: root, Path: filepath.Join(root, "here")}); d.DVC != md5 ||
		d.SHA256 != sum("12") {
		t.Errorf("%+v", d.Dataset)
	}
}

// TestCheckDVC compares data with hashes that DVC gave: 3.67 for the first ones, and 2 for text with other line breaks.
func TestCheckDVC(t *testing.T) {
	root := tree(t, "d/a.txt", "x\r\ny\n", `d/ü"&.txt`, "ü\n", "d/b/c", "z\n", "d/b.txt", "z2\n", "bin", "\x00\r\n")
	unix := md5.Sum([]byte("x\ny\n"))
	for _, c := range []struct {
		path, digest string
		same         bool
	}{
		{"d", "96109448997cdf29a2bae50a0a1dcc87.dir", true},
		{"d/a.txt", "f051fab221a44e611bedf0b8024739e4", true},
		{"d/a.txt", hex.EncodeToString(unix[:]), true},
		{"d/b.txt", hex.EncodeToString(unix[:]), false},
		{"d/a.txt", "f051fab221a44e611bedf0b8024739e4.dir", false},
		{"d", "f051fab221a44e611bedf0b8024739e4.dir", false},
		{"d", "f051fab221a44e611bedf0b8024739e4", false},
		{"bin", "d89a2bd0ea2a1c2a4a1d8d3f4f2c7ea7", false},
		{"none", "f051fab221a44e611bedf0b8024739e4", false},
	} {
		if err := CheckDVC(t.Context(), filepath.Join(root, c.path), c.digest); (err == nil) != c.same {
			t.Errorf("%s with %s: %v", c.path, c.digest, err)
		}
	}
}

func TestCacheBelievesNothingThatMayHaveChanged(t *testing.T) {
	root := tree(t, "d/a", "aaaa", "d/new\nline", "b")
	q := DatasetRequest{Root: root, Path: filepath.Join(root, "d"), Cache: filepath.Join(root, "cache", "x")}
	first := hashOf(t, q)
	file := filepath.Join(root, "d", "a")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// The change time is younger than the tick: nothing is remembered yet.
	if c := openCache(q.Cache); len(c.files) != 0 && stampOf(info).changed != 0 {
		t.Errorf("remembered %d files that had just been made", len(c.files))
	}
	// Remembered by hand, as if written long ago.
	c := openCache("")
	c.path, c.began = q.Cache, time.Now().Add(time.Minute)
	files, err := listFiles(t.Context(), q.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.sum = sum("remembered")
	}
	if err := c.write(files, "", ""); err != nil {
		t.Fatal(err)
	}
	if got := hashOf(t, q); got.SHA256 == first.SHA256 {
		t.Error("the cache was not used")
	}
	// Another content of the same size and the same modification time.
	if err := os.WriteFile(file, []byte("bbbb"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	entries, err := format.DecodeManifest(hashOf(t, q).Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if stampOf(info).changed != 0 && entries[1].SHA256 != sum("bbbb") {
		t.Errorf("%+v", entries)
	}
	if err := os.WriteFile(q.Cache, []byte(cacheHead+"\nx y\n1 2 3 garbage\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if c := openCache(q.Cache); len(c.files) != 0 {
		t.Error("a damaged cache is believed")
	}
}

func FuzzParseDVC(f *testing.F) {
	f.Add("outs:\n- md5: " + strings.Repeat("ab", 16) + "\n  size: 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		if out := parseDVC(text); out != nil && (out.bytes < 0 || out.files < 0) {
			t.Errorf("%+v", out)
		}
	})
}

func FuzzTrimNotebook(f *testing.F) {
	f.Add([]byte(`{"cells": [{"outputs": [1], "source": "x"}], "nbformat": 4}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		trimmed, removed, err := trimNotebook(data)
		if err == nil && int64(len(trimmed))+removed != int64(len(data)) {
			t.Errorf("%d + %d is not %d", len(trimmed), removed, len(data))
		}
	})
}

func TestTrimNotebook(t *testing.T) {
	large := `[{"data": {"image/png": "` + strings.Repeat("A", maxCellOutput) + `"}}]`
	head := `{"cells": [{"cell_type": "code", "outputs":  `
	tail := `, "source": ["x = 1\n"]}, {"outputs": [{"text": "ok"}]}], "nbformat": 4}` + "\n"
	got, removed, err := trimNotebook([]byte(head + large + tail))
	if err != nil || string(got) != head+"[]"+tail || removed != int64(len(large)-2) {
		t.Errorf("%d removed, %v: %.200s", removed, err, got)
	}
	for _, bad := range []string{"", "[]", "{", `{"cells": {}}`, `{"cells": [1]}`} {
		if _, _, err := trimNotebook([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a notebook", bad)
		}
	}
}
