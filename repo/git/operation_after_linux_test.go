package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo/git/gittest"
)

// besideSlowCommit does a change while a `git commit` of the user has read the index and not yet taken its lock. That
// commit then fails, because the branch has moved, but it has written the old index back.
func besideSlowCommit(t *testing.T, shape string, b backend) *change {
	t.Helper()
	r := gittest.Named(t, shape).Make(t)
	if !b.reads(r) {
		t.Skip("only git reads it")
	}
	dirs := b.of(open(t, r))
	ownWork(r)
	slow := r.StartSlowCommit("the user's")
	c := begin(t, r, dirs)
	check(t, c.o.Finish(t.Context(), "test", c.updates()...))
	check(t, c.o.Close())
	out, err := slow.Finish()
	if err == nil || !strings.Contains(out, "cannot lock ref") {
		t.Fatalf("git commit: %v, %s", err, out)
	}
	if strings.Contains(r.Git("ls-files"), added) {
		t.Skip("this version of Git does not write an old index")
	}
	return c
}

// TestSlowCommit: the next command of ours adds what a slow commit of the user has dropped from the index.
func TestSlowCommit(t *testing.T) {
	for _, shape := range []string{"plain", "unborn", "linked worktree", "SHA-256"} {
		t.Run(shape, func(t *testing.T) {
			eachBackend(t, func(t *testing.T, b backend) {
				c := besideSlowCommit(t, shape, b)
				check(t, CompleteOrRollBack(t.Context(), c.dirs))
				c.isDone()
				c.r.Git("commit", "-q", "-m", "again")
				equal(t, "the run after the user's next commit", c.r.Git("ls-tree", "--name-only", "HEAD", added), added)
			})
		})
	}
}

// TestSlowCommitAndAnother: the user has also made a commit from the old index, which undoes the change.
func TestSlowCommitAndAnother(t *testing.T) { eachBackend(t, slowCommitAndAnother) }

func slowCommitAndAnother(t *testing.T, b backend) {
	c := besideSlowCommit(t, "plain", b)
	c.r.Git("commit", "-q", "-m", "again")
	index := c.r.Git("ls-files", "-s")
	undone, err := LookAgain(t.Context(), c.dirs)
	check(t, err)
	equal(t, "undone", undone, true)
	equal(t, "index", c.r.Git("ls-files", "-s"), index)
}

// TestSlowCommitLocked: while another program holds the lock of the index, a look does not wait, and a later one mends.
func TestSlowCommitLocked(t *testing.T) { eachBackend(t, slowCommitLocked) }

func slowCommitLocked(t *testing.T, b backend) {
	c := besideSlowCommit(t, "plain", b)
	lock := filepath.Join(c.dirs.Git, "index.lock")
	write(t, lock, "")
	check(t, CompleteOrRollBack(t.Context(), c.dirs))
	check(t, os.Remove(lock))
	check(t, CompleteOrRollBack(t.Context(), c.dirs))
	c.isDone()
}

// TestSlowCommitOfMove: a move of the branch is looked after like a commit.
func TestSlowCommitOfMove(t *testing.T) {
	r, dirs := plain(t)
	next := r.Commit("others", map[string]string{"theirs.txt": "theirs\n"})
	r.Git("reset", "-q", "--hard", "HEAD~1")
	r.Write("staged.txt", "staged\n")
	r.Git("add", "staged.txt")
	slow := r.StartSlowCommit("the user's")
	check(t, MoveBranch(t.Context(), dirs, r.Git("rev-parse", "HEAD"), next, "test", "aaaa1111"))
	if out, err := slow.Finish(); err == nil {
		t.Fatalf("git commit succeeds: %s", out)
	}
	check(t, CompleteOrRollBack(t.Context(), dirs))
	equal(t, "status", r.Git("status", "--porcelain"), "A  staged.txt")
}

// TestLookAgainLeavesTheUser: what the user does after a change stays, and the note goes after some time.
func TestLookAgainLeavesTheUser(t *testing.T) { eachBackend(t, lookAgainLeavesTheUser) }

func lookAgainLeavesTheUser(t *testing.T, b backend) {
	r, dirs := plain(t)
	dirs = b.of(dirs)
	c := begin(t, r, dirs)
	check(t, c.o.Finish(t.Context(), "test", c.updates()...))
	check(t, c.o.Close())
	r.Git("rm", "-q", "--cached", added)
	r.Write("more.txt", "more\n")
	r.Git("add", "more.txt")
	want := r.Git("ls-files", "-s")
	check(t, CompleteOrRollBack(t.Context(), dirs))
	equal(t, "index", r.Git("ls-files", "-s"), want)

	r.Git("reset", "-q", "--hard")
	r.Git("revert", "-n", "HEAD")
	want = r.Git("ls-files", "-s")
	check(t, CompleteOrRollBack(t.Context(), dirs))
	equal(t, "index after a revert", r.Git("ls-files", "-s"), want)

	n, ok := readAfterNote(dirs)
	equal(t, "a note", ok, true)
	equal(t, "the stamp of the note", n.index, indexStamp(dirs))
	n.ended = time.Now().Add(-2 * afterWait)
	n.write(dirs, "bbbb2222")
	check(t, CompleteOrRollBack(t.Context(), dirs))
	if _, ok := readAfterNote(dirs); ok {
		t.Error("the note stays")
	}
	write(t, dirs.state(afterName), "new ../../x\n")
	check(t, CompleteOrRollBack(t.Context(), dirs))
	if _, err := os.Lstat(dirs.state(afterName)); err == nil {
		t.Error("a note that says nothing stays")
	}
}
