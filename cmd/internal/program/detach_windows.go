package program

import (
	"os/exec"
	"syscall"
)

// Detach makes cmd run in a new process group, without a console and out of reach of Ctrl-C. Call it before cmd is
// started.
func Detach(cmd *exec.Cmd) {
	const detachedProcess = 0x8 // a flag of CreateProcess
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}
}
