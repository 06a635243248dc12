package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo/git/gittest"
)

// added and removed are the files that the operations of these tests add and remove.
const (
	added   = ".runs/2026-01-03/20260103-000000-bbbbbbbb/run.toml"
	removed = gittest.RunFile
	kept    = "refs/runs/kept"
)

// change is an operation that is ready to be finished.
type change struct {
	t      *testing.T
	r      *gittest.Repository
	dirs   Dirs
	o      *Operation
	next   string
	status string // what Git printed of the user's own work before
}

// ownWork gives the user a staged change, one that is not staged, and a file that Git does not know.
func ownWork(r *gittest.Repository) {
	r.Write("staged.txt", "staged\n")
	r.Git("add", "--sparse", "staged.txt")
	r.Write("src/train.py", "print(2)\n")
	r.Write("untracked.txt", "mine\n")
}

// userStatus is what Git prints of the user's own work: all but .runs.
func userStatus(r *gittest.Repository) string {
	return r.Git("status", "--porcelain", "--untracked-files=all", "--", ".", ":(exclude).runs")
}

func (c *change) updates() []RefUpdate {
	return []RefUpdate{{"HEAD", c.r.Head, c.next}, {kept, "", c.next}}
}

// begin makes a commit of a new run, and of the removal of another one, up to its end.
func begin(t *testing.T, r *gittest.Repository, dirs Dirs) *change {
	t.Helper()
	c := &change{t: t, r: r, dirs: dirs}
	r.Write(added, "id = \"b\"\n")
	var gone []string
	if r.Head != "" {
		check(t, os.RemoveAll(r.Path(removed)))
		gone = []string{removed}
	}
	c.status = userStatus(r)
	var err error
	c.o, err = Begin(t.Context(), dirs, "commit", "aaaa1111")
	check(t, err)
	c.stage(gone)
	return c
}

// stage brings the files into the new index and makes the commit.
func (c *change) stage(gone []string) {
	c.t.Helper()
	check(c.t, c.o.Stage(c.t.Context(), slices.Values([]string{added}), gone))
	ids, err := OpenFileIDs(c.t.Context(), c.dirs, true)
	check(c.t, err)
	defer ids.Close()
	check(c.t, ids.Ask(added))
	blob, err := ids.Next()
	check(c.t, err)
	trees, err := OpenTrees(c.t.Context(), c.dirs)
	check(c.t, err)
	defer trees.Close()
	edits := []Edit{{added, "100644", blob}}
	for _, path := range gone {
		edits = append(edits, Edit{Path: path})
	}
	commit := CommitObject{Message: "runs\n"}
	if c.r.Head != "" {
		commit.Parents = []string{c.r.Head}
	}
	commit.Tree, err = trees.Edit(c.r.Head, edits)
	check(c.t, err)
	c.next, err = WriteCommit(c.t.Context(), c.dirs, commit)
	check(c.t, err)
}

// isDone proves that the change is complete and the user's own work as it was.
func (c *change) isDone() {
	c.t.Helper()
	tip, err := ReadTip(context.Background(), c.dirs)
	check(c.t, err)
	equal(c.t, "tip", tip, Tip{c.next, c.r.Branch})
	equal(c.t, kept, c.r.Git("rev-parse", kept), c.next)
	equal(c.t, "status of .runs", c.r.Git("status", "--porcelain", "--untracked-files=all", "--", ".runs"), "")
	equal(c.t, "the user's own work", userStatus(c.r), c.status)
	equal(c.t, "file", c.r.Read(added), "id = \"b\"\n")
	c.isFree()
}

// isFree proves that nothing is left of the operation.
func (c *change) isFree() {
	c.t.Helper()
	left, err := os.ReadDir(c.dirs.state("."))
	check(c.t, err)
	for _, e := range left {
		if e.Name() != "lock" && e.Name() != "turn" && e.Name() != afterName {
			c.t.Errorf("the operation left %s", e.Name())
		}
	}
	locks, _ := filepath.Glob(filepath.Join(c.dirs.Git, "*.lock"))
	if len(locks) > 0 {
		c.t.Errorf("the operation left %q", locks)
	}
	c.r.Git("fsck", "--no-dangling", "--connectivity-only")
}

