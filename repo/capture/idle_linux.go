package capture

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// beIdle makes the calling goroutine run in a thread of its own, which gets only the processor and disk time that
// nobody else wants. The thread ends with the goroutine.
func beIdle() {
	runtime.LockOSThread()
	const process, idle, shift = 1, 3, 13 // IOPRIO_WHO_PROCESS, IOPRIO_CLASS_IDLE, IOPRIO_CLASS_SHIFT
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, process, uintptr(unix.Gettid()), idle<<shift)
}
