//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// Detach makes cmd run in a new session, without a terminal and out of reach of Ctrl-C. Call it before cmd is started.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
