package git

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// IndexEntry is a file in the index.
type IndexEntry struct {
	Entry
	LeftOut bool // a sparse checkout leaves it out of the working tree
}

// indexFile returns the path of the index that Git uses.
func (d Dirs) indexFile() string {
	if env := os.Getenv("GIT_INDEX_FILE"); env != "" {
		return absolute(d.Root, env)
	}
	return filepath.Join(d.Git, "index")
}

// IndexInfo returns the state of the index file, which differs after each change. It is nil if there is none.
func IndexInfo(dirs Dirs) fs.FileInfo {
	info, err := os.Stat(dirs.indexFile())
	if err != nil {
		return nil
	}
	return info
}

// MayLeaveOut reports whether files of the commit that is checked out may be missing from the working tree on purpose:
// a sparse checkout leaves them out, or nothing was ever checked out. It reads a few bytes and never starts Git. It
// is false for the usual clone.
func MayLeaveOut(dirs Dirs) bool {
	f, err := regular.Open(dirs.indexFile())
	if errors.Is(err, fs.ErrNotExist) { // git clone --no-checkout
		_, err := os.Stat(filepath.Join(dirs.Common, "packed-refs"))
		return err == nil
	}
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "DIRC" {
		return false
	}
	// Version 2 has no room for the flag that marks such a file. The index of a split one may have another version.
	if head[7] != 2 {
		return true
	}
	shared, _ := filepath.Glob(filepath.Join(dirs.Git, "sharedindex.*"))
	return len(shared) > 0
}

// Sparse reports whether the working tree is a sparse checkout. It only looks at files. It may be true for some time
// after one has ended.
func Sparse(dirs Dirs) bool {
	_, err := os.Stat(filepath.Join(dirs.Git, "info", "sparse-checkout"))
	return err == nil && MayLeaveOut(dirs)
}

// Indexed lists the files of the index under folders, relative to the root. If nothing was ever checked out, so that
// there is no index, it lists the files of HEAD as left out.
func Indexed(ctx context.Context, dirs Dirs, folders ...string) ([]IndexEntry, error) {
	return dirs.staged().indexed(ctx, folders...)
}

func (p program) indexed(ctx context.Context, folders ...string) ([]IndexEntry, error) {
	if IndexInfo(p.Dirs) == nil {
		return headAsIndex(ctx, p.Dirs, folders)
	}
	args := []string{"--literal-pathspecs", "ls-files", "-t", "-s", "-z", "--full-name", "--"}
	out, err := p.command().run(ctx, append(args, folders...)...)
	if err != nil {
		return nil, err
	}
	var entries []IndexEntry
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 4 && fields[3] == "0" {
			entries = append(entries, IndexEntry{Entry{path, fields[2], fields[1]}, fields[0] == "S"})
		}
	}
	return entries, nil
}

func headAsIndex(ctx context.Context, dirs Dirs, folders []string) ([]IndexEntry, error) {
	tip, err := ReadTip(ctx, dirs)
	if err != nil || tip.Commit == "" {
		return nil, err
	}
	files, err := FilesIn(ctx, dirs, tip.Commit, folders...)
	if err != nil {
		return nil, err
	}
	entries := make([]IndexEntry, len(files))
	for i, f := range files {
		entries[i] = IndexEntry{f, true}
	}
	return entries, nil
}

// RefreshIndex lets Git take the times of the files below folders into the index again, where their content is that of
// the index. The paths are relative to the root of the working tree.
func RefreshIndex(ctx context.Context, dirs Dirs, folders []string) error {
	return dirs.staged().refresh(ctx, folders)
}

func (p program) refresh(ctx context.Context, folders []string) error {
	c := p.command()
	c.stdin = strings.NewReader(string(list(folders)))
	_, err := c.run(ctx, "--literal-pathspecs", "-c", "core.safecrlf=false", "-c", "advice.updateSparsePath=false",
		"add", "--refresh", "--pathspec-from-file=-", "--pathspec-file-nul")
	return err
}
