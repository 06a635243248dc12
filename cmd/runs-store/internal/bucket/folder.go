package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"gocloud.dev/blob/fileblob"
)

const chunk = 256 << 10 // bytes read or written at a time

// folder is a target that stores objects in a folder, often a shared one.
type folder struct {
	s    *Store
	root string
}

// openFolder opens an existing folder. It does not create a missing folder, because the folder may be on a file system
// that is not mounted.
func (s *Store) openFolder(root string) error {
	info, err := os.Stat(root)
	if errors.Is(err, fs.ErrNotExist) {
		return s.noBucket()
	}
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: root, Err: syscall.ENOTDIR}
	}
	if err == nil {
		s.blob, err = fileblob.OpenBucket(root, &fileblob.Options{Metadata: fileblob.MetadataDontWrite})
	}
	s.to = &folder{s, root}
	return s.explain(reading, err)
}

// put writes a temporary file next to the final one, and continues where an earlier attempt ended. It renames the file
// after the digest is verified and the bytes are on disk.
func (d *folder) put(ctx context.Context, key string, from *source, progress func(int64)) (sent int64, err error) {
	path := filepath.Join(d.root, filepath.FromSlash(key))
	if info, err := os.Stat(path); err == nil && info.Size() == from.Size && !from.replace {
		return 0, nil
	}
	if err := os.Mkdir(filepath.Dir(path), 0o777); err == nil {
		err = syncFolder(d.root)
		if err != nil {
			return 0, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	f, err := openPart(filepath.Join(filepath.Dir(path), "."+from.Digest))
	if err != nil {
		return 0, err
	}
	hash := sha256.New()
	at, err := same(ctx, f, from, hash)
	if err == nil {
		err = f.Truncate(at)
	}
	if err != nil {
		_ = f.Close()
		return 0, err
	}
	buf := make([]byte, chunk)
	for at < from.Size && err == nil {
		var n int
		if err = ctx.Err(); err != nil {
			break
		}
		n, err = from.f.ReadAt(buf[:min(chunk, from.Size-at)], at)
		if n == 0 {
			break // the source is now shorter, so the digest will differ
		}
		_, _ = hash.Write(buf[:n])
		if _, err = f.WriteAt(buf[:n], at); err == nil {
			at += int64(n)
			sent += int64(n)
			from.moved()
			progress(at)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		_ = f.Close()
		return sent, err
	}
	if at != from.Size || !bytes.Equal(hash.Sum(nil), from.sum()) {
		dropPart(f)
		return sent, errChanged
	}
	if err := finishPart(f, path, true); err != nil {
		return sent, err
	}
	return sent, syncFolder(filepath.Dir(path))
}

// same returns how many bytes at the start of both files are equal. It also writes these bytes to hash.
func same(ctx context.Context, part *os.File, from *source, hash io.Writer) (int64, error) {
	a, b := make([]byte, chunk), make([]byte, chunk)
	var at int64
	for at < from.Size {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		from.moved()
		n, err := part.ReadAt(a[:min(chunk, from.Size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		m, err := from.f.ReadAt(b[:n], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if m == 0 || !bytes.Equal(a[:m], b[:m]) {
			break // the caller overwrites the rest
		}
		_, _ = hash.Write(b[:m])
		at += int64(m)
	}
	return at, nil
}

// checksum returns nil: a folder computes none.
func (d *folder) checksum(context.Context, string) *checksum { return nil }

// list reads one folder after another. Only folders with names of two digits hold objects.
func (d *folder) list(ctx context.Context, each func(key string, size int64) error) error {
	folders, err := os.ReadDir(d.root)
	if err != nil {
		return err
	}
	for _, sub := range folders {
		if len(sub.Name()) != 2 || !sub.IsDir() {
			continue
		}
		objects, err := os.ReadDir(filepath.Join(d.root, sub.Name()))
		if err != nil {
			return err
		}
		for _, o := range objects {
			info, err := o.Info()
			if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
				continue
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = each(sub.Name()+"/"+o.Name(), info.Size())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable if the system supports it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // some network file systems cannot sync folders
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
