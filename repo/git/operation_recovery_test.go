package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/repo/git/gittest"
)

// steps are what an operation does after its files are staged, in its order; a process may die after each.
var steps = []struct {
	name string
	do   func(c *change) error
	done bool // the change is completed from here on; before, it is rolled back
}{
	{"staged", func(*change) error { return nil }, false},
	{"intent with refs", func(c *change) error {
		c.o.intent.ref, c.o.intent.old, c.o.intent.next, c.o.intent.moves = "HEAD", c.r.Head, c.next, c.updates()
		return c.o.intent.write(c.dirs.state("op"))
	}, false},
	{"old index kept", func(c *change) error {
		return keepIndex(c.dirs.indexPath(), c.dirs.state("was-"+c.o.intent.nonce))
	}, false},
	{"index replaced", func(c *change) error { return os.Rename(c.o.index, c.dirs.indexPath()) }, true},
	{"one ref moved", func(c *change) error { return UpdateRefs(c.t.Context(), c.dirs, "test", c.updates()[0]) }, true},
	{"all refs moved", func(c *change) error { return UpdateRefs(c.t.Context(), c.dirs, "test", c.updates()[1]) }, true},
	{"index.lock removed", func(c *change) error { return os.Remove(c.dirs.indexPath() + ".lock") }, true},
}

// complete is what the next command does after a process has died. The lock of the dead one may last a moment longer
// here: a child of another test has it until it becomes Git.
func complete(t *testing.T, dirs Dirs) {
	t.Helper()
	for range 1000 {
		check(t, CompleteOrRollBack(t.Context(), dirs))
		if _, err := os.Lstat(dirs.state("op")); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the intent is left")
}

// TestKilledOperation: a process that dies after any step leaves what the next command completes or rolls back, whether
// git is installed where they run or not.
func TestKilledOperation(t *testing.T) {
	kill := func(t *testing.T, shape string, last int, killed, next backend) {
		r := gittest.Named(t, shape).Make(t)
		if !killed.reads(r) || !next.reads(r) {
			return
		}
		dirs := killed.of(open(t, r))
		ownWork(r)
		before := r.Git("ls-files", "-s", ":(exclude).runs")
		c := begin(t, r, dirs)
		for _, step := range steps[:last+1] {
			check(t, step.do(c))
		}
		c.die()
		complete(t, next.of(open(t, r)))
		equal(t, "index of the user's own files", r.Git("ls-files", "-s", ":(exclude).runs"), before)
		if steps[last].done {
			c.isDone()
			return
		}
		tip, err := ReadTip(t.Context(), dirs)
		check(t, err)
		equal(t, "tip", tip, Tip{r.Head, r.Branch})
		equal(t, "the user's own work", userStatus(r), c.status)
		c.isFree()
	}
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			for _, killed := range backends {
				for _, next := range backends {
					kill(t, "plain", i, killed, next)
				}
			}
		})
	}
	for _, shape := range []string{"unborn", "detached", "linked worktree", "SHA-256", "odd names", "packed refs"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			kill(t, shape, 3, backends[0], backends[0])
			kill(t, shape, 3, backends[1], backends[1])
		})
	}
}

// TestKilledBegin: a process that dies as it begins leaves nothing that stands in the way of the next.
func TestKilledBegin(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *Operation) error
	}{
		{"nothing written", func(*Operation) error { return nil }},
		{"a torn intent", func(o *Operation) error {
			return os.WriteFile(o.dirs.state("op-aaaa1111"), []byte("nonce"),
				0o666)
		}},
		{"intent", func(o *Operation) error { return o.intent.write(o.dirs.state("op")) }},
		{"lock file without index.lock", func(o *Operation) error {
			return os.WriteFile(o.dirs.state("lock-aaaa1111"), []byte("runs aaaa1111\n"), 0o666)
		}},
		{"a torn index", func(o *Operation) error { return os.WriteFile(o.index, []byte("DIRC"), 0o666) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dirs := plain(t)
			lockFile, err := dirs.lockOperations(t.Context(), 0)
			check(t, err)
			o := &Operation{
				dirs: dirs, lockFile: lockFile, intent: intent{nonce: "aaaa1111", kind: "commit"},
				index: dirs.state("index-aaaa1111"),
			}
			check(t, c.do(o))
			check(t, lockFile.Close())
			complete(t, dirs)
			done := begin(t, r, dirs)
			check(t, done.o.Finish(t.Context(), "test", done.updates()...))
			done.o.Close()
			done.isDone()
		})
	}
}

// TestKilledWithRefLocks: locks that a killed `git update-ref` left on the refs are removed with the operation.
func TestKilledWithRefLocks(t *testing.T) { eachBackend(t, killedWithRefLocks) }

func killedWithRefLocks(t *testing.T, b backend) {
	r, dirs := plain(t)
	dirs = b.of(dirs)
	c := begin(t, r, dirs)
	for _, step := range steps[:4] {
		check(t, step.do(c))
	}
	c.die()
	for _, name := range []string{"HEAD.lock", "refs/heads/main.lock", "refs/runs/kept.lock"} {
		write(t, filepath.Join(dirs.Common, filepath.FromSlash(name)), "")
	}
	complete(t, dirs)
	c.isDone()
}

// TestKilledAndOverridden: where a user has removed index.lock and gone on, nothing is completed.
func TestKilledAndOverridden(t *testing.T) { eachBackend(t, killedAndOverridden) }

func killedAndOverridden(t *testing.T, b backend) {
	r, dirs := plain(t)
	dirs = b.of(dirs)
	c := begin(t, r, dirs)
	for _, step := range steps[:4] {
		check(t, step.do(c))
	}
	c.die()
	check(t, os.Remove(dirs.indexPath()+".lock"))
	r.Git("reset", "-q")
	own := r.Commit("own", map[string]string{"own.txt": "own\n"})
	complete(t, dirs)
	tip, err := ReadTip(t.Context(), dirs)
	check(t, err)
	equal(t, "tip", tip, Tip{own, "main"})
	equal(t, kept, r.Git("for-each-ref", kept), "")
	c.isFree()
}
