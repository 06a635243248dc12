package bucket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/repo/lock"
)

// openPart opens the file that becomes path when it is complete. It keeps the content of an earlier attempt. If another
// process is writing that file, it opens a new one, which no later attempt resumes.
func openPart(path string) (*os.File, error) {
	name := path + ".part"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		f, err = reopen(name)
	}
	if err != nil {
		return nil, err
	}
	if ok, err := lock.Try(f); ok && err == nil && named(f, name) {
		return f, nil
	}
	_ = f.Close()
	return os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
}

// reopen opens an existing regular file, and nothing else: a link could lead anywhere.
func reopen(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it is not a regular file; remove it")}
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it was replaced meanwhile")}
	}
	return f, nil
}

// named reports whether the open file still has the name: another process may have finished it before the lock was
// taken.
func named(f *os.File, name string) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(name)
	return err == nil && os.SameFile(info, at)
}

// finishPart closes the file and gives it its final name. If durable, its bytes are on disk before that.
func finishPart(f *os.File, path string, durable bool) error {
	var err error
	if durable {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// dropPart closes and removes a file whose bytes are wrong.
func dropPart(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}
