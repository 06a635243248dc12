package repo

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// bootID returns an id that changes with every boot: sysctl kern.bootsessionuuid.
var bootID = sync.OnceValue(func() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
})

// pidNamespace is empty, because there is only one.
func pidNamespace() string { return "" }

// processStart returns the start time of a process in microseconds, and whether there is such a process.
func processStart(pid int) (string, bool) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(info.Proc.P_pid) != pid {
		return "", false
	}
	const zombie = 5 // SZOMB of sys/proc.h
	if info.Proc.P_stat == zombie {
		return "", false
	}
	start := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", start.Sec, start.Usec), true
}

// holdsOpen is never known, because it would need the help of other programs.
func holdsOpen(int, os.FileInfo) (open, known bool) { return false, false }
