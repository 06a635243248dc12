//go:build unix

package repo

import (
	"os"
	"syscall"
)

// stopProcess asks a process to end.
func stopProcess(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
