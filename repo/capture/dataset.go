package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
)

// Dataset hashes a file or a folder and returns its identity. Its path is recorded relative to root, and left out where it
// lies outside. A folder has the hash of its manifest: for each file, sorted by path, `path NUL size NUL sha256 LF`.
func Dataset(ctx context.Context, root, name, path string) (format.Dataset, error) {
	if scheme, _, ok := strings.Cut(path, "://"); ok && !strings.ContainsAny(scheme, `/\`) {
		return format.Dataset{}, fmt.Errorf("dataset %s: data at a URL is not read: name a file or a folder", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return format.Dataset{}, fmt.Errorf("dataset: %w", err)
	}
	d := format.Dataset{Name: name}
	if d.Name == "" {
		d.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if rel, err := filepath.Rel(root, path); err == nil && format.CheckPath(filepath.ToSlash(rel)) == nil {
		d.Path = filepath.ToSlash(rel)
	}
	switch {
	case info.Mode().IsRegular():
		d.Files = 1
		d.SHA256, d.Bytes, err = hashFile(path, info)
	case info.IsDir():
		err = hashFolder(ctx, path, &d)
	default:
		err = errors.New("neither a file nor a folder")
	}
	if err != nil {
		return format.Dataset{}, fmt.Errorf("dataset %s: %w", path, err)
	}
	return d, nil
}

// hashFile returns the SHA-256 of a file. One that changes meanwhile is an error: its hash would be of no state that ever
// was.
func hashFile(path string, info fs.FileInfo) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return "", 0, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if n != info.Size() || after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return "", 0, fmt.Errorf("%s changed while it was hashed", path)
	}
	return hex.EncodeToString(sum.Sum(nil)), n, nil
}

type entry struct {
	path, sum string
	size      int64
}

func hashFolder(ctx context.Context, dir string, d *format.Dataset) error {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		entries = append(entries, entry{path: filepath.ToSlash(rel)})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range entries {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			path := filepath.Join(dir, filepath.FromSlash(entries[i].path))
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return fmt.Errorf("%s is not a file", path)
			}
			entries[i].sum, entries[i].size, err = hashFile(path, info)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	sum := sha256.New()
	for _, e := range entries {
		_, _ = io.WriteString(sum, e.path+"\x00"+strconv.FormatInt(e.size, 10)+"\x00"+e.sum+"\n")
		d.Bytes += e.size
	}
	d.Files = int64(len(entries))
	d.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}
