//go:build !windows

// Package lock takes advisory locks on open files. A lock is released when the file is closed or the process dies.
package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Try takes an advisory lock on an open file with flock(2). It returns false if another process holds the lock. The
// lock is released when the file is closed or the process dies.
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
			return true, nil // a file system without locks; callers never rely on a lock alone
		default:
			return false, err
		}
	}
}

// Linked reports whether an open file still has a name on disk.
func Linked(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0
}

// InUse always returns false, because an open file can be removed.
func InUse(error) bool { return false }
