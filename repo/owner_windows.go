package repo

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/windows"
)

// bootID is empty, because the pid and the creation time identify a process. The time is in units of 100 ns, and no
// later boot repeats it.
func bootID() string { return "" }

// pidNamespace is empty, because there is only one.
func pidNamespace() string { return "" }

// processStart returns the creation time of a process and whether it runs.
func processStart(pid int) (string, bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return "", errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	const stillActive = 259
	var code uint32
	if err := windows.GetExitCodeProcess(h, &code); err == nil && code != stillActive {
		return "", false
	}
	var creation, exit, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &creation, &exit, &kernel, &user); err != nil {
		return "", true
	}
	return strconv.FormatInt(creation.Nanoseconds(), 10), true
}

// holdsOpen is never known. On Windows, however, an open file cannot be removed.
func holdsOpen(int, os.FileInfo) (open, known bool) { return false, false }
