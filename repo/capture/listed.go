package capture

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
)

// ErrChanged means that a file changed while it was hashed, or since it was found.
var ErrChanged = errors.New("it changed")

// Found is a file that somebody else found, with its state at that time.
type Found struct {
	Path  string // absolute
	info  fs.FileInfo
	stamp stamp
}

// Find returns the state of a regular file. It follows links.
func Find(path string) (Found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Found{}, err
	}
	if !info.Mode().IsRegular() {
		return Found{}, errors.New("not a regular file")
	}
	return Found{path, info, stampOf(info)}, nil
}

// Bytes returns the size of the file.
func (f Found) Bytes() int64 { return f.info.Size() }

// Modified returns when the content of the file was last changed, in nanoseconds since 1970.
func (f Found) Modified() int64 { return f.stamp.modified }

// Changed returns when the state of the file was last changed, in nanoseconds since 1970; 0 if the system does not say.
func (f Found) Changed() int64 { return f.stamp.changed }

// Inode returns the number of the file in its file system; 0 if the system does not say.
func (f Found) Inode() uint64 { return f.stamp.inode }

// Is reports whether another state is of the same file.
func (f Found) Is(other fs.FileInfo) bool { return os.SameFile(f.info, other) }

// Links returns how many names the file has; 1 if the system does not say.
func (f Found) Links() uint64 { return linksOf(f.info) }

// ChangedAt returns when the state of a file was last changed, in nanoseconds since 1970; 0 if the system does not say.
func ChangedAt(info fs.FileInfo) int64 { return stampOf(info).changed }

// Same reports whether a file has not changed between two calls of Find.
func (f Found) Same(other Found) bool { return f.stamp == other.stamp && f.Bytes() == other.Bytes() }

// Hashes are digests of files by their absolute path. Several goroutines may use them.
type Hashes struct {
	// Folder returns the cache file for the files of a folder, and waits until no other process hashes them. done must
	// be called afterwards. If Folder is nil, nothing is remembered.
	Folder func(ctx context.Context, dir string) (cache string, done func(), err error)
	Idle   bool // hash in one thread that yields to all others

	mu    sync.Mutex
	known map[string]*hashed
}

// Knows reports whether the digest of a file is known, as it was found.
func (h *Hashes) Knows(f Found) bool { return h.of(f) != nil }

// Sum returns the digest of a file as it was found, or "" if it is not known.
func (h *Hashes) Sum(f Found) string {
	if e := h.of(f); e != nil {
		return e.sum
	}
	return ""
}

func (h *Hashes) of(f Found) *hashed {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.known[f.Path]; e != nil && e.stamp == f.stamp {
		return e
	}
	return nil
}

// Add hashes files. The hash of an unchanged file is taken from the cache. A file that cannot be read or that changes
// meanwhile is left out. The error is that of the context.
func (h *Hashes) Add(ctx context.Context, files []Found) error {
	byFolder := map[string][]Found{}
	for _, f := range files {
		if !h.Knows(f) {
			byFolder[filepath.Dir(f.Path)] = append(byFolder[filepath.Dir(f.Path)], f)
		}
	}
	dirs := slices.Sorted(maps.Keys(byFolder))
	if h.Idle {
		done := make(chan error, 1)
		go func() { // ends with its work or its context, and its thread with it
			beIdle()
			hasher := newHasher(func(int64) {})
			hasher.alone = true
			for _, dir := range dirs {
				if err := h.folder(ctx, hasher, dir, byFolder[dir]); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		return <-done
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, dir := range dirs {
		group.Go(func() error { return h.folder(ctx, newHasher(func(int64) {}), dir, byFolder[dir]) })
	}
	return group.Wait()
}

// folder hashes files of one folder.
func (h *Hashes) folder(ctx context.Context, hasher *hasher, dir string, files []Found) error {
	path := ""
	if h.Folder != nil {
		var done func()
		var err error
		if path, done, err = h.Folder(ctx, dir); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			path = ""
		} else {
			defer done()
		}
	}
	c := openCache(path)
	var all []*hashed
	for _, f := range files {
		e := &hashed{path: filepath.Base(f.Path), size: f.Bytes(), stamp: f.stamp, rows: -1}
		if !c.knows(e) {
			if err := hasher.hash(ctx, f.Path, e); err != nil {
				if ctx.Err() != nil {
					break // remember what is done
				}
				continue
			}
		}
		all = append(all, e)
		h.mu.Lock()
		if h.known == nil {
			h.known = map[string]*hashed{}
		}
		h.known[f.Path] = e
		h.mu.Unlock()
	}
	fresh := len(all) > c.used
	for _, e := range all {
		c.files[e.path] = e
	}
	if fresh { // a cache that cannot be written costs time only
		_ = c.write(slices.Collect(maps.Values(c.files)), c.digest, c.manifest)
	}
	return ctx.Err()
}

// Listed is a file of a dataset that Join makes.
type Listed struct {
	Path string // relative to the folder, with slashes
	Found
}

// Join makes a dataset of some files of a folder, or of one file. If hashes lacks the digest of one of them, or is nil,
// only names and sizes count, and d.Hash says so. known reports whether a manifest is stored already.
func Join(d format.Dataset, files []Listed, folder bool, hashes *Hashes, known func(manifest string) bool) (
	*Dataset, error,
) {
	entries := make([]format.ManifestEntry, len(files))
	listing := hashes == nil
	for i, f := range files {
		entries[i] = format.ManifestEntry{Path: printable(f.Path), Bytes: f.Bytes()}
		if listing {
			continue
		}
		e := hashes.of(f.Found)
		if listing = e == nil; listing {
			continue
		}
		if entries[i].SHA256, entries[i].Bytes = e.sum, e.size; e.rows >= 0 { // of a pointer, those of the file
			entries[i].Rows = &e.rows
		}
	}
	if listing {
		d.Hash = format.HashListing
		for i := range entries {
			entries[i].SHA256, entries[i].Rows, entries[i].Bytes = "", nil, files[i].Bytes()
		}
	}
	slices.SortFunc(entries, func(a, b format.ManifestEntry) int { return strings.Compare(a.Path, b.Path) })
	made := &Dataset{Dataset: d}
	made.Files = int64(len(entries))
	if !folder && !listing {
		made.SHA256, made.Bytes = entries[0].SHA256, entries[0].Bytes
		if entries[0].Rows != nil { // but no names of columns: without a header, the first line is data
			made.Rows = *entries[0].Rows
		}
		return made, nil
	}
	made.SHA256, made.Bytes = format.ManifestDigest(entries, listing)
	if !folder {
		return made, nil
	}
	data, err := format.EncodeManifest(entries)
	if err != nil {
		return nil, err
	}
	made.Dataset.Manifest = sha256Hex(data)
	if known == nil || !known(made.Dataset.Manifest) {
		made.Manifest = data
	}
	return made, nil
}
