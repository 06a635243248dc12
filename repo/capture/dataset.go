package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
)

// DatasetRequest says which data to identify, and how.
type DatasetRequest struct {
	Root    string // what the recorded path is relative to
	Name    string // if empty, the file's name without its extension
	Path    string // absolute
	Listing bool   // identify by names and sizes only
	Role    string
	Cache   string // path of the cache file; empty for none
	// MayFollow returns an error if a link below Root must not be followed. If it is nil, every link is followed.
	MayFollow func(link string) error
	// Known reports whether a manifest with this digest is stored already.
	Known func(manifest string) bool
	// Progress receives the bytes hashed so far and in total. It may be called from any goroutine, and may be nil.
	Progress func(done, total int64)
}

// Dataset is data that has been identified. If it is a folder, it has a manifest of the files.
type Dataset struct {
	format.Dataset
	Manifest []byte // nil for a file, and if it is stored already

	// Pointers counts the files that are pointers of Git LFS, and Pointer is the path of one. Their digest is that of the
	// files that they stand for, which a program would not read.
	Pointers int
	Pointer  string
}

// notePointers counts the files whose size is not the one that they had on the disk before they were hashed.
func (d *Dataset) notePointers(files []*hashed, onDisk []int64) {
	for i, f := range files {
		if f.size != onDisk[i] {
			d.Pointers++
			d.Pointer = printable(f.path)
		}
	}
}

// ErrURL reports that the path of a dataset is a URL.
var ErrURL = errors.New(
	"data at a URL is not read: give a local file or folder, or record the version of the data as a param",
)

