package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Tip holds the branch that is checked out and its commit.
type Tip struct {
	Commit string // empty before the first commit
	Branch string // empty if HEAD is detached
}

// ReadTip reads the branch that is checked out and its commit.
func ReadTip(ctx context.Context, dirs Dirs) (Tip, error) {
	return dirs.refs().readTip(ctx)
}

func (p program) readTip(ctx context.Context) (Tip, error) {
	var t Tip
	var failed *Error
	// This call fails before the first commit. Otherwise no other call is needed.
	if out, err := p.command().run(ctx, "rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD"); err == nil {
		commit, ref, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok || ref == "HEAD" {
			if !ok {
				branch = ""
			}
			return Tip{commit, branch}, nil
		}
	}
	out, err := p.command().run(ctx, "rev-parse", "-q", "--verify", "HEAD^{commit}")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return t, err
	}
	t.Commit = strings.TrimSpace(string(out))
	out, err = p.command().run(ctx, "symbolic-ref", "-q", "HEAD")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return t, err
	}
	t.Branch = strings.TrimPrefix(strings.TrimSpace(string(out)), "refs/heads/")
	return t, nil
}

// Head holds the branch that is checked out, its commit, and whether the working tree differs from the commit.
type Head struct {
	Commit string // empty before the first commit
	Branch string // empty if HEAD is detached
	// Dirty is true if something outside .runs differs from Commit, including untracked files. Other working trees of the
	// repository do not count.
	Dirty bool
}

// ReadHead runs `git status` in a way that neither takes a lock nor refreshes the index.
func ReadHead(ctx context.Context, root string) (Head, error) {
	return readHead(ctx, command{dir: root}, func() (Dirs, bool, error) { return Discover(root) })
}

// ReadHeadOf is ReadHead for a repository, whatever the environment says.
func ReadHeadOf(ctx context.Context, dirs Dirs) (Head, error) {
	return readHead(ctx, dirs.command(), func() (Dirs, bool, error) { return dirs, true, nil })
}

// readHead reads the head of a repository that find returns. in is a call in its root.
func readHead(ctx context.Context, in command, find func() (Dirs, bool, error)) (Head, error) {
	out, err := in.run(ctx, "--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z",
		"--untracked-files=normal", "--ignore-submodules=none", "--", ".", ":(exclude,glob)**/.runs/**")
	if err != nil {
		return Head{}, err
	}
	var h Head
	folders := false
	for entry := range strings.SplitSeq(string(out), "\x00") {
		switch {
		case strings.HasPrefix(entry, "# branch.oid "):
			if oid := entry[len("# branch.oid "):]; oid != "(initial)" {
				h.Commit = oid
			}
		case strings.HasPrefix(entry, "# branch.head "):
			if name := entry[len("# branch.head "):]; name != "(detached)" {
				h.Branch = name
			}
		case strings.HasPrefix(entry, "? ") && strings.HasSuffix(entry, "/"):
			folders = true
		case entry != "" && entry[0] != '#':
			h.Dirty = true
		}
	}
	if folders && !h.Dirty {
		h.Dirty, err = untrackedFiles(ctx, in, find)
	}
	return h, err
}

// untrackedFiles reports whether a repository has untracked files outside .runs and outside its other working trees.
func untrackedFiles(ctx context.Context, in command, find func() (Dirs, bool, error)) (bool, error) {
	dirs, ok, err := find()
	if err != nil || !ok {
		return true, err
	}
	if _, err := os.Lstat(filepath.Join(dirs.Common, "worktrees")); err != nil {
		return true, nil
	}
	out, err := in.run(ctx, "ls-files", "-z", "-o", "--exclude-standard", "--exclude="+runsFolder)
	for name := range strings.SplitSeq(string(out), "\x00") {
		folder, ok := strings.CutSuffix(name, "/")
		if name != "" && (!ok || !dirs.HasWorktree(filepath.Join(in.dir, filepath.FromSlash(folder)))) {
			return true, err
		}
	}
	return false, err
}

// inProgress lists the operations of Git that reset the branch if they are aborted, and the file of each in the Git
// folder. A merge is not one of them.
var inProgress = []struct{ file, name, end string }{
	{"rebase-merge", "a rebase", "'git rebase --continue' or 'git rebase --abort'"},
	{"rebase-apply/applying", "git am", "'git am --continue' or 'git am --abort'"},
	{"rebase-apply", "a rebase", "'git rebase --continue' or 'git rebase --abort'"},
	{"CHERRY_PICK_HEAD", "a cherry-pick", "'git cherry-pick --continue' or 'git cherry-pick --abort'"},
	{"REVERT_HEAD", "a revert", "'git revert --continue' or 'git revert --abort'"},
	{"sequencer", "a cherry-pick or revert", "'git cherry-pick --continue' or 'git cherry-pick --abort'"},
	{"BISECT_LOG", "a bisection", "'git bisect reset'"},
}

// InProgress returns the name of the Git operation that is in progress, and the commands that end it. Both are empty if
// there is none.
func (d Dirs) InProgress() (name, end string) {
	for _, p := range inProgress {
		if _, err := os.Lstat(filepath.Join(d.Git, p.file)); err == nil {
			return p.name, p.end
		}
	}
	return "", ""
}

// squashName is the file of the Git folder with the message that 'git merge --squash' prepares.
const squashName = "SQUASH_MSG"

// HasSquash reports whether 'git merge --squash' has prepared a message that no commit has used.
func HasSquash(dirs Dirs) bool {
	_, err := os.Lstat(filepath.Join(dirs.Git, squashName))
	return err == nil
}

// Squashing reports whether the index has changes of some paths from 'git merge --squash' that no commit has.
func Squashing(ctx context.Context, dirs Dirs, paths ...string) (bool, error) {
	if !HasSquash(dirs) {
		return false, nil
	}
	return Staged(ctx, dirs, "HEAD", paths...)
}

// Merging reports whether a merge has not been committed yet.
func Merging(dirs Dirs) bool {
	_, err := os.Lstat(filepath.Join(dirs.Git, "MERGE_HEAD"))
	return err == nil
}

// Untouched reports whether a working tree has the files of its commit only. What Python compiles does not count.
func Untouched(ctx context.Context, dirs Dirs) (bool, error) {
	out, err := dirs.command().run(ctx, "--no-optional-locks", "status", "--porcelain", "-z", "--ignored",
		"--untracked-files=all", "--ignore-submodules=none")
	if err != nil {
		return false, err
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry != "" && !strings.Contains("/"+strings.TrimLeft(entry, "?! "), "/__pycache__/") {
			return false, nil
		}
	}
	return true, nil
}
