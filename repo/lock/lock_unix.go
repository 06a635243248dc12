//go:build !windows

// Package lock takes advisory locks of open files, which go with the file's closing or the process's death.
package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Try takes the advisory lock of an open file, flock(2). The lock goes with the file's closing or the process's death.
func Try(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS):
			return true, nil // a file system without locks: they are a hint, never the only proof
		default:
			return false, err
		}
	}
}

// Linked reports whether an open file still has its name.
func Linked(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0
}
