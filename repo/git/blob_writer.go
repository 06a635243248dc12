package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// BlobWriter stores files of the working tree as `git add` would, through its filters, without using the user's index.
type BlobWriter struct {
	dirs Dirs
	dir  string
}

// NewBlobWriter returns a BlobWriter with a temporary index. The caller must close it.
func NewBlobWriter(dirs Dirs) (*BlobWriter, error) {
	dir, err := dirs.makeTemp("runs-index-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary index: %w", err)
	}
	return &BlobWriter{dirs, dir}, nil
}

// Close removes the temporary index.
func (b *BlobWriter) Close() { _ = os.RemoveAll(b.dir) }

// Add stores files and returns their entries. Paths are relative to the root of the working tree.
func (b *BlobWriter) Add(ctx context.Context, paths []string) ([]Entry, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	c := b.dirs.command()
	c.env = append(c.env[:len(c.env):len(c.env)], "GIT_INDEX_FILE="+filepath.Join(b.dir, "index"))
	c.stdin = strings.NewReader(string(list(paths)))
	if _, err := c.run(ctx, "-c", "core.safecrlf=false", "-c", "core.splitIndex=false", "update-index", "-z", "--add",
		"--stdin"); err != nil {
		return nil, err
	}
	c.stdin = nil
	out, err := c.run(ctx, "ls-files", "-s", "-z")
	return parseEntries(out), err
}