// die is the end of a process: its locks of open files go, and nothing is cleared.
func (c *change) die() { _ = c.o.lockFile.Close() }

// TestOperation commits a run beside the user's own work in every shape, and gives all of it back where it is not
// finished.
func TestOperation(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			t.Skip("nothing is checked out")
		}
		eachBackend(t, func(t *testing.T, b backend) {
			if !b.reads(r) {
				t.Skip("only git reads it")
			}
			r := r.Make(t)
			dirs := b.of(open(t, r))
			ownWork(r)
			c := begin(t, r, dirs)
			c.o.Close()
			equal(t, "tip of an operation that was not finished", r.Git("for-each-ref", kept), "")
			equal(t, "the user's own work", userStatus(r), c.status)
			c.isFree()

			c = begin(t, r, dirs)
			check(t, c.o.Finish(t.Context(), "test", c.updates()...))
			c.o.Close()
			c.isDone()
		})
	})
}

// TestOperationWithGitDir is TestOperation with the variables that Git gives to its hooks.
func TestOperationWithGitDir(t *testing.T) {
	r, dirs := plain(t)
	t.Setenv("GIT_DIR", dirs.Git)
	t.Setenv("GIT_WORK_TREE", r.Dir)
	ownWork(r)
	c := begin(t, r, dirs)
	check(t, c.o.Finish(t.Context(), "test", c.updates()...))
	c.o.Close()
	c.isDone()
}

// TestOperationRefused: where a ref has moved meanwhile, index and branch are as they were.
func TestOperationRefused(t *testing.T) {
	for _, c := range []struct {
		shape string
		work  bool
	}{{"plain", true}, {"unborn", true}, {"unborn", false}} { // without work there is no index yet
		eachBackend(t, func(t *testing.T, b backend) {
			r := gittest.Named(t, c.shape).Make(t)
			dirs := b.of(open(t, r))
			if c.work {
				ownWork(r)
			}
			c := begin(t, r, dirs)
			before := r.Git("ls-files", "-s")
			r.Git("update-ref", kept, c.next)
			if err := c.o.Finish(t.Context(), "test", c.updates()...); !errors.Is(err, ErrMoved) {
				t.Fatalf("Finish: %v", err)
			}
			c.o.Close()
			equal(t, "index", r.Git("ls-files", "-s"), before)
			tip, err := ReadTip(t.Context(), dirs)
			check(t, err)
			equal(t, "tip", tip, Tip{r.Head, r.Branch})
			c.isFree()
		})
	}
}

// TestOperationKeepsGitOut: while it is under way, Git itself changes nothing, and no other operation begins.
func TestOperationKeepsGitOut(t *testing.T) { eachBackend(t, keepGitOut) }

func keepGitOut(t *testing.T, b backend) {
	r, dirs := plain(t)
	dirs = b.of(dirs)
	c := begin(t, r, dirs)
	if out, err := gittest.Try(r.Dir, "commit", "-q", "--allow-empty", "-m", "x"); err == nil ||
		!strings.Contains(out, "index.lock") {
		t.Errorf("git commit: %v, %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Begin(ctx, dirs, "commit", "bbbb2222"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second operation: %v", err)
	}
	if err := CompleteOrRollBack(t.Context(), dirs); err != nil {
		t.Errorf("what a living process does is left to it: %v", err)
	}
	check(t, c.o.Finish(t.Context(), "test", c.updates()...))
	c.o.Close()
	c.isDone()
}

