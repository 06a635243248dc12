package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies behind any journal: a locked range of Windows could not be read by others.
const lockOffset = 1 << 30

// Try takes the lock of an open file. The lock goes with the file's closing or the process's death.
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

// Linked is always true: an open file keeps its name on Windows.
func Linked(*os.File) bool { return true }
