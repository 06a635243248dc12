package repo

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies behind any journal: a locked range of Windows could not be read by others.
const lockOffset = 1 << 30

// tryLock takes the lock of an open file. The lock goes with the file's closing or the process's death.
func tryLock(f *os.File) (bool, error) {
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

// linked is always true: an open file keeps its name on Windows.
func linked(*os.File) bool { return true }

// syncDir does nothing: Windows has no sync of a folder; SPEC.md states the weaker guarantee.
func syncDir(string) error { return nil }
