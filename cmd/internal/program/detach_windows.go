package program

import (
	"os/exec"
	"syscall"
)

// Detach gives a program that is not started yet a process group of its own: it has no console, and no Ctrl-C reaches
// it.
func Detach(cmd *exec.Cmd) {
	const detachedProcess = 0x8 // of CreateProcess
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}
}
