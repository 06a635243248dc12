package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tip is where the working tree stands.
type Tip struct {
	Commit string // empty before the first
	Branch string // empty when detached
}

// ReadTip asks for the branch that is checked out and its commit.
func ReadTip(ctx context.Context, dirs Dirs) (Tip, error) {
	var t Tip
	var failed *Error
	// One call in the common case; before the first commit it fails.
	if out, err := dirs.command().run(ctx, "rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD"); err == nil {
		commit, ref, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok || ref == "HEAD" {
			if !ok {
				branch = ""
			}
			return Tip{commit, branch}, nil
		}
	}
	out, err := dirs.command().run(ctx, "rev-parse", "-q", "--verify", "HEAD^{commit}")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return t, err
	}
	t.Commit = strings.TrimSpace(string(out))
	out, err = dirs.command().run(ctx, "symbolic-ref", "-q", "HEAD")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return t, err
	}
	t.Branch = strings.TrimPrefix(strings.TrimSpace(string(out)), "refs/heads/")
	return t, nil
}

// inProgress are operations of git that take a branch back when they are aborted, by what they leave in the git folder. A
// merge is none of them.
var inProgress = []struct{ file, name, end string }{
	{"rebase-merge", "a rebase", "'git rebase --continue' or 'git rebase --abort'"},
	{"rebase-apply/applying", "git am", "'git am --continue' or 'git am --abort'"},
	{"rebase-apply", "a rebase", "'git rebase --continue' or 'git rebase --abort'"},
	{"CHERRY_PICK_HEAD", "a cherry-pick", "'git cherry-pick --continue' or 'git cherry-pick --abort'"},
	{"REVERT_HEAD", "a revert", "'git revert --continue' or 'git revert --abort'"},
	{"sequencer", "a cherry-pick or revert", "'git cherry-pick --continue' or 'git cherry-pick --abort'"},
	{"BISECT_LOG", "a bisection", "'git bisect reset'"},
}

// InProgress names the operation of git that is under way and what ends it; empty where there is none.
func (d Dirs) InProgress() (name, end string) {
	for _, p := range inProgress {
		if _, err := os.Lstat(filepath.Join(d.Git, p.file)); err == nil {
			return p.name, p.end
		}
	}
	return "", ""
}

// CommitObject is a commit to be written.
type CommitObject struct {
	Tree    string
	Parents []string
	Message string
	Author  *Signature // nil: git's own identity, now
	Sign    bool
}

// Signature is an author.
type Signature struct {
	Name, Email, Date string // Date as git writes it: @seconds zone
}

// WriteCommit stores a commit and returns its id. It moves no ref.
func WriteCommit(ctx context.Context, dirs Dirs, c CommitObject) (string, error) {
	args := []string{"commit-tree", c.Tree, "-F", "-"}
	for _, p := range c.Parents {
		args = append(args, "-p", p)
	}
	if c.Sign {
		args = append(args, "-S")
	}
	call := dirs.command()
	if a := c.Author; a != nil {
		call.env = append(call.env, "GIT_AUTHOR_NAME="+a.Name, "GIT_AUTHOR_EMAIL="+a.Email, "GIT_AUTHOR_DATE="+a.Date)
	}
	call.stdin = strings.NewReader(c.Message)
	out, err := call.run(ctx, args...)
	return strings.TrimSpace(string(out)), err
}

// Signs reports whether git is configured to sign commits.
func Signs(ctx context.Context, dirs Dirs) bool {
	out, err := dirs.command().run(ctx, "config", "--type=bool", "--get", "commit.gpgsign")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

// Resolve returns the commit of a ref, empty where there is no such ref.
func Resolve(ctx context.Context, dirs Dirs, ref string) (string, error) {
	out, err := dirs.command().run(ctx, "rev-parse", "-q", "--verify", ref+"^{commit}")
	var failed *Error
	if errors.As(err, &failed) {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}

// CheckedOut names the working tree in which a branch is checked out, empty where in none.
func CheckedOut(ctx context.Context, dirs Dirs, branch string) (string, error) {
	out, err := dirs.command().run(ctx, "for-each-ref", "--format=%(worktreepath)", "refs/heads/"+branch)
	return strings.TrimSpace(string(out)), err
}

// BranchNameError is a name that no branch may have.
type BranchNameError struct{ Name string }

func (e *BranchNameError) Error() string { return fmt.Sprintf("%q is no name for a branch", e.Name) }

// CheckBranch reports why a name is none for a branch, as `git branch` would.
func CheckBranch(ctx context.Context, dirs Dirs, name string) error {
	if slices.Contains([]string{"HEAD", "@", "refs"}, name) {
		return &BranchNameError{name}
	}
	if _, err := dirs.command().run(ctx, "check-ref-format", "refs/heads/"+name); err != nil || strings.HasPrefix(name, "-") {
		return &BranchNameError{name}
	}
	return nil
}
