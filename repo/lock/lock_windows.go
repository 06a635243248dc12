package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset is the position of the locked byte, beyond the end of any journal, because on Windows other processes
// cannot read a locked range.
const lockOffset = 1 << 30

// Try takes a lock on an open file. It returns false if another process holds the lock. The lock is released when the
// file is closed or the process dies.
func Try(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: lockOffset})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}

// Linked always returns true, because an open file keeps its name on Windows.
func Linked(*os.File) bool { return true }

// InUse reports whether a file could not be removed because a process has it open.
func InUse(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
