package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// CommitObject is the content of a commit.
type CommitObject struct {
	Tree    string
	Parents []string
	Message string
	Author  *Signature // nil: the identity that Git is configured with, and the present time
	Sign    bool
}

// Signature is an author.
type Signature struct {
	Name, Email, Date string // Date as Git writes it: @SECONDS ZONE
}

// WriteCommit stores a commit and returns its id. It does not move a ref.
func WriteCommit(ctx context.Context, dirs Dirs, c CommitObject) (string, error) {
	return dirs.objects().writeCommit(ctx, c)
}

func (p program) writeCommit(ctx context.Context, c CommitObject) (string, error) {
	args := []string{"commit-tree", c.Tree, "-F", "-"}
	for _, p := range c.Parents {
		args = append(args, "-p", p)
	}
	if c.Sign {
		args = append(args, "-S")
	}
	call := p.command()
	if a := c.Author; a != nil {
		call.env = append(call.env, "GIT_AUTHOR_NAME="+a.Name, "GIT_AUTHOR_EMAIL="+a.Email, "GIT_AUTHOR_DATE="+a.Date)
	}
	call.stdin = strings.NewReader(c.Message)
	out, err := call.run(ctx, args...)
	return strings.TrimSpace(string(out)), err
}

// CheckCommits returns an error if commits cannot be made in the repository. It is meant to be called before anything
// is written. With the git program, it leaves the answer to the program.
func CheckCommits(ctx context.Context, dirs Dirs) error {
	return dirs.refs().checkCommits(ctx)
}

func (p program) checkCommits(context.Context) error { return nil }

// Signs reports whether Git is configured to sign commits.
func Signs(ctx context.Context, dirs Dirs) bool {
	return dirs.refs().signs(ctx)
}

func (p program) signs(ctx context.Context) bool {
	out, err := p.command().run(ctx, "config", "--type=bool", "--get", "commit.gpgsign")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

// ErrNoRevision means that a revision is not a commit of this clone.
var ErrNoRevision = errors.New("no such revision in this clone")

// Commit returns the commit that a revision refers to. The error is ErrNoRevision if there is none.
func Commit(ctx context.Context, dirs Dirs, rev string) (string, error) {
	return dirs.refs().commit(ctx, rev)
}

func (p program) commit(ctx context.Context, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") || strings.HasPrefix(rev, "^") { // an option, or what is left out of a range
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	}
	out, err := p.command().run(ctx, "rev-parse", "-q", "--verify", rev+"^{commit}")
	var failed *Error
	if errors.As(err, &failed) && !Inconclusive(err) {
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	}
	return strings.TrimSpace(string(out)), err
}

// Has reports whether the repository has a commit.
func (s *Scratch) Has(ctx context.Context, commit string) (bool, error) {
	if s.own != nil {
		return s.own.has(commit)
	}
	_, err := s.run(ctx, nil, "cat-file", "-e", commit+"^{commit}")
	var failed *Error
	if errors.As(err, &failed) && !Inconclusive(err) {
		return false, nil
	}
	return err == nil, err
}

// MergeBase returns the newest common ancestor of two commits, or an empty string if they have none.
func MergeBase(ctx context.Context, dirs Dirs, a, b string) (string, error) {
	return dirs.objects().mergeBase(ctx, a, b)
}

func (p program) mergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := p.command().run(ctx, "merge-base", a, b)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}

// OnBranch reports whether a local branch has a commit.
func OnBranch(ctx context.Context, dirs Dirs, commit string) (bool, error) {
	return dirs.objects().onBranch(ctx, commit)
}

func (p program) onBranch(ctx context.Context, commit string) (bool, error) {
	out, err := p.command().run(ctx, "for-each-ref", "--count=1", "--contains="+commit, "refs/heads")
	return len(out) > 0, err
}

// IsAncestor reports whether commit is an ancestor of another commit, or is that same commit.
func IsAncestor(ctx context.Context, dirs Dirs, commit, of string) (bool, error) {
	return dirs.objects().isAncestor(ctx, commit, of)
}

func (p program) isAncestor(ctx context.Context, commit, of string) (bool, error) {
	_, err := p.command().run(ctx, "merge-base", "--is-ancestor", commit, of)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return false, nil
	}
	return err == nil, err
}

// CommitsNotIn lists the commits that are reachable from tip and from none of the others, oldest first.
func CommitsNotIn(ctx context.Context, dirs Dirs, tip string, others ...string) ([]string, error) {
	return dirs.objects().commitsNotIn(ctx, tip, others...)
}

func (p program) commitsNotIn(ctx context.Context, tip string, others ...string) ([]string, error) {
	args := append([]string{"rev-list", "--topo-order", "--reverse", tip, "--not"}, others...)
	out, err := p.command().run(ctx, args...)
	return strings.Fields(string(out)), err
}

// ReachableFrom returns those of the commits that are reachable from a revision. It leaves out commits that this clone
// lacks.
func ReachableFrom(ctx context.Context, dirs Dirs, commits []string, rev string) (map[string]bool, error) {
	return dirs.objects().reachableFrom(ctx, commits, rev)
}

func (p program) reachableFrom(ctx context.Context, commits []string, rev string) (map[string]bool, error) {
	reached := map[string]bool{}
	if len(commits) == 0 {
		return reached, nil
	}
	c := p.command()
	c.stdin = strings.NewReader(strings.Join(commits, "\n") + "\n")
	out, err := c.run(ctx, "cat-file", "--batch-check=%(objecttype) %(objectname)")
	if err != nil {
		return nil, err
	}
	var ask strings.Builder
	for line := range strings.Lines(string(out)) {
		if id, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "commit "); ok {
			reached[id] = true
			ask.WriteString(id + "\n")
		}
	}
	c.stdin = strings.NewReader(ask.String() + "^" + rev + "\n")
	out, err = c.run(ctx, "rev-list", "--stdin")
	for line := range strings.Lines(string(out)) {
		delete(reached, strings.TrimSuffix(line, "\n"))
	}
	return reached, err
}

// LastChange returns the newest commit, following first parents from tip, that changed a path. It is empty if there is
// none.
func LastChange(ctx context.Context, dirs Dirs, tip, path string) (string, error) {
	return dirs.objects().lastChange(ctx, tip, path)
}

func (p program) lastChange(ctx context.Context, tip, path string) (string, error) {
	out, err := p.command().run(ctx, "--literal-pathspecs", "rev-list", "-1", "--first-parent", tip, "--", path)
	return strings.TrimSpace(string(out)), err
}

// ChangesOf lists the commits that are reachable from tip and that changed a path, newest first. Of a merge, it counts
// what differs from any parent.
func ChangesOf(ctx context.Context, dirs Dirs, tip, path string) ([]string, error) {
	return dirs.objects().changesOf(ctx, tip, path)
}

func (p program) changesOf(ctx context.Context, tip, path string) ([]string, error) {
	out, err := p.exact().run(ctx, "--literal-pathspecs", "rev-list", "--full-history", tip, "--", path)
	return strings.Fields(string(out)), err
}
