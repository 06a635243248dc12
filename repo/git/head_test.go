package git

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestDirty: what lies in .runs makes no tree dirty, all else does.
func TestDirty(t *testing.T) {
	r, _ := plain(t)
	for _, c := range []struct {
		file string
		want bool
	}{{".runs/more", false}, {"sub/.runs/x", false}, {"more", true}} {
		r.Write(c.file, "x")
		head, err := ReadHead(t.Context(), r.Dir)
		check(t, err)
		equal(t, c.file, head.Dirty, c.want)
	}
	if _, err := ReadHead(t.Context(), r.Base); err == nil {
		t.Error("ReadHead outside a repository is no error")
	}
}

// TestInProgress names what Git has not ended, and what ends it.
func TestInProgress(t *testing.T) {
	for _, c := range []struct {
		name string
		git  [][]string
		want string
	}{
		{"merge", [][]string{{"merge", "other"}}, ""},
		{"rebase", [][]string{{"rebase", "other"}}, "a rebase"},
		{"am", [][]string{{"am", "patch"}}, "git am"},
		{"rebase of patches", [][]string{{"rebase", "--apply", "other"}}, "a rebase"},
		{"cherry-pick", [][]string{{"cherry-pick", "other"}}, "a cherry-pick"},
		{"revert", [][]string{{"revert", "HEAD~1"}}, "a revert"},
		{"bisect", [][]string{{"bisect", "start"}}, "a bisection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dirs := plain(t)
			r.Git("checkout", "-q", "-b", "other", "HEAD~1")
			r.Commit("other", map[string]string{"README": "other\n"})
			write(t, r.Path("patch"), r.Git("format-patch", "-1", "--stdout")+"\n")
			r.Git("checkout", "-q", "main")
			r.Commit("third", map[string]string{"README": "three\n"})
			for _, args := range c.git {
				_, _ = gittest.Try(r.Dir, args...) // it stops at a conflict
			}
			name, end := dirs.InProgress()
			equal(t, "InProgress", name, c.want)
			equal(t, "what ends it", end != "", c.want != "")
			equal(t, "Merging", Merging(dirs), c.name == "merge")
			if c.want == "" {
				r.Git("branch", "-q", "-D", "other") // only the merge has its commit
				tips, err := Tips(t.Context(), dirs)
				check(t, err)
				equal(t, "Tips has what is merged", slices.Contains(tips, r.Git("rev-parse", "MERGE_HEAD")), true)
			}
		})
	}
}

// TestUpdateRefs moves refs all or none.
func TestUpdateRefs(t *testing.T) {
	for _, shape := range []string{"plain", "packed refs", "SHA-256", "linked worktree"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			r := gittest.Named(t, shape).Make(t)
			dirs := open(t, r)
			ctx := t.Context()
			ref := func(name string) string {
				commit, err := Resolve(ctx, dirs, name)
				check(t, err)
				return commit
			}
			check(t, UpdateRefs(ctx, dirs, "test", RefUpdate{"refs/runs/a", "", r.First}))
			for _, u := range []RefUpdate{
				{"refs/runs/a", "", r.Head},
				{"refs/runs/a", r.Head, r.First},
				{"refs/runs/absent", r.First, r.Head},
			} {
				if err := UpdateRefs(ctx, dirs, "test", u); !errors.Is(err, ErrMoved) &&
					(err == nil || u.Ref != "refs/runs/absent") {
					t.Errorf("%+v: %v", u, err)
				}
			}
			err := UpdateRefs(ctx, dirs, "test", RefUpdate{"refs/runs/b", "", r.First}, RefUpdate{"refs/runs/a", r.Head, r.Head})
			if !errors.Is(err, ErrMoved) || ref("refs/runs/b") != "" {
				t.Errorf("one of two: %v, %q", err, ref("refs/runs/b"))
			}
			check(t, UpdateRefs(ctx, dirs, "test", RefUpdate{"refs/runs/a", r.First, r.Head}))
			equal(t, "ref", ref("refs/runs/a"), r.Head)
			DeleteRef(ctx, dirs, "refs/runs/a")
			equal(t, "deleted ref", ref("refs/runs/a"), "")
			check(t, UpdateRefs(ctx, dirs, "test reason", RefUpdate{"HEAD", r.Head, r.First}))
			equal(t, "the branch that is checked out", ref("refs/heads/"+r.Branch), r.First)
			equal(t, "reflog", strings.Contains(r.Git("reflog", "-1"), "test reason"), true)
		})
	}
}

func TestCheckBranch(t *testing.T) {
	_, dirs := plain(t)
	for name, valid := range map[string]bool{
		"main": true, "a/b": true, gittest.OddBranch: true, "": false, "-x": false, "HEAD": false, "@": false, "refs": false,
		"a..b": false, "a b": false,
		"a~1": false, "x.lock": false, "a//b": false, "x/": false, "a\nb": false,
	} {
		err := CheckBranch(t.Context(), dirs, name)
		var wrong *BranchNameError
		if valid && err != nil || !valid && !errors.As(err, &wrong) {
			t.Errorf("CheckBranch %q: %v", name, err)
		}
	}
}

