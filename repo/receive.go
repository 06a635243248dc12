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

// OpenCopy opens a .runs folder that came from elsewhere, to be read. Git is not asked about it: what lies around it is a
// stranger's.
func OpenCopy(dir string) *Repository {
	r := &Repository{Dir: dir, Root: filepath.Dir(dir), active: filepath.Join(dir, "active")}
	r.config = sync.OnceValues(r.readConfig)
	return r
}

// ErrHere says that a run is finished here already.
var ErrHere = errors.New("the run is here already")

// Incoming is a finished run that comes from elsewhere. It is put together in a temporary folder beside its place, which it
// takes whole or not at all.
type Incoming struct {
	ID   string
	repo *Repository
	dir  string
}

// staleAfter is when the temporary folder of an incoming run is believed to be left by a process that died.
const staleAfter = time.Hour

// Receive begins a run by its valid id. End it with Place or Discard.
func (r *Repository) Receive(id string) (*Incoming, error) {
	day := filepath.Dir(r.RunDir(id))
	if err := os.MkdirAll(day, 0o777); err != nil {
		return nil, err
	}
	if err := realDir(day); err != nil {
		return nil, err
	}
	in := &Incoming{id, r, filepath.Join(day, newPrefix+format.RandomLetters(8))}
	return in, os.Mkdir(in.dir, 0o777)
}

// ClearStale removes what receiving processes that died have left.
func (r *Repository) ClearStale() {
	left, _ := filepath.Glob(filepath.Join(r.Dir, "*", newPrefix+"*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err == nil && info.IsDir() && format.CheckDay(filepath.Base(filepath.Dir(dir))) == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(dir)
		}
	}
}

// Add writes a file of the run and proves that it has the size and the digest that the record says.
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
		err = fmt.Errorf("%s is not the file that was recorded: it has not its %d bytes", name, want.Bytes)
	case err == nil && out.sum() != want.SHA256:
		err = fmt.Errorf("%s is not the file that was recorded: its digest differs", name)
	}
	if err != nil {
		_ = os.Remove(filepath.Join(in.dir, filepath.FromSlash(name)))
	}
	return err
}

// AddBytes writes a file of the run that has been checked.
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

// bounded writes at most as many bytes as are expected.
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

// Place makes the run durable and gives it its name. Files that a switch of branches left in its folder, notes and console
// output, stay. Where the run is finished already, the error is ErrHere and nothing is changed.
func (in *Incoming) Place() error {
	target := in.repo.RunDir(in.ID)
	if err := syncTree(in.dir); err != nil {
		return err
	}
	err := os.Rename(in.dir, target)
	if err != nil && exists(filepath.Join(target, RecordName)) {
		return ErrHere
	}
	if err != nil && exists(target) {
		err = in.merge(target)
	}
	if err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(target)), syncDir(in.repo.Dir))
}

// merge moves the files one by one, the record last: with it the run is there.
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
		if err := os.Rename(filepath.Join(in.dir, name), filepath.Join(target, name)); err != nil {
			return err
		}
	}
	if err := syncTree(target); err != nil {
		return err
	}
	return os.RemoveAll(in.dir)
}

// order puts the files last by which a run is known.
func order(name string) int {
	switch name {
	case RecordName:
		return 2
	case MetricsName:
		return 1
	}
	return 0
}

// makeRealDirs makes the folders of a relative path, and refuses one that is a link.
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

// Discard removes what was not placed.
func (in *Incoming) Discard() { _ = os.RemoveAll(in.dir) }

// AddNote takes in a note, read and found well-formed, of a run that is here. One of that name stays as it is, and added is
// false.
func (r *Repository) AddNote(id, file string, data []byte) (added bool, err error) {
	if exists(filepath.Join(r.RunDir(id), notesName, file)) {
		return false, nil
	}
	return true, addNote(r.RunDir(id), file, data)
}

// StoreShared takes in a file that runs share, proved by its name, and returns its size. One that is here already stays
// where its bytes are right; its size is then 0.
func (r *Repository) StoreShared(name string, write func(io.Writer) error) (size int64, err error) {
	kind, digest, ok := sharedName(name)
	if !ok {
		return 0, fmt.Errorf("%s is no shared file", name)
	}
	for _, at := range []string{r.firstPlace(kind, digest), r.sharedPlace(kind, digest)} {
		if exists(at) && checkDigest(at, digest, kind.limit) != nil {
			if err := os.Remove(at); err != nil {
				return 0, err
			}
		}
	}
	err = r.shareWritten(kind, digest, func(tmp string) error {
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

// FindShared reports why a shared file cannot be had in this clone, or nil.
func (r *Repository) FindShared(ctx context.Context, name string) error {
	return r.withShared(ctx, name, func(sharedKind, string, string) error { return nil })
}

// KeepShared stores a shared file that this clone has, in a commit perhaps, for a run that is not committed.
func (r *Repository) KeepShared(ctx context.Context, name string) error {
	return r.withShared(ctx, name, r.share)
}

func (r *Repository) withShared(ctx context.Context, name string, do func(kind sharedKind, digest, file string) error) error {
	kind, digest, ok := sharedName(name)
	if !ok {
		return fmt.Errorf("%s is no shared file", name)
	}
	file, remove, err := r.shared(ctx, kind, digest)
	if err != nil {
		return err
	}
	defer remove()
	return do(kind, digest, file)
}

// Unmark takes the mark of a removed run away.
func (r *Repository) Unmark(id string) error {
	err := os.Remove(filepath.Join(r.Dir, RemovedName, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
