package program

import (
	"os/exec"
	"syscall"
)

// Detach makes a program that is to be started one of its own process group: it has no console, and no Ctrl-C reaches it.
func Detach(cmd *exec.Cmd) {
	const detachedProcess = 0x8 // of CreateProcess
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}
}
