package git

import (
	"context"
	"io"
	"strings"
)

// LastChange is the newest commit in the first line of descent of tip that changed a path, empty where none did.
func LastChange(ctx context.Context, dirs Dirs, tip, path string) (string, error) {
	out, err := dirs.command().run(ctx, "--literal-pathspecs", "rev-list", "-1", "--first-parent", tip, "--", path)
	return strings.TrimSpace(string(out)), err
}

// ReadFiltered writes a blob as a checkout to path would, through git's filters: a pointer of LFS becomes the file.
func ReadFiltered(ctx context.Context, dirs Dirs, blob, path string, w io.Writer) error {
	return dirs.command().stream(ctx, w, "cat-file", "--filters", "--path="+path, blob)
}

// Copy writes a blob of at most limit bytes. A writer that fails leaves the process ready for the next question.
func (t *Trees) Copy(id string, limit int64, w io.Writer) error {
	size, err := t.ask(id, "blob", limit)
	if err != nil {
		return err
	}
	to := &faulty{w: w}
	if _, err := io.CopyN(to, t.cat.out, size); err != nil {
		return t.cat.failed(err)
	}
	if _, err := t.cat.out.Discard(1); err != nil {
		return t.cat.failed(err)
	}
	return to.err
}

// faulty takes all that is written and remembers the first error.
type faulty struct {
	w   io.Writer
	err error
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.w.Write(p)
	}
	return len(p), nil
}

// Folders lists the folders of a name in a commit, at any depth, by their paths.
func Folders(ctx context.Context, dirs Dirs, commit, name string) ([]string, error) {
	out, err := dirs.command().run(ctx, "ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var found []string
	for path := range strings.SplitSeq(string(out), "\x00") {
		if path == name || strings.HasSuffix(path, "/"+name) {
			found = append(found, path)
		}
	}
	return found, nil
}
