package git

import (
	"crypto/sha1"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/repo/git/gittest"
)

// addExtension adds an extension to the index.
func addExtension(t *testing.T, r *gittest.Repository, name string) {
	t.Helper()
	file := r.Path(".git/index")
	data, err := os.ReadFile(file)
	check(t, err)
	data = append(data[:len(data)-sha1.Size], name+"\x00\x00\x00\x00"...)
	sum := sha1.Sum(data)
	check(t, os.WriteFile(file, append(data, sum[:]...), 0o666))
}

// TestCheckCommits: what only git does is refused by name, before anything is written.
func TestCheckCommits(t *testing.T) {
	for _, c := range []struct {
		name, says string
		do         func(t *testing.T, r *gittest.Repository)
	}{
		{"nothing", "", func(*testing.T, *gittest.Repository) {}},
		{"signed commits", "commit.gpgSign is set", config("commit.gpgSign", "true")},
		{"signed commits by an included file", "commit.gpgSign is set", func(_ *testing.T, r *gittest.Repository) {
			r.Write("more", "[commit]\n\tgpgSign\n")
			r.Git("config", "includeIf.gitdir:"+filepath.ToSlash(r.Path(".git"))+".path", r.Path("more"))
		}},
		{"a condition that is not met", "", func(_ *testing.T, r *gittest.Repository) {
			r.Write("more", "[commit]\n\tgpgSign\n")
			r.Git("config", "includeIf.gitdir:/elsewhere/.path", r.Path("more"))
		}},
		{"a file system without case", "core.ignorecase is set", config("core.ignoreCase", "true")},
		{"no links", "core.symlinks is off", config("core.symlinks", "false")},
		{"a split index", "", func(_ *testing.T, r *gittest.Repository) {
			r.Git("update-index", "--split-index")
		}},
		{"a split index without its file", "its shared file", func(t *testing.T, r *gittest.Repository) {
			r.Git("update-index", "--split-index")
			shared, _ := filepath.Glob(r.Path(".git/sharedindex.*"))
			check(t, os.Remove(shared[0]))
		}},
		{"a split index with a changed file", "its checksum is wrong", func(t *testing.T, r *gittest.Repository) {
			r.Git("update-index", "--split-index")
			shared, _ := filepath.Glob(r.Path(".git/sharedindex.*"))
			data, err := os.ReadFile(shared[0])
			check(t, err)
			data[50] ^= 1
			check(t, os.Remove(shared[0]))
			check(t, os.WriteFile(shared[0], data, 0o666))
		}},
		{"a split index with the file of another", "its checksum is not its name", func(t *testing.T, r *gittest.Repository) {
			r.Git("update-index", "--split-index")
			shared, _ := filepath.Glob(r.Path(".git/sharedindex.*"))
			r.Git("update-index", "--no-split-index")
			whole, err := os.ReadFile(r.Path(".git/index"))
			check(t, err)
			r.Git("update-index", "--split-index")
			check(t, os.Remove(shared[0]))
			check(t, os.WriteFile(shared[0], whole, 0o666))
		}},
		{"a sparse index", "", func(_ *testing.T, r *gittest.Repository) {
			r.Git("sparse-checkout", "set", "--cone", "--sparse-index", "src")
		}},
		{"an unknown extension of the index", `extension "zzzz"`, func(t *testing.T, r *gittest.Repository) {
			r.Git("update-index", "--index-version=4")
			addExtension(t, r, "zzzz")
		}},
		{"an unknown extension that may be ignored", "", func(t *testing.T, r *gittest.Repository) {
			addExtension(t, r, "ZZZZ")
		}},
		{"a damaged index", "its checksum is wrong", func(t *testing.T, r *gittest.Repository) {
			data, err := os.ReadFile(r.Path(".git/index"))
			check(t, err)
			data[50] ^= 1
			check(t, os.WriteFile(r.Path(".git/index"), data, 0o666))
		}},
		{"another format", "object ids of sha256", func(_ *testing.T, r *gittest.Repository) {
			r.Git("config", "core.repositoryFormatVersion", "1")
			r.Git("config", "extensions.objectFormat", "sha256")
		}},
		{"reftable", "refs in the format reftable", func(_ *testing.T, r *gittest.Repository) {
			r.Git("config", "core.repositoryFormatVersion", "1")
			r.Git("config", "extensions.refStorage", "reftable")
		}},
		{"an unknown extension", "the extension other", func(_ *testing.T, r *gittest.Repository) {
			r.Git("config", "core.repositoryFormatVersion", "1")
			r.Git("config", "extensions.other", "1")
		}},
		{"a hook that may refuse", "is a hook, and only git runs it", func(t *testing.T, r *gittest.Repository) {
			r.Write("hooks/reference-transaction", "#!/bin/sh\n")
			makeExecutable(t, r.Path("hooks/reference-transaction"))
			r.Git("config", "core.hooksPath", "hooks")
		}},
		{"a hook of commits", "", func(t *testing.T, r *gittest.Repository) {
			r.Write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n")
			makeExecutable(t, r.Path(".git/hooks/pre-commit"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dirs := plain(t)
			dirs = dirs.WithoutProgram()
			c.do(t, r)
			before := filesBelow(t, r.Dir)
			err := CheckCommits(t.Context(), dirs)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("CheckCommits: %v, want %q", err, c.says)
			}
			if d := cmp.Diff(before, filesBelow(t, r.Dir)); d != "" {
				t.Errorf("files have changed:\n%s", d)
			}
		})
	}
}

// TestNotTrusted: of a repository of another user, the next step is what the user can do without Git.
func TestNotTrusted(t *testing.T) {
	r, dirs := plain(t)
	if err := os.Chown(r.Path(".git"), 12345, 12345); err != nil {
		t.Skip(err)
	}
	_, err := ReadTip(t.Context(), dirs.WithoutProgram())
	var failed *Error
	if !errors.As(err, &failed) || !Inconclusive(err) {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(failed.Hint(), ": ")
	file := filepath.Join(t.TempDir(), ".gitconfig")
	t.Setenv("GIT_CONFIG_GLOBAL", file)
	check(t, os.WriteFile(file, []byte(line+"\n"), 0o666))
	if _, err := ReadTip(t.Context(), dirs.WithoutProgram()); err != nil {
		t.Errorf("after %q: %v", line, err)
	}
}

// filesBelow returns the contents of the files in a folder.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	}))
	return found
}

func config(key, value string) func(*testing.T, *gittest.Repository) {
	return func(_ *testing.T, r *gittest.Repository) { r.Git("config", key, value) }
}

// TestNativeKeepsRacyFiles: a file that was changed right after it was added, without a change of its size, still
// counts as changed after the index was written again.
func TestNativeKeepsRacyFiles(t *testing.T) {
	r, dirs := plain(t)
	r.Write("racy", "old\n")
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	check(t, os.Chtimes(r.Path("racy"), at, at))
	r.Git("add", "racy")
	check(t, os.Chtimes(r.Path(".git/index"), at, at))
	r.Write("racy", "new\n")
	check(t, os.Chtimes(r.Path("racy"), at, at))
	r.Git("config", "core.trustctime", "false")
	c := begin(t, r, dirs.WithoutProgram())
	check(t, c.o.Finish(t.Context(), "test", c.updates()...))
	check(t, c.o.Close())
	equal(t, "status", r.Git("status", "--porcelain", "racy"), "AM racy")
}

// TestNativeSharesFiles: core.sharedRepository gives others the files that are made.
func TestNativeSharesFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no permissions for others")
	}
	for value, want := range map[string][3]os.FileMode{
		"umask": {0o444, 0o755, 0o644}, "group": {0o444, 0o775, 0o664}, "0660": {0o440, 0o770, 0o660},
		"true": {0o444, 0o775, 0o664}, "all": {0o444, 0o775, 0o664},
	} {
		r, dirs := plain(t)
		r.Git("config", "core.sharedRepository", value)
		w, err := NewObjectWriter(t.Context(), dirs.WithoutProgram())
		check(t, err)
		e := w.Encoder()
		id, err := e.Blob([]byte("content that no other object has\n"), "")
		check(t, errors.Join(err, e.Flush(), w.Store(t.Context())))
		w.Close()
		c := begin(t, r, dirs.WithoutProgram())
		check(t, c.o.Finish(t.Context(), "test", c.updates()...))
		check(t, c.o.Close())
		for i, name := range []string{"objects/" + id[:2] + "/" + id[2:], "objects/" + id[:2], "index"} {
			info, err := os.Stat(r.Path(".git/" + name))
			check(t, err)
			equal(t, value+": "+name, info.Mode().Perm(), want[i])
		}
		ref, err := os.Stat(r.Path(".git/refs/heads/main"))
		check(t, err)
		equal(t, value+": branch", ref.Mode().Perm(), want[2])
	}
}