// TestRefsBesideOthers: a ref is not created above or below another one, and the error names the other.
func TestRefsBesideOthers(t *testing.T) {
	r, dirs := plain(t)
	r.Git("branch", "a/b")
	for _, dirs := range []Dirs{dirs, dirs.WithoutProgram()} {
		for name, other := range map[string]string{"a": "a/b", "a/b/c": "a/b", "main/x/y": "main"} {
			err := UpdateRefs(t.Context(), dirs, "test", RefUpdate{Ref: "refs/heads/" + name, New: r.Head})
			if err == nil || !strings.Contains(err.Error(), "refs/heads/"+other) {
				t.Errorf("%q: %v, want the name of %q", name, err, other)
			}
		}
	}
}

// TestFindBranch: a local branch counts before one of origin, and that before those of other remotes.
func TestFindBranch(t *testing.T) {
	r := gittest.Named(t, "clone").Make(t)
	dirs := open(t, r)
	for _, c := range []struct {
		ref, commit string
	}{{"refs/remotes/fork/x", r.First}, {"refs/remotes/origin/x", r.Head}, {"refs/heads/x", r.First}} {
		r.Git("update-ref", c.ref, c.commit)
		commit, here, err := FindBranch(t.Context(), dirs, "x")
		check(t, err)
		equal(t, "FindBranch with "+c.ref, commit, c.commit)
		equal(t, "checked out", here, false)
	}
	r.Git("update-ref", "refs/heads/folder/x", r.Head)
	commit, _, err := FindBranch(t.Context(), dirs, "folder")
	check(t, err)
	equal(t, "a folder of branches", commit, "")
}

// TestDefaultBranch: the default branch of a remote, otherwise main or master.
func TestDefaultBranch(t *testing.T) {
	r := gittest.Named(t, "clone").Make(t)
	dirs := open(t, r)
	r.Git("symbolic-ref", "-d", "refs/remotes/origin/HEAD")
	equal(t, "without HEAD", DefaultBranch(t.Context(), dirs), "origin/main")
	r.Git("update-ref", "refs/remotes/origin/master", r.Head)
	r.Git("update-ref", "-d", "refs/remotes/origin/main")
	equal(t, "master", DefaultBranch(t.Context(), dirs), "origin/master")
	name, err := TrackedHead(t.Context(), dirs, "origin")
	check(t, err)
	equal(t, "TrackedHead", name, "master")
	name, err = TrackedHead(t.Context(), dirs, "absent")
	check(t, err)
	equal(t, "TrackedHead of no remote", name, "")
	unborn := gittest.Named(t, "unborn").Make(t)
	equal(t, "none", DefaultBranch(t.Context(), open(t, unborn)), "")
}

// TestWorktrees: a branch of another worktree is checked out there, and its .runs is found from everywhere.
func TestWorktrees(t *testing.T) {
	r := gittest.Named(t, "linked worktree").Make(t)
	dirs := open(t, r)
	at, err := CheckedOut(t.Context(), dirs, "main")
	check(t, err)
	equal(t, "CheckedOut", at, filepath.Join(r.Base, "project"))
	write(t, filepath.Join(r.Base, "project", "sub", ".runs", "config.toml"), "")
	folders, err := RunsFolders(t.Context(), dirs)
	check(t, err)
	for _, want := range [][2]string{
		{r.Dir, ".runs"},
		{filepath.Join(r.Base, "project"), ".runs"},
		{filepath.Join(r.Base, "project"), "sub/.runs"},
	} {
		if !slices.Contains(folders, want) {
			t.Errorf("RunsFolders: %q lacks %q", folders, want)
		}
	}
	detached := filepath.Join(r.Base, "detached")
	r.Git("worktree", "add", "-q", "--detach", detached)
	own := gittest.Git(t, detached, "commit-tree", "HEAD^{tree}", "-m", "own")
	gittest.Git(t, detached, "checkout", "-q", own)
	fetched := r.Git("commit-tree", "HEAD^{tree}", "-m", "fetched")
	r.Git("update-ref", "refs/runs/upstream/origin/x", fetched)
	tips, err := Tips(t.Context(), dirs)
	check(t, err)
	equal(t, "Tips has the commit of a detached worktree", slices.Contains(tips, own), true)
	equal(t, "Tips has what was fetched to a ref of ours", slices.Contains(tips, fetched), true)
	check(t, os.RemoveAll(detached))
	if _, err := RunsFolders(t.Context(), dirs); err != nil {
		t.Errorf("RunsFolders with a worktree that is gone: %v", err)
	}
}

