package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

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

// ErrNoRevision says that a name is no commit of this clone.
var ErrNoRevision = errors.New("no such revision in this clone")

// Commit resolves a revision to a commit.
func Commit(ctx context.Context, dirs Dirs, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") {
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	}
	out, err := dirs.command().run(ctx, "rev-parse", "-q", "--verify", rev+"^{commit}")
	var failed *Error
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	}
	return strings.TrimSpace(string(out)), err
}

// Has reports whether the repository holds a commit.
func (s *Scratch) Has(ctx context.Context, commit string) bool {
	_, err := s.run(ctx, nil, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// MergeBase is the newest common ancestor of two commits, empty where there is none.
func MergeBase(ctx context.Context, dirs Dirs, a, b string) (string, error) {
	out, err := dirs.command().run(ctx, "merge-base", a, b)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}

// IsAncestor reports whether one commit is among those that another one stands on, or is it.
func IsAncestor(ctx context.Context, dirs Dirs, commit, of string) (bool, error) {
	_, err := dirs.command().run(ctx, "merge-base", "--is-ancestor", commit, of)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return false, nil
	}
	return err == nil, err
}

// CommitsNotIn lists the commits that one has and others have not, the oldest first.
func CommitsNotIn(ctx context.Context, dirs Dirs, tip string, others ...string) ([]string, error) {
	args := append([]string{"rev-list", "--topo-order", "--reverse", tip, "--not"}, others...)
	out, err := dirs.command().run(ctx, args...)
	return strings.Fields(string(out)), err
}

// ReachableFrom reports which of the commits a revision holds. Those that this clone lacks are not among them.
func ReachableFrom(ctx context.Context, dirs Dirs, commits []string, rev string) (map[string]bool, error) {
	reached := map[string]bool{}
	if len(commits) == 0 {
		return reached, nil
	}
	c := dirs.command()
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

// LastChange is the newest commit in the first line of descent of tip that changed a path, empty where none did.
func LastChange(ctx context.Context, dirs Dirs, tip, path string) (string, error) {
	out, err := dirs.command().run(ctx, "--literal-pathspecs", "rev-list", "-1", "--first-parent", tip, "--", path)
	return strings.TrimSpace(string(out)), err
}
