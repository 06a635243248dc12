package git

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Entries lists the files, links and submodules of the index.
func (s *Scratch) Entries(ctx context.Context) ([]Entry, error) {
	if s.own != nil {
		return s.own.entries()
	}
	out, err := s.run(ctx, nil, "ls-files", "-s", "-z")
	return parseEntries(out), err
}

// ReadSmall calls read with the content of those objects that have at most limit bytes. i is the position in ids.
func (s *Scratch) ReadSmall(ctx context.Context, ids []string, limit int64, read func(i int, data []byte)) error {
	if len(ids) == 0 {
		return nil
	}
	if s.own != nil {
		for i, id := range ids {
			if data, err := s.own.read(id, limit); err == nil {
				read(i, data)
			}
		}
		return ctx.Err()
	}
	cat, err := s.cmd.start(ctx, "cat-file", "--batch")
	if err != nil {
		return err
	}
	b := &batchReader{cat: cat}
	defer b.close()
	for i, id := range ids {
		size, content, err := b.ask(id, "blob", limit)
		if content == nil { // it is larger, or this clone lacks it
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(content, size))
		if err != nil {
			return err
		}
		if err := b.end(); err != nil {
			return err
		}
		read(i, data)
	}
	return nil
}

// LFSStore returns the folder in which Git LFS keeps files of a repository.
func LFSStore(ctx context.Context, dirs Dirs) string {
	out, err := dirs.command().run(ctx, "config", "--get", "lfs.storage")
	dir := strings.TrimSuffix(string(out), "\n")
	switch {
	case err != nil || dir == "":
		dir = "lfs"
	case filepath.IsAbs(dir):
		return dir
	}
	return filepath.Join(dirs.Common, dir)
}

// HasLFS reports whether the folder of LFSStore has a file by its SHA-256.
func HasLFS(store, digest string) bool {
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return false
	}
	info, err := os.Stat(filepath.Join(store, "objects", digest[:2], digest[2:4], digest))
	return err == nil && info.Mode().IsRegular()
}
