package git

import (
	"context"
	"fmt"
	"strings"
)

// Branch is a branch of this clone, or of a remote as this clone last saw it.
type Branch struct {
	Name   string // without refs/heads/ or refs/remotes/
	Commit string
	Remote bool
	Here   bool // checked out in this worktree
}

// Branches lists the local branches by their full names, like refs/heads/main.
func Branches(ctx context.Context, dirs Dirs) ([]string, error) {
	return dirs.refs().branches(ctx)
}

func (p program) branches(ctx context.Context) ([]string, error) {
	out, err := p.command().run(ctx, "for-each-ref", "--format=%(refname)", "refs/heads")
	return strings.Fields(string(out)), err
}

// NewestBranches lists at most n local branches and, with remotes, also at most n branches of remotes. Branches with
// the newest commits come first.
func NewestBranches(ctx context.Context, dirs Dirs, n int, remotes bool) ([]Branch, error) {
	return dirs.refs().newestBranches(ctx, n, remotes)
}

func (p program) newestBranches(ctx context.Context, n int, remotes bool) ([]Branch, error) {
	var branches []Branch
	for _, folder := range []string{"refs/heads/", "refs/remotes/"} {
		remote := folder != "refs/heads/"
		if remote && !remotes {
			break
		}
		out, err := p.command().run(ctx, "for-each-ref", fmt.Sprintf("--count=%d", n), "--sort=-committerdate",
			"--format=%(HEAD)%(objecttype) %(objectname) %(refname)", folder)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line[1:])
			if len(fields) == 3 && fields[0] == "commit" {
				branches = append(branches, Branch{strings.TrimPrefix(fields[2], folder), fields[1], remote, line[0] == '*'})
			}
		}
	}
	return branches, nil
}

// FindBranch returns the commit of a branch, given its short name. It looks for a local branch first, then for a branch
// of origin or another remote as last fetched. commit is empty if there is no such branch. here reports whether the
// branch is checked out in this worktree.
func FindBranch(ctx context.Context, dirs Dirs, name string) (commit string, here bool, err error) {
	return dirs.refs().findBranch(ctx, name)
}

func (p program) findBranch(ctx context.Context, name string) (commit string, here bool, err error) {
	out, err := p.command().run(ctx, "for-each-ref", "--format=%(HEAD)%(objectname) %(refname)", "refs/heads/"+name,
		"refs/remotes/*/"+name)
	rank := 0
	for line := range strings.Lines(string(out)) {
		id, ref, _ := strings.Cut(strings.TrimSuffix(line[1:], "\n"), " ")
		r := 1
		switch ref {
		case "refs/heads/" + name:
			r, here = 3, line[0] == '*'
		case "refs/remotes/origin/" + name:
			r = 2
		default:
			if strings.HasPrefix(ref, "refs/heads/") { // a folder that contains branches
				continue
			}
		}
		if r > rank {
			commit, rank = id, r
		}
	}
	return commit, here, err
}

// DefaultBranch returns the short name of origin's default branch, like origin/main. If it is not known, DefaultBranch
// returns main or master, of origin or local. It is empty if there is none.
func DefaultBranch(ctx context.Context, dirs Dirs) string {
	return dirs.refs().defaultBranch(ctx)
}

func (p program) defaultBranch(ctx context.Context) string {
	at := p.command()
	if out, err := at.run(ctx, "symbolic-ref", "-q", "--short", "refs/remotes/origin/HEAD"); err == nil {
		return strings.TrimSpace(string(out))
	}
	for _, name := range []string{"origin/main", "origin/master", "main", "master"} {
		if _, err := Commit(ctx, p.Dirs, name); err == nil {
			return name
		}
	}
	return ""
}

// TrackedHead returns the default branch of a remote as this clone last saw it: its HEAD, otherwise main or master. It
// is empty if there is none.
func TrackedHead(ctx context.Context, dirs Dirs, remote string) (string, error) {
	return dirs.refs().trackedHead(ctx, remote)
}

func (p program) trackedHead(ctx context.Context, remote string) (string, error) {
	prefix := "refs/remotes/" + remote + "/"
	if out, err := p.command().run(ctx, "symbolic-ref", "-q", prefix+"HEAD"); err == nil {
		return strings.TrimPrefix(strings.TrimSpace(string(out)), prefix), nil
	}
	for _, name := range []string{"main", "master"} {
		commit, err := Resolve(ctx, p.Dirs, prefix+name)
		if err != nil || commit != "" {
			return name, err
		}
	}
	return "", nil
}

// CheckedOut returns the folder of the worktree in which a branch is checked out, or an empty string.
func CheckedOut(ctx context.Context, dirs Dirs, branch string) (string, error) {
	return dirs.refs().checkedOut(ctx, branch)
}

func (p program) checkedOut(ctx context.Context, branch string) (string, error) {
	out, err := p.command().run(ctx, "for-each-ref", "--format=%(worktreepath)", "refs/heads/"+branch)
	return strings.TrimSpace(string(out)), err
}

// BranchNameError means that a name is not valid for a branch.
type BranchNameError struct{ Name string }

func (e *BranchNameError) Error() string { return fmt.Sprintf("%q is not a valid branch name", e.Name) }

// CheckBranch returns a *BranchNameError if `git branch` would refuse the name, or if it is one that Git gives another
// meaning in most places: HEAD, @, or a full name of a ref.
func CheckBranch(ctx context.Context, dirs Dirs, name string) error {
	if name == "HEAD" || name == "@" || name == "refs" || strings.HasPrefix(name, "refs/") {
		return &BranchNameError{name}
	}
	return dirs.refs().checkBranch(ctx, name)
}

func (p program) checkBranch(ctx context.Context, name string) error {
	if _, err := p.command().run(ctx, "check-ref-format", "refs/heads/"+name); err != nil ||
		strings.HasPrefix(name, "-") {
		return &BranchNameError{name}
	}
	return nil
}

// BranchName returns the name of a branch that may be written as a ref. `git push` takes both, too.
func BranchName(name string) string { return strings.TrimPrefix(name, "refs/heads/") }

// Tips lists the commits of all local and remote-tracking branches, of the HEADs of all worktrees, and of a merge in
// progress.
func Tips(ctx context.Context, dirs Dirs) ([]string, error) {
	commits, err := dirs.refs().tips(ctx, "refs/heads", "refs/remotes", "refs/runs/upstream")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{"": true}
	var tips []string
	add := func(commit string) {
		if !seen[commit] {
			seen[commit] = true
			tips = append(tips, commit)
		}
	}
	for _, commit := range commits {
		add(commit)
	}
	for _, ref := range []string{"HEAD", "MERGE_HEAD"} {
		commit, err := Resolve(ctx, dirs, ref)
		if err != nil {
			return nil, err
		}
		add(commit)
	}
	trees, err := listWorktrees(ctx, dirs)
	for _, w := range trees {
		if strings.Trim(w.head, "0") != "" {
			add(w.head)
		}
	}
	return tips, err
}

// tips lists the commits of the refs in folders of refs.
func (p program) tips(ctx context.Context, folders ...string) ([]string, error) {
	args := append([]string{"for-each-ref", "--format=%(objecttype) %(objectname)"}, folders...)
	out, err := p.command().run(ctx, args...)
	var commits []string
	for line := range strings.Lines(string(out)) {
		if commit, ok := strings.CutPrefix(strings.TrimSpace(line), "commit "); ok {
			commits = append(commits, commit)
		}
	}
	return commits, err
}
