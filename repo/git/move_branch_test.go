package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// upstream makes a commit on top of HEAD that no file of the working tree has: it changes, adds and removes files.
func upstream(t *testing.T, r *gittest.Repository, dirs Dirs) string {
	t.Helper()
	s := scratch(t, dirs)
	trees := openTrees(t, dirs)
	blob := func(text string) string {
		c := dirs.command()
		c.stdin = strings.NewReader(text)
		out, err := c.run(t.Context(), "hash-object", "-w", "--stdin")
		check(t, err)
		return strings.TrimSpace(string(out))
	}
	edits := []Edit{
		{"README", "100644", blob("three\n")},
		{".runs/new/run.toml", "100644", blob("run\n")},
		{"src/exec.sh", "100755", blob("#!/bin/sh\n")},
		{"src/link", "120000", blob("new.py")},
	}
	if r.Head != "" {
		edits = append(edits, Edit{Path: "src/new.py"})
	}
	tree, err := trees.Edit(r.Head, edits)
	check(t, err)
	c := CommitObject{Tree: tree, Message: "upstream\n"}
	if r.Head != "" {
		c.Parents = []string{r.Head}
	}
	commit, err := WriteCommit(t.Context(), dirs, c)
	check(t, err)
	has, err := s.Has(t.Context(), commit)
	check(t, err)
	equal(t, "the commit is in the repository", has, true)
	return commit
}

// TestMoveBranch moves the branch beside the user's own work in every shape.
func TestMoveBranch(t *testing.T) { moveInEachShape(t, func(d Dirs) Dirs { return d }) }

// TestMoveBranchByFiles does it without the git program, or is refused before anything has changed.
func TestMoveBranchByFiles(t *testing.T) { moveInEachShape(t, Dirs.WithoutProgram) }

func moveInEachShape(t *testing.T, by func(Dirs) Dirs) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			t.Skip("nothing is checked out")
		}
		dirs := open(t, r)
		ownWork(r)
		before := userStatus(r)
		next := upstream(t, r, dirs)
		dirs = by(dirs)
		was := r.State()
		err := MoveBranch(t.Context(), dirs, r.Head, next, "test", "aaaa1111")
		if errors.Is(err, ErrNoGit) && dirs.ByFiles() {
			equal(t, "state", r.State(), was)
			t.Skip(err)
		}
		check(t, err)
		tip, err := ReadTip(t.Context(), dirs)
		check(t, err)
		equal(t, "tip", tip, Tip{next, r.Branch})
		equal(t, "the user's own work", userStatus(r), before)
		if !r.Sparse {
			equal(t, "README", r.Read("README"), "three\n")
			equal(t, "run", r.Read(".runs/new/run.toml"), "run\n")
		}
		equal(t, "removed file", r.Read("src/new.py"), "(none)")
		(&change{t: t, r: r, dirs: dirs}).isFree()

		if err := MoveBranch(t.Context(), dirs, r.Head, next, "test", "bbbb2222"); !errors.Is(err, ErrMoved) {
			t.Errorf("MoveBranch from another commit: %v", err)
		}
	})
}

// TestMoveBranchInTheWay: a change of the user's own that the move would overwrite stops it, and nothing is changed.
func TestMoveBranchInTheWay(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *gittest.Repository)
	}{
		{"modified", func(r *gittest.Repository) { r.Write("README", "mine\n") }},
		{"staged", func(r *gittest.Repository) {
			r.Write("README", "mine\n")
			r.Git("add", "README")
		}},
		{"untracked", func(r *gittest.Repository) { r.Write("src/exec.sh", "mine\n") }},
		{"modified and removed upstream", func(r *gittest.Repository) { r.Write("src/new.py", "mine\n") }},
		{"the beginning of the new file", func(r *gittest.Repository) { r.Write(".runs/new/run.toml", "r") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dirs := plain(t)
			next := upstream(t, r, dirs)
			c.do(r)
			before := r.State()
			for _, dirs := range []Dirs{dirs, dirs.WithoutProgram()} {
				var inTheWay *InTheWayError
				if err := MoveBranch(t.Context(), dirs, r.Head, next, "test", "aaaa1111"); !errors.As(err, &inTheWay) {
					t.Errorf("MoveBranch: %v", err)
				}
				equal(t, "state", r.State(), before)
				(&change{t: t, r: r, dirs: dirs}).isFree()
			}
		})
	}
}

// TestMoveBranchAdopts: a file that is already what it is to be is in nobody's way.
func TestMoveBranchAdopts(t *testing.T) {
	r, dirs := plain(t)
	next := upstream(t, r, dirs)
	r.Write(".runs/new/run.toml", "run\n")
	r.Write("README", "three\n")
	check(t, MoveBranch(t.Context(), dirs, r.Head, next, "test", "aaaa1111"))
	equal(t, "status", r.Git("status", "--porcelain"), "")
}

