package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Entry is a file of a tree.
type Entry struct {
	Path string
	ID   string
	Mode string // 100644, 100755, 120000, 160000
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

// MergeBase is the newest common ancestor of two commits, empty where there is none.
func MergeBase(ctx context.Context, dirs Dirs, a, b string) (string, error) {
	out, err := dirs.command().run(ctx, "merge-base", a, b)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}

// Reached reports which of the commits a revision holds. Those that this clone lacks are not among them.
func Reached(ctx context.Context, dirs Dirs, commits []string, rev string) (map[string]bool, error) {
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

// DefaultBranch is the remote-tracking name of the remote's default branch, else of main or master; empty without one.
func DefaultBranch(ctx context.Context, dirs Dirs) string {
	at := dirs.command()
	if out, err := at.run(ctx, "symbolic-ref", "-q", "--short", "refs/remotes/origin/HEAD"); err == nil {
		return strings.TrimSpace(string(out))
	}
	for _, name := range []string{"origin/main", "origin/master", "main", "master"} {
		if _, err := Commit(ctx, dirs, name); err == nil {
			return name
		}
	}
	return ""
}

// Branches lists the local branches by their full names.
func Branches(ctx context.Context, dirs Dirs) ([]string, error) {
	out, err := dirs.command().run(ctx, "for-each-ref", "--format=%(refname)", "refs/heads")
	return strings.Fields(string(out)), err
}

// Branch is a branch of this clone, or of a remote as it was last seen.
type Branch struct {
	Name   string // without refs/heads/ or refs/remotes/
	Commit string
	Remote bool
	Here   bool // checked out in this working tree
}

// NewestBranches lists at most n local branches, and with remotes at most n of those too, the newest commits first.
func NewestBranches(ctx context.Context, dirs Dirs, n int, remotes bool) ([]Branch, error) {
	var branches []Branch
	for _, folder := range []string{"refs/heads/", "refs/remotes/"} {
		remote := folder != "refs/heads/"
		if remote && !remotes {
			break
		}
		out, err := dirs.command().run(ctx, "for-each-ref", fmt.Sprintf("--count=%d", n), "--sort=-committerdate", "--format=%(HEAD)%(objecttype) %(objectname) %(refname)", folder)
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

// TreePair are two trees to compare.
type TreePair struct{ From, To string }

// Added lists the names that stand in the second tree of a pair and not in the first, not what lies below them. All pairs
// take one process.
func Added(ctx context.Context, dirs Dirs, pairs []TreePair) ([]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	var ask strings.Builder
	for _, p := range pairs {
		ask.WriteString(p.From + " " + p.To + "\n")
	}
	c := dirs.command()
	c.stdin = strings.NewReader(ask.String())
	out, err := c.run(ctx, "diff-tree", "--stdin", "-z", "--name-only", "--no-renames", "--diff-filter=A", "--no-commit-id")
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if i := strings.LastIndexByte(name, '\n'); i >= 0 { // the pair stands before its names
			name = name[i+1:]
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, err
}

// FilesIn lists the files below folders of a commit, which are relative to the root.
func FilesIn(ctx context.Context, dirs Dirs, commit string, folders ...string) ([]Entry, error) {
	out, err := dirs.command().run(ctx, append([]string{"--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--"}, asFolders(folders)...)...)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 3 && fields[1] == "blob" {
			entries = append(entries, Entry{path, fields[2], fields[0]})
		}
	}
	return entries, nil
}

// Name is an entry of a folder of a commit.
type Name struct {
	Path string // from the root
	Tree bool
}

// Names lists what lies directly in folders of a commit. A folder that is not there has nothing.
func Names(ctx context.Context, dirs Dirs, commit string, folders ...string) ([]Name, error) {
	out, err := dirs.command().run(ctx, append([]string{"--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--"}, asFolders(folders)...)...)
	if err != nil {
		return nil, err
	}
	var names []Name
	for line := range strings.SplitSeq(string(out), "\x00") {
		if meta, path, ok := strings.Cut(line, "\t"); ok {
			names = append(names, Name{path, strings.Contains(meta, " tree ")})
		}
	}
	return names, nil
}

func asFolders(folders []string) []string {
	paths := make([]string, len(folders))
	for i, folder := range folders {
		paths[i] = folder + "/"
	}
	return paths
}

// FindBranch returns the tip of a branch: of the local one, else of the one that origin or another remote was last seen to
// have; empty without one. here says that it is checked out in this working tree.
func FindBranch(ctx context.Context, dirs Dirs, name string) (commit string, here bool, err error) {
	out, err := dirs.command().run(ctx, "for-each-ref", "--format=%(HEAD)%(objectname) %(refname)", "refs/heads/"+name, "refs/remotes/*/"+name)
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
			if strings.HasPrefix(ref, "refs/heads/") { // a folder of branches
				continue
			}
		}
		if r > rank {
			commit, rank = id, r
		}
	}
	return commit, here, err
}

// ReadObjects reads blobs with one process, in the order of their ids. One of more than limit bytes is given as nil and an
// error, and the others go on.
func ReadObjects(ctx context.Context, dirs Dirs, ids []string, limit int64, read func(i int, data []byte, err error) error) error {
	if len(ids) == 0 {
		return nil
	}
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { // ends with git
		batch := dirs.command()
		batch.stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
		err := batch.stream(ctx, out, "cat-file", "--batch")
		_ = out.CloseWithError(err)
		failed <- err
	}()
	err := readBatch(bufio.NewReaderSize(in, 256<<10), ids, limit, read)
	cancel()
	_ = in.Close()
	if gitErr := <-failed; err == nil && gitErr != nil && !errors.Is(gitErr, context.Canceled) {
		err = gitErr
	}
	return err
}

func readBatch(r *bufio.Reader, ids []string, limit int64, read func(i int, data []byte, err error) error) error {
	for i := range ids {
		head, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("reading objects of git: %w", err)
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			if err := read(i, nil, fmt.Errorf("object %s is not in this clone", ids[i])); err != nil {
				return err
			}
			continue
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("reading objects of git: unexpected line %q", head)
		}
		if size > limit {
			if _, err := io.CopyN(io.Discard, r, size+1); err != nil {
				return fmt.Errorf("reading objects of git: %w", err)
			}
			if err := read(i, nil, fmt.Errorf("%d bytes, more than the %d that are read", size, limit)); err != nil {
				return err
			}
			continue
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("reading objects of git: %w", err)
		}
		if err := read(i, data[:size], nil); err != nil {
			return err
		}
	}
	return nil
}
