//go:build unix

package gittest

import "syscall"

func setUmask() { syscall.Umask(0o022) }
