package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

func fileURL(dir string) string { return "file://" + filepath.ToSlash(dir) }

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	conformance(t, fileURL(dir), bucket.Open, func(key string, bytes []byte) error {
		return os.WriteFile(filepath.Join(dir, key), bytes, 0o666)
	})
	if parts, _ := filepath.Glob(filepath.Join(dir, "*", ".*")); len(parts) > 0 {
		t.Errorf("left in the store: %v", parts)
	}
}

func TestStream(t *testing.T) {
	memory := memblob.OpenBucket(nil)
	conformance(t, "", func(context.Context, string) (*bucket.Store, error) {
		return bucket.Of("mem", "mem://", memory), nil
	}, func(key string, bytes []byte) error {
		return memory.WriteAll(context.Background(), key, bytes, nil)
	})
}

func TestS3(t *testing.T) {
	root := t.TempDir()
	address := gateway(t, root)
	conformance(t, s3URL(address), bucket.Open, func(key string, bytes []byte) error {
		return os.WriteFile(filepath.Join(root, "bkt", "team", "project", key), bytes, 0o666)
	})
	if parts, _ := filepath.Glob(filepath.Join(root, "bkt", ".sgwtmp", "multipart", "*", "*")); len(parts) > 0 {
		t.Errorf("left in the store: %v", parts)
	}
}

// conformance checks what every kind of store must do. overwrite changes an object without the store's knowledge.
func conformance(t *testing.T, url string, open opener, overwrite func(key string, bytes []byte) error) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	objects := []store.Object{
		file(t, at("empty"), 0, 1), file(t, at("one"), 1, 2), file(t, at("small"), 50_000, 3),
		file(t, at("middle"), 3_000_000, 4),
		file(t, at("large"), 20_000_003, 5), file(t, at("again"), 50_000, 3),
	}
	var total int64
	want := map[string]int64{}
	for _, o := range objects[:5] {
		want[o.Digest] = o.Size
		total += o.Size
	}
	absent := file(t, at("absent"), 100, 6)
	digests := []string{absent.Digest}
	for _, o := range objects {
		digests = append(digests, o.Digest)
	}

	c := mustConnect(t, url, open)
	if found, err := c.Stat(t.Context(), digests); err != nil || len(found) > 0 {
		t.Fatalf("an empty store holds %v, %v", found, err)
	}
	var done, all int64
	if n := moved(
		t, c.Upload(t.Context(), objects, func(d, a int64) { done, all = d, a }),
	); n != total || done != total || all != total {
		t.Errorf("%d bytes were sent, progress ended at %d of %d, want %d", n, done, all, total)
	}
	if n := moved(t, c.Upload(t.Context(), objects, nil)); n != 0 {
		t.Errorf("%d bytes were sent again", n)
	}
	if found, err := c.Stat(t.Context(), digests); err != nil || !maps.Equal(found, want) {
		t.Errorf("the store holds %v, %v, want %v", found, err, want)
	}
	listed := map[string]int64{}
	err := c.List(t.Context(), func(s store.Stored) error { listed[s.Digest] = s.Size; return nil })
	if err != nil || !maps.Equal(listed, want) {
		t.Errorf("the store lists %v, %v, want %v", listed, err, want)
	}

	back := make([]store.Object, len(objects))
	for i, o := range objects {
		back[i] = o
		back[i].Path = o.Path + ".back"
	}
	if n := moved(t, c.Download(t.Context(), back, nil)); n != total {
		t.Errorf("%d bytes were fetched, want %d", n, total)
	}
	for i, o := range objects {
		sent, err := os.ReadFile(o.Path)
		if err != nil {
			t.Fatal(err)
		}
		if came, err := os.ReadFile(back[i].Path); err != nil || !bytes.Equal(sent, came) {
			t.Errorf("%s came back otherwise, %v", o.Path, err)
		}
	}

	wantKind(t, c.Download(t.Context(), []store.Object{absent}, nil)[0].Err, store.NotFound)

	for i, size := range []int64{100, 3_000_000, 20_000_003} { // one byte differs, the last
		o := file(t, at("changed"), size, byte(10+i))
		f, err := os.OpenFile(o.Path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{last[0] ^ 1}, size-1); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		wantKind(t, c.Upload(t.Context(), []store.Object{o}, nil)[0].Err, store.Changed)
		if found, err := c.Stat(t.Context(), []string{o.Digest}); err != nil || len(found) > 0 {
			t.Errorf("wrong bytes are in the store under %s, %v", o.Digest, err)
		}
		whole := file(t, at("whole"), size, byte(10+i)) // another file has the right bytes
		if r := c.Upload(t.Context(), []store.Object{o, whole}, nil); r[0].Err != nil || r[1].Err != nil {
			t.Errorf("one of two files of a digest has changed: %v", r)
		}
	}
	shorter := objects[2]
	shorter.Size++
	wantKind(t, c.Upload(t.Context(), []store.Object{shorter}, nil)[0].Err, store.Changed)

	for _, i := range []int{2, 4} {
		bad := back[i]
		bad.Path += ".bad"
		wrong := bytes.Repeat([]byte{7}, int(bad.Size))
		for _, wrong := range [][]byte{wrong, wrong[1:]} {
			if err := overwrite(store.Key(bad.Digest), wrong); err != nil {
				t.Fatal(err)
			}
			wantKind(t, c.Download(t.Context(), []store.Object{bad}, nil)[0].Err, store.Digest)
		}
		if left, _ := filepath.Glob(bad.Path + "*"); len(left) > 0 {
			t.Errorf("wrong bytes are kept: %v", left)
		}
		// the size is wrong: sent again
		if r := c.Upload(t.Context(), objects[i:i+1], nil); r[0].Err != nil || r[0].Moved == 0 {
			t.Errorf("a truncated object is not replaced: %v", r)
		}
	}
	if left, _ := filepath.Glob(at("*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
