package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// OpenCopy opens a .runs folder that was copied from elsewhere, for reading. It does not ask Git about the folder,
// because the surrounding repository is not trusted.
func OpenCopy(dir string) *Repository {
	r := &Repository{
		Dir: dir, Root: filepath.Dir(dir), active: filepath.Join(dir, "active"), batches: &batchStore{},
	}
	r.config = sync.OnceValues(r.readConfig)
	return r
}

// ErrExists is the error of Place if the run is already finished in this repository.
var ErrExists = errors.New("the run already exists")

// Incoming is a finished run that comes from elsewhere. Its files are collected in a temporary folder, which then
// takes the run's place, whole or not at all.
type Incoming struct {
	ID   string
	repo *Repository
	dir  string
}

// staleAfter is the age at which the temporary folder of an incoming run belongs to a process that died.
const staleAfter = time.Hour

// Receive starts a run with a valid id. The caller ends it with Place or Discard.
func (r *Repository) Receive(id string) (*Incoming, error) {
	dir, err := newInDay(filepath.Dir(r.RunDir(id)))
	if err != nil {
		return nil, err
	}
	return &Incoming{id, r, dir}, nil
}

// newInDay makes a folder with a temporary name in the folder of a day, which need not exist.
func newInDay(day string) (string, error) {
	if err := os.MkdirAll(day, 0o777); err != nil {
		return "", err
	}
	if err := realDir(day); err != nil {
		return "", err
	}
	dir := filepath.Join(day, newPrefix+format.RandomLetters(8))
	return dir, os.Mkdir(dir, 0o777)
}

// ClearStale removes the temporary files and folders that processes which died left in the folders of days.
func (r *Repository) ClearStale() {
	left, _ := filepath.Glob(filepath.Join(r.Dir, "*", newPrefix+"*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		isDay := format.CheckDay(filepath.Base(filepath.Dir(dir))) == nil
		if err == nil && isDay && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(dir)
		}
	}
	gone, _ := filepath.Glob(filepath.Join(r.Dir, "*", gonePrefix+"*"))
	for _, dir := range gone {
		if format.CheckDay(filepath.Base(filepath.Dir(dir))) == nil {
			_ = os.RemoveAll(dir)
		}
	}
}

// Add writes a file of the run and verifies its size and digest against the record. A file that fails is removed.
func (in *Incoming) Add(name string, want format.File, write func(io.Writer) error) error {
	out, err := in.create(name)
	if err != nil {
		return err
	}
	if err = write(&bounded{out, want.Bytes}); err == nil {
		err = out.close()
	} else {
		out.abandon()
	}
	switch {
	case errors.Is(err, errTooLong), err == nil && out.bytes != want.Bytes:
		err = fmt.Errorf("%s is not the file that was recorded: its size is not %d bytes", name, want.Bytes)
	case err == nil && out.sum() != want.SHA256:
		err = fmt.Errorf("%s is not the file that was recorded: its digest differs", name)
	}
	if err != nil {
		_ = os.Remove(filepath.Join(in.dir, filepath.FromSlash(name)))
	}
	return err
}

// AddBytes writes a file of the run that the caller has verified.
func (in *Incoming) AddBytes(name string, data []byte) error {
	out, err := in.create(name)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		out.abandon()
		return err
	}
	return out.close()
}

func (in *Incoming) create(name string) (*hashedFile, error) {
	if err := format.CheckPath(name); err != nil {
		return nil, err
	}
	path := filepath.Join(in.dir, filepath.FromSlash(name))
	if strings.Contains(name, "/") {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
	}
	return createHashed(path)
}

// bounded is a writer that fails with errTooLong after a number of bytes.
type bounded struct {
	w    io.Writer
	left int64
}

var errTooLong = errors.New("longer than expected")

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooLong
	}
	return b.w.Write(p)
}

