//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// Detach gives a program that is not started yet a session of its own: it has no terminal, and no Ctrl-C reaches it.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
