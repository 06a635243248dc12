//go:build !windows

package repo

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gitruns/runs/repo/regular"
)

// syncReadOnly makes the content of a file durable that cannot be opened for writing.
func syncReadOnly(path string) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // some network file systems cannot sync folders
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