// CheckDataset reports an error if the data does not exist, without reading it.
func CheckDataset(path string) error {
	if scheme, _, ok := strings.Cut(path, "://"); ok && !strings.ContainsAny(scheme, `/\`) {
		return fmt.Errorf("dataset %s: %w", path, ErrURL)
	}
	if _, err := os.Stat(path); err != nil {
		if _, dvc := os.Stat(path + dvcEnding); dvc == nil {
			return nil
		}
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}

// HashDataset identifies a file or a folder by its content. The hash of a folder is the hash of its manifest (see
// format.ManifestDigest). Links are followed. A Git LFS pointer is treated as the file that it replaces. For a .dvc
// file, the hash is the one that DVC recorded.
func HashDataset(ctx context.Context, q DatasetRequest) (*Dataset, error) {
	if err := CheckDataset(q.Path); err != nil {
		return nil, err
	}
	d := &Dataset{Dataset: format.Dataset{Name: q.Name, Role: q.Role}}
	if d.Name == "" {
		base := filepath.Base(q.Path)
		if d.Name = strings.TrimSuffix(base, filepath.Ext(base)); d.Name == "" {
			d.Name = base // .hidden
		}
	}
	if rel, err := filepath.Rel(q.Root, q.Path); err == nil && format.CheckPath(filepath.ToSlash(rel)) == nil {
		d.Path = filepath.ToSlash(rel)
	}
	if q.Listing {
		d.Hash = format.HashListing
	}
	if err := d.identify(ctx, q); err != nil {
		return nil, fmt.Errorf("dataset %s: %w", q.Path, err)
	}
	return d, nil
}

// mayReach checks the links on the path from the root to the data.
func (q DatasetRequest) mayReach() error {
	rel, err := filepath.Rel(q.Root, q.Path)
	if q.MayFollow == nil || err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return nil
	}
	at := q.Root
	for part := range strings.SplitSeq(rel, string(filepath.Separator)) {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if err != nil {
			return nil // the caller reports it
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if err := q.MayFollow(at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dataset) identify(ctx context.Context, q DatasetRequest) error {
	out, err := readDVC(q.Path)
	if err != nil {
		return err
	}
	if err := q.mayReach(); err != nil {
		return err
	}
	info, err := os.Stat(q.Path)
	if err != nil || strings.HasSuffix(q.Path, dvcEnding) { // the data itself is in another place
		if out == nil {
			return err
		}
		d.DVC, d.Bytes, d.Files, d.Hash = out.md5, out.bytes, out.files, ""
		return nil
	}
	switch {
	case info.Mode().IsRegular():
		err = d.file(ctx, q, info)
	case info.IsDir():
		err = d.folder(ctx, q)
	default:
		err = errors.New("neither a file nor a folder")
	}
	if err == nil && out != nil && out.bytes == d.Bytes {
		d.DVC = out.md5
	}
	return err
}

// file identifies one file.
func (d *Dataset) file(ctx context.Context, q DatasetRequest, info fs.FileInfo) error {
	cache := openCache(q.Cache)
	e := &hashed{path: filepath.Base(q.Path), size: info.Size(), stamp: stampOf(info)}
	d.Files = 1
	if q.Listing {
		d.SHA256, d.Bytes = format.ManifestDigest([]format.ManifestEntry{{Path: e.path, Bytes: e.size}}, true)
		return nil
	}
	if err := hashAll(ctx, q, cache, filepath.Dir(q.Path), []*hashed{e}); err != nil {
		return err
	}
	d.notePointers([]*hashed{e}, []int64{info.Size()})
	d.SHA256, d.Bytes = e.sum, e.size
	if rows, columns, ok := shape(q.Path, e.rows); ok {
		d.Rows, d.Columns = rows, columns
	}
	return cache.write([]*hashed{e}, "", "")
}

// folder identifies all files below a folder.
func (d *Dataset) folder(ctx context.Context, q DatasetRequest) error {
	files, err := listFiles(ctx, q.Path, q.MayFollow)
	if err != nil {
		return err
	}
	cache := openCache(q.Cache)
	if !q.Listing {
		onDisk := make([]int64, len(files))
		for i, f := range files {
			onDisk[i] = f.size
		}
		if err := hashAll(ctx, q, cache, q.Path, files); err != nil {
			return err
		}
		d.notePointers(files, onDisk)
	}
	entries := make([]format.ManifestEntry, len(files))
	for i, f := range files {
		entries[i] = format.ManifestEntry{Path: printable(f.path), Bytes: f.size, SHA256: f.sum}
		if f.rows >= 0 {
			entries[i].Rows = &f.rows
		}
	}
	d.Files = int64(len(entries))
	d.SHA256, d.Bytes = format.ManifestDigest(entries, q.Listing)
	if cache.digest == d.SHA256 && q.Known != nil && q.Known(cache.manifest) {
		d.Dataset.Manifest = cache.manifest
	} else {
		if d.Manifest, err = format.EncodeManifest(entries); err != nil {
			return err
		}
		d.Dataset.Manifest = sha256Hex(d.Manifest)
	}
	if q.Listing {
		return nil
	}
	return cache.write(files, d.SHA256, d.Dataset.Manifest)
}

// hashed is a file and what is known about its content.
type hashed struct {
	path  string // relative to the folder
	size  int64
	stamp stamp
	sum   string
	rows  int64 // of a table; -1 if it is not a table
}

// listFiles lists the files in a folder and its subfolders, sorted by path. It follows links. It returns an error if a
// link leads to a folder that contains the link.
func listFiles(ctx context.Context, root string, mayFollow func(link string) error) ([]*hashed, error) {
	var files []*hashed
	var walk func(dir, rel string, above []fs.FileInfo) error
	walk = func(dir, rel string, above []fs.FileInfo) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			path := filepath.Join(dir, entry.Name())
			name := join(rel, entry.Name())
			info, err := entry.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				if mayFollow != nil {
					err = mayFollow(path)
				}
				if err == nil {
					info, err = os.Stat(path)
				}
			}
			switch {
			case err != nil:
				return err
			case info.IsDir():
				if len(above) > 200 || slices.ContainsFunc(
					above, func(a fs.FileInfo) bool { return os.SameFile(a, info) },
				) {
					return fmt.Errorf("%s leads back to a folder above it", path)
				}
				if err := walk(path, name, append(above[:len(above):len(above)], info)); err != nil {
					return err
				}
			case info.Mode().IsRegular():
				files = append(files, &hashed{path: name, size: info.Size(), stamp: stampOf(info), rows: -1})
			default:
				return fmt.Errorf("%s is neither a file nor a folder", path)
			}
		}
		return nil
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if err := walk(root, "", []fs.FileInfo{info}); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b *hashed) int { return strings.Compare(printable(a.path), printable(b.path)) })
	return files, nil
}

// hashAll hashes the files that are not in the cache, several at a time.
func hashAll(ctx context.Context, q DatasetRequest, cache *cache, dir string, files []*hashed) error {
	var todo []*hashed
	total := int64(0)
	for _, f := range files {
		if !cache.knows(f) {
			todo = append(todo, f)
			total += f.size
		}
	}
	var done atomic.Int64
	progress := func(n int64) {
		at := done.Add(n)
		if q.Progress != nil {
			q.Progress(at, total)
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(todo))
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			h := newHasher(progress)
			for {
				i := next.Add(1) - 1
				if i >= int64(len(todo)) {
					return nil
				}
				if err := h.hash(ctx, filepath.Join(dir, filepath.FromSlash(todo[i].path)), todo[i]); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
