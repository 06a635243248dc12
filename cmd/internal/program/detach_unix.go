//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// Detach makes a program that is to be started one of its own session: it has no terminal, and no Ctrl-C reaches it.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