// TestWriteCommit: a commit has the author that it is given, and Git's own identity otherwise.
func TestWriteCommit(t *testing.T) {
	r, dirs := plain(t)
	for _, c := range []struct {
		author *Signature
		want   string
	}{{nil, gittest.Name + " <" + gittest.Email + "> " + gittest.Date[1:]}, {&Signature{
		"Eve Ö", "eve@example.org",
		"@1700000000 -0330",
	}, "Eve Ö <eve@example.org> 1700000000 -0330"}} {
		id, err := WriteCommit(t.Context(), dirs, CommitObject{
			Tree: r.Head + "^{tree}", Parents: []string{r.Head, r.First},
			Message: "# a\n\nb\n", Author: c.author,
		})
		check(t, err)
		text := r.Git("cat-file", "commit", id)
		equal(t, "author", strings.Contains(text, "author "+c.want+"\n"), true)
		commit, err := openTrees(t, dirs).Commit(id)
		check(t, err)
		equal(t, "message", commit.Message, "# a\n\nb\n")
		equal(t, "parents", strings.Join(commit.Parents, " "), r.Head+" "+r.First)
		if c.author != nil {
			equal(t, "author read back", *commit.Author, *c.author)
		}
	}
	equal(t, "Signs", Signs(t.Context(), dirs), false)
	r.Git("config", "commit.gpgSign", "true")
	equal(t, "Signs", Signs(t.Context(), dirs), true)
}

// TestMergeBaseOfStrangers: two histories without a common commit have none.
func TestMergeBaseOfStrangers(t *testing.T) {
	r, dirs := plain(t)
	other := r.Git("commit-tree", "HEAD^{tree}", "-m", "other")
	base, err := MergeBase(t.Context(), dirs, r.Head, other)
	check(t, err)
	equal(t, "MergeBase", base, "")
	if _, err := MergeBase(t.Context(), dirs, r.Head, "absent"); err == nil {
		t.Error("MergeBase of an unknown commit is no error")
	}
	if reached, err := ReachableFrom(t.Context(), dirs, nil, "HEAD"); err != nil || len(reached) != 0 {
		t.Errorf("ReachableFrom: %v, %v", reached, err)
	}
}

// TestEachChangeOfMerge: of a merge, only what none of its parents has is a change.
func TestEachChangeOfMerge(t *testing.T) {
	r, dirs := plain(t)
	r.Git("checkout", "-q", "-b", "other", "HEAD~1")
	r.Commit("other", map[string]string{"src/other.py": "x"})
	r.Git("checkout", "-q", "main")
	r.Git("merge", "-q", "--no-commit", "other")
	r.Write("src/merge.py", "made by the merge\n")
	r.Git("add", "src/merge.py")
	merge := r.Commit("merge", nil)
	var got []string
	_, err := EachChange(t.Context(), dirs, []string{"main"}, []string{"main^1", "main^2"}, []string{"src"},
		func(c CommittedChange) error {
			equal(t, "commit", c.Commit, merge)
			got = append(got, c.Path)
			return nil
		})
	check(t, err)
	// -c shows files that differ from all parents.
	if !slices.Equal(got, []string{"src/merge.py"}) {
		t.Errorf("EachChange: %q", got)
	}
}

// TestWorktreeBelow: other working trees of the repository below this one do not make it dirty. Other repositories do.
func TestWorktreeBelow(t *testing.T) {
	r, dirs := plain(t)
	head := func(what string, dirty bool) {
		t.Helper()
		got, err := ReadHead(t.Context(), r.Dir)
		check(t, err)
		equal(t, what, got.Dirty, dirty)
	}
	r.Git("worktree", "add", "-q", "-b", "a", ".claude/worktrees/a")
	r.Git("worktree", "add", "-q", "-b", "b", ".claude/worktrees/b/c")
	head("worktrees", false)
	equal(t, "a worktree", dirs.HasWorktree(r.Path(".claude/worktrees/a")), true)
	equal(t, "the parent of a worktree", dirs.HasWorktree(r.Path(".claude/worktrees/b")), false)
	equal(t, "itself", dirs.HasWorktree(r.Dir), false)
	below := open(t, &gittest.Repository{Dir: r.Path(".claude/worktrees/a")})
	equal(t, "the main working tree", below.HasWorktree(r.Dir), true)
	for _, file := range []string{".claude/worktrees/b/x", "src/x"} {
		r.Write(file, "x\n")
		head(file, true)
		check(t, os.Remove(r.Path(file)))
	}
	head("worktrees again", false)
	gittest.Git(t, r.Dir, "init", "-q", ".claude/other")
	equal(t, "another repository", dirs.HasWorktree(r.Path(".claude/other")), false)
	gittest.Git(t, r.Path(".claude/other"), "commit", "-q", "--allow-empty", "-m", "x")
	head("another repository", true)
}
