package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestClientOfAnother: what another user has put into the cache is not run.
func TestClientOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	dir, err := installClient()
	if err != nil {
		t.Fatal(err)
	}
	const another = 54321
	planted := filepath.Join(dir, "gitruns", "__pycache__", "_run.cpython-312.pyc")
	plant := func() {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(planted), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(planted, []byte("planted"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant()
	if _, err := installClient(); err != nil || !isThere(planted) {
		t.Fatalf("what Python compiled for us is gone: %v", err)
	}
	for name, of := range map[string]string{"file": planted, "folder": filepath.Dir(planted), "all": dir} {
		plant()
		if err := os.Chown(of, another, another); err != nil {
			t.Fatal(err)
		}
		if _, err := installClient(); err != nil || isThere(planted) {
			t.Errorf("%s of another user: still there: %v", name, err)
		}
	}
	if err := os.Chown(filepath.Join(cache, "runs"), another, another); err != nil {
		t.Fatal(err)
	}
	if _, err := installClient(); err == nil {
		t.Error("the folder of another user is taken")
	}
	if err := os.RemoveAll(filepath.Join(cache, "runs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(cache, "runs")); err != nil {
		t.Fatal(err)
	}
	if _, err := installClient(); err == nil {
		t.Error("a link is taken")
	}
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
