//go:build linux || darwin

package index

import (
	"io/fs"
	"syscall"
)

func (s *Stamp) system(info fs.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	s.Changed, s.Inode, s.Device = changeTime(st), st.Ino, uint64(st.Dev)
	s.single = info.IsDir() && st.Nlink == 2 // file systems that do not count folders have 1
}