// TestNativeStoresForGood: an object that exists gets a new time, so that `git gc` does not remove it as long unused.
func TestNativeStoresForGood(t *testing.T) {
	r, dirs := plain(t)
	id := r.Git("hash-object", "-w", "README")
	loose := r.Path(".git/objects/" + id[:2] + "/" + id[2:])
	old := time.Now().Add(-30 * 24 * time.Hour)
	check(t, os.Chtimes(loose, old, old))
	data, err := os.ReadFile(r.Path("README"))
	check(t, err)
	again, err := WriteBlob(t.Context(), dirs.WithoutProgram(), data)
	check(t, err)
	equal(t, "id", again, id)
	info, err := os.Stat(loose)
	check(t, err)
	if time.Since(info.ModTime()) > time.Hour {
		t.Error("the object keeps its time")
	}
	unused, err := WriteBlob(t.Context(), dirs.WithoutProgram(), []byte("unused\n"))
	check(t, err)
	r.Git("gc", "-q", "--prune=now")
	if _, err := gittest.Try(r.Dir, "cat-file", "-e", unused); err == nil {
		t.Error("git gc keeps an object that nothing refers to")
	}
}

// TestNativeRefusesPaths: paths that Git never puts into an index are refused, and links are not followed.
func TestNativeRefusesPaths(t *testing.T) {
	r, dirs := plain(t)
	check(t, os.Symlink(r.Path("src"), r.Path("linked")))
	for _, path := range []string{
		"../x", "a/../b", ".git/config", "a/.GIT/x", "/etc/passwd", "linked/new.py", "src", "none",
	} {
		o, err := Begin(t.Context(), dirs.WithoutProgram(), "commit", "aaaa1111")
		check(t, err)
		if err := o.Stage(t.Context(), slices.Values([]string{path}), nil); err == nil {
			t.Errorf("%q is put into the index", path)
		}
		check(t, o.Close())
	}
	equal(t, "status", r.Git("status", "--porcelain"), "?? linked")
}

// TestOpenBareWithoutGit: a bare repository is found by its files, and no other.
func TestOpenBareWithoutGit(t *testing.T) {
	bare := gittest.Named(t, "bare").Make(t)
	r, _ := plain(t)
	want := open(t, bare)
	t.Setenv("PATH", t.TempDir())
	for dir, is := range map[string]bool{
		bare.Dir: true, filepath.Join(bare.Dir, "refs"): true, r.Dir: false, r.Path("src"): false,
		r.Path(".git"): false, filepath.Join(r.Path(".git"), "objects"): false, r.Base: false,
	} {
		dirs, ok, err := OpenBare(t.Context(), dir)
		check(t, err)
		equal(t, dir, ok, is)
		if is {
			equal(t, dir, dirs.Git, want.Git)
		}
	}
}