// Place makes the run durable and gives it its name. Notes and console output that a switch of branches left in the
// folder stay there. If the run is already finished, Place returns ErrExists and changes nothing.
func (in *Incoming) Place() error {
	target := in.repo.RunDir(in.ID)
	if err := syncTree(in.dir); err != nil {
		return err
	}
	err := os.Rename(in.dir, target)
	if err != nil && exists(filepath.Join(target, RecordName)) {
		return ErrExists
	}
	if err != nil && exists(target) {
		err = in.merge(target)
	}
	if err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(target)), syncDir(in.repo.Dir))
}

// Keep puts the placed run into the common store too. It is for a run that no commit holds.
func (in *Incoming) Keep() error { return in.repo.KeepCopy(in.ID) }

// merge moves the files one by one. The record is last, because the run exists as soon as its record does.
func (in *Incoming) merge(target string) error {
	var names []string
	err := filepath.WalkDir(in.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(in.dir, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(x, y string) int { return order(x) - order(y) })
	for _, name := range names {
		if err := makeRealDirs(target, filepath.Dir(name)); err != nil {
			return err
		}
		if err := moveIntoRun(filepath.Join(in.dir, name), target, name); err != nil {
			return err
		}
	}
	if err := syncTree(target); err != nil {
		return err
	}
	return os.RemoveAll(in.dir)
}

// order returns a rank for sorting that puts the files that make a run visible last.
func order(name string) int {
	switch name {
	case RecordName:
		return 2
	case MetricsName:
		return 1
	}
	return 0
}

// makeRealDirs makes the folders of a relative path. If a folder is a link, it returns an error.
func makeRealDirs(dir, rel string) error {
	if err := realDir(dir); err != nil {
		return err
	}
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := realDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes the files of a run that was not placed.
func (in *Incoming) Discard() { _ = os.RemoveAll(in.dir) }

// AddNote adds an annotation file, which the caller has decoded, to a run. If the file exists, it is not changed, and
// added is false.
func (r *Repository) AddNote(id, file string, data []byte) (added bool, err error) {
	if exists(filepath.Join(r.RunDir(id), notesName, file)) {
		return false, nil
	}
	_ = r.keepNote(id, file, data) // as Annotate does
	return true, addNote(r.RunDir(id), file, data)
}

// StoreShared stores a shared file and returns its size. Its bytes must have the digest of its name. If the file
// exists and is intact, it stays and the size is 0.
func (r *Repository) StoreShared(name string, write func(io.Writer) error) (size int64, err error) {
	kind, digest, ok := sharedName(name)
	if !ok {
		return 0, fmt.Errorf("%s is not a shared file", name)
	}
	for _, at := range []string{r.firstPlace(kind, digest), r.sharedPlace(kind, digest)} {
		if exists(at) && checkDigest(at, digest, kind.limit) != nil {
			if err := os.Remove(at); err != nil {
				return 0, err
			}
		}
	}
	err = r.shareWritten(kind, digest, -1, func(tmp string) error {
		out, err := createHashed(tmp)
		if err != nil {
			return err
		}
		if err = write(&bounded{out, kind.limit}); err == nil {
			err = out.close()
		} else {
			out.abandon()
		}
		if err == nil && out.sum() != digest {
			err = ErrDigest
		}
		size = out.bytes
		return err
	})
	return size, err
}

// FindShared returns an error that says why a shared file is not in this clone, or nil.
func (r *Repository) FindShared(ctx context.Context, name string) error {
	return r.withShared(ctx, name, func(sharedKind, string, string) error { return nil })
}

// KeepShared stores a shared file that this clone may have only in a commit, for a run that is not committed.
func (r *Repository) KeepShared(ctx context.Context, name string) error {
	return r.withShared(ctx, name, r.share)
}

func (r *Repository) withShared(
	ctx context.Context, name string, do func(kind sharedKind, digest, file string) error,
) error {
	kind, digest, ok := sharedName(name)
	if !ok {
		return fmt.Errorf("%s is not a shared file", name)
	}
	file, remove, err := r.shared(ctx, kind, digest)
	if err != nil {
		return err
	}
	defer remove()
	return do(kind, digest, file)
}