// TestKilledMove: a move whose process died is repeated to its end, or leaves the branch where it was.
func TestKilledMove(t *testing.T) {
	intentWithRefs := func(o *Operation, next string) error {
		old := o.intent.old
		o.intent.ref, o.intent.next, o.intent.moves = "HEAD", next, []RefUpdate{{"HEAD", old, next}}
		return o.intent.write(o.dirs.state("op"))
	}
	for _, c := range []struct {
		name  string
		steps func(t *testing.T, r *gittest.Repository, o *Operation, next string)
		done  bool
	}{
		{"begun", func(*testing.T, *gittest.Repository, *Operation, string) {}, false},
		{"intent with refs", func(t *testing.T, _ *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
		}, true},
		{"files half written", func(t *testing.T, r *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			r.Write(".runs/new/run.toml", "r") // the beginning of it
			r.Write("README", "three\n")
			check(t, os.Remove(r.Path("src/new.py")))
			write(t, o.index+".lock", "torn")
		}, true},
		{"files and index written", func(t *testing.T, _ *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			check(t, o.switchFiles(t.Context(), o.intent.old, next))
		}, true},
		{"index replaced", func(t *testing.T, _ *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			check(t, o.switchFiles(t.Context(), o.intent.old, next))
			check(t, keepIndex(o.dirs.indexPath(), o.dirs.state("was-"+o.intent.nonce)))
			check(t, os.Rename(o.index, o.dirs.indexPath()))
		}, true},
		{"ref moved", func(t *testing.T, _ *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			check(t, o.switchFiles(t.Context(), o.intent.old, next))
			check(t, o.publish(t.Context(), "test", nil))
		}, true},
		{"index.lock removed by the user", func(t *testing.T, _ *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			check(t, os.Remove(o.dirs.indexPath()+".lock"))
		}, true},
		{"a change in the way since", func(t *testing.T, r *gittest.Repository, o *Operation, next string) {
			check(t, intentWithRefs(o, next))
			r.Write("src/new.py", "mine since\n")
		}, false},
	} {
		killed := func(t *testing.T, by func(Dirs) Dirs) {
			t.Parallel()
			r, dirs := plain(t)
			next := upstream(t, r, dirs)
			o, err := Begin(t.Context(), dirs, kindMove, "aaaa1111")
			check(t, err)
			o.intent.old = r.Head
			c.steps(t, r, o, next)
			check(t, o.lockFile.Close())
			complete(t, by(dirs))
			want := r.Head
			if c.done {
				want = next
				equal(t, "status", r.Git("status", "--porcelain"), "")
			}
			tip, err := ReadTip(t.Context(), dirs)
			check(t, err)
			equal(t, "tip", tip, Tip{want, "main"})
			if _, err := os.Stat(filepath.Join(dirs.Git, "index.lock")); err == nil {
				t.Error("index.lock is left")
			}
			(&change{t: t, r: r, dirs: dirs}).isFree()
		}
		t.Run(c.name, func(t *testing.T) { killed(t, func(d Dirs) Dirs { return d }) })
		t.Run(c.name+", by files", func(t *testing.T) { killed(t, Dirs.WithoutProgram) })
	}
}

// TestKilledMoveAndMovedOn: where the branch has moved since, it stays there.
func TestKilledMoveAndMovedOn(t *testing.T) {
	r, dirs := plain(t)
	next := upstream(t, r, dirs)
	o, err := Begin(t.Context(), dirs, kindMove, "aaaa1111")
	check(t, err)
	o.intent.ref, o.intent.old, o.intent.next, o.intent.moves = "HEAD", r.Head, next, []RefUpdate{{"HEAD", r.Head, next}}
	check(t, o.intent.write(dirs.state("op")))
	check(t, o.lockFile.Close())
	check(t, os.Remove(dirs.indexPath()+".lock"))
	own := r.Commit("own", map[string]string{"own.txt": "own\n"})
	complete(t, dirs)
	tip, err := ReadTip(t.Context(), dirs)
	check(t, err)
	equal(t, "tip", tip, Tip{own, "main"})
	equal(t, "status", r.Git("status", "--porcelain"), "")
}

// TestMoveBranchBehindFailingFilter: if a filter fails after some files were written, all are as they were before.
func TestMoveBranchBehindFailingFilter(t *testing.T) {
	r, dirs := plain(t)
	r.Commit("more", map[string]string{"aaa/old": "old\n", "same": "one\n"})
	before := r.Git("rev-parse", "HEAD")
	r.Write(".gitattributes", "zzz filter=odd\n")
	next := r.Commit("next", map[string]string{
		"aaa/new": "new\n", "aaa/old": "changed\n", "README": "changed\n", "here": "here\n", "same": "two\n", "zzz": "z\n",
	})
	r.Git("reset", "-q", "--hard", before)
	r.Git("config", "filter.odd.smudge", "exit 1 #")
	r.Git("config", "filter.odd.required", "true")
	r.Write("here", "here\n") // as it will be
	r.Write("own", "own\n")
	r.Write("src/new.py", "mine\n")
	state, files := r.State(), filesBelow(t, filepath.Join(r.Dir, "aaa"))
	err := MoveBranch(t.Context(), dirs, before, next, "test", "aaaa1111")
	if err == nil || !strings.Contains(err.Error(), "zzz") && !strings.Contains(err.Error(), "filter") {
		t.Errorf("moved: %v", err)
	}
	equal(t, "state", r.State(), state)
	equal(t, "files", len(filesBelow(t, filepath.Join(r.Dir, "aaa"))), len(files))
	for name, want := range map[string]string{
		"aaa/old": "old\n", "same": "one\n", "here": "here\n", "own": "own\n", "src/new.py": "mine\n",
	} {
		equal(t, name, r.Read(name), want)
	}
	r.Git("config", "filter.odd.smudge", "cat")
	check(t, MoveBranch(t.Context(), dirs, before, next, "test", "aaaa1111"))
	equal(t, "aaa/new", r.Read("aaa/new"), "new\n")
}
