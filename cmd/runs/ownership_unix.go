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

// isPrivate reports whether only the user and root can replace entries of the folder. One of them must own the folder.
// In addition, either no other user can write to the folder, or its sticky bit is set.
func isPrivate(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() && stat.Uid != 0 {
		return false
	}
	ownGroup := stat.Gid == stat.Uid // in a group for a single user, both ids are equal
	mode := info.Mode()
	return mode&fs.ModeSticky != 0 || mode.Perm()&0o002 == 0 && (mode.Perm()&0o020 == 0 || ownGroup)
}
