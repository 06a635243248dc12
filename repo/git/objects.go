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

// Files lists the files below a folder of a commit. The folder is relative to the root; empty is the root.
func Files(ctx context.Context, dirs Dirs, commit, folder string) ([]Entry, error) {
	out, err := dirs.command().run(ctx, "--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", commit, "--", folder+"/")
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
