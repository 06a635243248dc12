//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// isOwn reports whether the user owns a file.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// isPrivate reports whether only the user and root can replace a folder's entries: one of them owns the folder, and no
// other user can write to it, or it has the sticky bit.
func isPrivate(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() && stat.Uid != 0 {
		return false
	}
	ownGroup := stat.Gid == stat.Uid // the group of a single user has the user's number
	mode := info.Mode()
	return mode&fs.ModeSticky != 0 || mode.Perm()&0o002 == 0 && (mode.Perm()&0o020 == 0 || ownGroup)
}
