package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestOnlyBranch: no other branch is overlooked, however Git keeps it.
func TestOnlyBranch(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *gittest.Repository)
		want bool
	}{
		{"one branch", func(*gittest.Repository) {}, true},
		{"one that is packed", func(r *gittest.Repository) { r.Git("pack-refs", "--all") }, true},
		{"one in a folder", func(r *gittest.Repository) { r.Git("branch", "-m", "a/b") }, true},
		{"branches of remotes", func(r *gittest.Repository) {
			r.Git("update-ref", "refs/remotes/origin/x", "HEAD")
			r.Git("pack-refs", "--all")
		}, true},
		{"another one", func(r *gittest.Repository) { r.Git("branch", "b") }, false},
		{"another in a folder", func(r *gittest.Repository) { r.Git("branch", "a/b") }, false},
		{"another that is packed", func(r *gittest.Repository) {
			r.Git("branch", "b")
			r.Git("pack-refs", "--all")
		}, false},
		{"a symbolic ref", func(r *gittest.Repository) { r.Git("symbolic-ref", "refs/heads/b", "refs/heads/main") }, false},
		{"a longer name", func(r *gittest.Repository) { r.Git("branch", "main2") }, false},
		{"a detached HEAD", func(r *gittest.Repository) { r.Git("checkout", "-q", "--detach") }, false},
		{"a branch without commits", func(r *gittest.Repository) { r.Git("checkout", "-q", "--orphan", "b") }, false},
		{"a folder of reftables", func(r *gittest.Repository) {
			if err := os.Mkdir(r.Path(".git/reftable"), 0o777); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := gittest.New(t)
			r.Commit("first", map[string]string{"a": "1\n"})
			c.do(r)
			dirs := Dirs{Git: r.Path(".git"), Common: r.Path(".git"), Root: r.Dir}
			if got := OnlyBranch(dirs); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
	r := gittest.New(t)
	r.Commit("first", map[string]string{"a": "1\n"})
	other := filepath.Join(t.TempDir(), "other")
	r.Git("worktree", "add", "-q", other)
	dirs := Dirs{Git: r.Path(".git/worktrees/other"), Common: r.Path(".git"), Root: other}
	if OnlyBranch(dirs) {
		t.Error("the branch of the other worktree is overlooked")
	}
}
