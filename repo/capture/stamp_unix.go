//go:build !windows

package capture

import (
	"io/fs"
	"syscall"
)

// linksOf returns how many names a file has.
func linksOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.changed = uint64(st.Ino), changeTime(st)
	}
	return s
}
