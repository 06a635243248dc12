package git_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// A clone has the branch, tag or commit that was asked for, without more of the history than the repository gives
// alone. It keeps no credentials, and runs no hook.
func TestClone(t *testing.T) {
	r := gittest.New(t)
	r.Git("config", "uploadpack.allowAnySHA1InWant", "false")
	first := r.Commit("first", map[string]string{"a": "1"})
	r.Git("tag", "-a", "-m", "v1", "v1")
	r.Git("checkout", "-q", "-b", "feature/x")
	second := r.Commit("second", map[string]string{"a": "2"})
	r.Git("checkout", "-q", "-")
	third := r.Commit("third", map[string]string{"a": "3"})
	main := r.Git("symbolic-ref", "--short", "HEAD")
	hooks := t.TempDir()
	if err := os.WriteFile(filepath.Join(hooks, "post-checkout"), []byte("#!/bin/sh\ntouch ran\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
	t.Setenv("GIT_CONFIG_VALUE_0", hooks)
	t.Setenv("GIT_DIR", filepath.Join(t.TempDir(), "other")) // of the user's shell
	address := "file://" + filepath.ToSlash(r.Dir)
	for _, test := range []struct {
		url, rev       string
		local          bool
		commit, branch string
	}{
		{address, "", false, third, main},
		{address, "feature/x", false, second, "feature/x"},
		{address, "v1", false, first, ""},
		{address, third, false, third, ""},
		{address, first, false, first, ""},
		{address, second[:7], false, second, ""},
		{r.Dir, "", true, third, main},
		{r.Dir, "feature/x", true, second, "feature/x"},
		{r.Dir, "v1", true, first, ""},
		{r.Dir, first[:8], true, first, ""},
	} {
		dir := filepath.Join(t.TempDir(), "clone")
		done, err := git.Clone(t.Context(), git.CloneRequest{URL: test.url, Rev: test.rev, Dir: dir, Local: test.local})
		if err != nil {
			t.Errorf("%s %s: %v", test.url, test.rev, err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "a"))
		want := map[string]string{first: "1", second: "2", third: "3"}[test.commit]
		if done.Commit != test.commit || done.Branch != test.branch || string(text) != want {
			t.Errorf("%s %s: got %+v, %q, %v", test.url, test.rev, done, text, err)
		}
		if untouched, err := git.Untouched(t.Context(), done.Dirs); err != nil || !untouched {
			t.Errorf("%s %s: files that are not of the commit: %v", test.url, test.rev, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
			t.Error("a hook ran")
		}
	}
	for _, test := range []struct{ url, rev, want string }{
		{address, "none", "the repository has no branch, tag or commit \"none\""},
		{address, strings.Repeat("ab", 20), "the repository has no branch, tag or commit"},
		{address, "-x", "is not the name of"},
		{address, "main~1", "is not the name of"},
		{address, "a..b", "is not the name of"},
		{address, "@{-1}", "is not the name of"},
		{"--upload-pack=x", "", "is not an address"},
		{"a\nb", "", "is not an address"},
		{"", "", "is not an address"},
		{"ext::sh -c x", "", "names a helper program"},
		{"file:///none", "", "does not"},
		{"http://ada:hunter2@127.0.0.1:1/x", "", "127.0.0.1"},
	} {
		dir := filepath.Join(t.TempDir(), "clone")
		_, err := git.Clone(t.Context(), git.CloneRequest{URL: test.url, Rev: test.rev, Dir: dir})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %s: got %v, want %s", test.url, test.rev, err, test.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s %s: the folder is left", test.url, test.rev)
		}
	}
}

// What a clone of a repository on this machine knows of its remote is what that repository knows: the commits that
// outlive this machine.
func TestCloneOfOwnRepository(t *testing.T) {
	r := gittest.New(t)
	pushed := r.Commit("pushed", map[string]string{"a": "1"})
	r.Git("remote", "add", "origin", "https://ada:hunter2@example.org/x.git")
	r.Git("update-ref", "refs/remotes/origin/main", pushed)
	r.Commit("not pushed", map[string]string{"a": "2"})
	dir := filepath.Join(t.TempDir(), "clone")
	done, err := git.Clone(t.Context(), git.CloneRequest{URL: r.Dir, Dir: dir, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	config, err := git.ConfigOf(t.Context(), done.Dirs, `^remote\.`)
	if err != nil || config["remote.origin.url"] != "https://example.org/x.git" {
		t.Errorf("the remote is %v, %v", config, err)
	}
	if got, err := git.Resolve(t.Context(), done.Dirs, "refs/remotes/origin/main"); err != nil || got != pushed {
		t.Errorf("of the remote, it knows %s, %v", got, err)
	}
}