// TestOperationWaitsForGit: where Git holds index.lock, an operation waits and then gives up.
func TestOperationWaitsForGit(t *testing.T) {
	r, dirs := plain(t)
	lock := filepath.Join(dirs.Git, "index.lock")
	write(t, lock, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Begin(ctx, dirs, "commit", "aaaa1111"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Begin: %v", err)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("another program's lock is gone: %v", err)
	}
	check(t, os.Remove(lock))
	c := begin(t, r, dirs)
	c.o.Close()
	c.isFree()
}

// TestOperationOfHook: the hook of `git commit -a` finds the index under the name of its lock, and adds to it there.
func TestOperationOfHook(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { operationOfHook(t, b) })
	}
}

func operationOfHook(t *testing.T, b backend) {
	r, dirs := plain(t)
	index := filepath.Join(dirs.Git, "index.lock")
	check(t, copyIndex(filepath.Join(dirs.Git, "index"), index))
	t.Setenv("GIT_INDEX_FILE", index)
	c := begin(t, r, b.of(dirs))
	check(t, c.o.FinishIndex(t.Context(), "test", RefUpdate{kept, "", c.next}))
	c.o.Close()
	equal(t, kept, r.Git("rev-parse", kept), c.next)
	equal(t, "index of the hook", strings.Contains(r.Git("ls-files"), added), true)
	check(t, os.Rename(index, filepath.Join(dirs.Git, "saved")))
	t.Setenv("GIT_INDEX_FILE", "")
	check(t, os.Unsetenv("GIT_INDEX_FILE"))
	equal(t, "the user's index", strings.Contains(r.Git("ls-files"), added), false)
}

// TestStageModes: no file of a run is a program.
func TestStageModes(t *testing.T) { eachBackend(t, stageModes) }

func stageModes(t *testing.T, b backend) {
	r, dirs := plain(t)
	dirs = b.of(dirs)
	r.Write(added, "x")
	makeExecutable(t, r.Path(added))
	o, err := Begin(t.Context(), dirs, "commit", "aaaa1111")
	check(t, err)
	check(t, o.Stage(t.Context(), slices.Values([]string{added}), nil))
	check(t, o.FinishIndex(t.Context(), "test"))
	o.Close()
	equal(t, "index", strings.HasPrefix(r.Git("ls-files", "-s", added), "100644 "), true)
}

// TestLockCommits: one commit at a time in all worktrees of a repository.
func TestLockCommits(t *testing.T) {
	r := gittest.Named(t, "linked worktree").Make(t)
	linked := open(t, r)
	first, ok, err := Discover(filepath.Join(r.Base, "project"))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	unlock, err := LockCommits(t.Context(), linked)
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := LockCommits(ctx, first); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	unlock, err = LockCommits(t.Context(), first)
	check(t, err)
	unlock()
}

// TestIntent: older and newer programs read each other's intents, so its text is fixed.
func TestIntent(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want intent
	}{
		{"begun", "nonce aaaa1111\nkind commit\n", intent{nonce: "aaaa1111", kind: "commit"}},
		{
			"about to move refs",
			"nonce aaaa1111\nkind follow\nref HEAD\nold 11\nnew 22\nmoves HEAD 22 11\nmoves refs/runs/kept 33 \n",
			intent{"aaaa1111", "follow", "HEAD", "11", "22", []RefUpdate{{"HEAD", "11", "22"}, {"refs/runs/kept", "", "33"}}},
		},
	} {
		path := filepath.Join(t.TempDir(), "op")
		check(t, c.want.write(path))
		data, err := os.ReadFile(path)
		check(t, err)
		equal(t, c.name, string(data), c.text)
		got, err := readIntent(path)
		check(t, err)
		if got.nonce != c.want.nonce || got.kind != c.want.kind || got.ref != c.want.ref || got.old != c.want.old ||
			got.next != c.want.next || !slices.Equal(got.moves, c.want.moves) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	path := filepath.Join(t.TempDir(), "op")
	write(t, path, "nonce ../../x\nkind commit\nlater key\nmoves one two\n")
	got, err := readIntent(path)
	check(t, err)
	equal(t, "a nonce is a name", got.nonce, "x")
	equal(t, "moves of another form", len(got.moves), 0)
}
