package bucket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/repo/lock"
)

// openPart opens the temporary file that finishPart renames to path. It keeps what an earlier attempt wrote. If another
// process is writing that file, openPart creates a new one, which no later attempt resumes.
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

// reopen opens an existing regular file. It refuses links, which could lead anywhere.
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

// named reports whether the name still belongs to the open file. Another process may have renamed the file before this
// process locked it.
func named(f *os.File, name string) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(name)
	return err == nil && os.SameFile(info, at)
}

// finishPart closes the file and renames it to path. If durable is true, it writes the bytes to disk first.
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

// dropPart closes and removes a file with wrong bytes.
func dropPart(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}
