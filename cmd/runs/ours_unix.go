//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs reports whether a file belongs to this user.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// keptByUs reports whether nobody but this user and root decides what a folder's entries are: it is ours, a group of many cannot
// write to it, or each can move away its own alone.
func keptByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() && stat.Uid != 0 {
		return false
	}
	ownGroup := stat.Gid == stat.Uid // a user's own group has its number
	mode := info.Mode()
	return mode&fs.ModeSticky != 0 || mode.Perm()&0o002 == 0 && (mode.Perm()&0o020 == 0 || ownGroup)
}
