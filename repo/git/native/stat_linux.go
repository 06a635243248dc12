package native

import (
	"io/fs"
	"os"
	"syscall"
)

// fileStat is what lstat tells of a file.
type fileStat struct {
	kind fs.FileMode // only the bits of the type
	exec bool
	size int64
	Stat
}

func lstat(path string) (s fileStat, err error) {
	var st syscall.Stat_t
	for {
		if err = syscall.Lstat(path, &st); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return s, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		s.kind = fs.ModeDir
	case syscall.S_IFLNK:
		s.kind = fs.ModeSymlink
	default:
		s.kind = fs.ModeIrregular
	}
	s.exec, s.size = st.Mode&0o100 != 0, st.Size
	s.Stat = Stat{
		CTime: uint32(st.Ctim.Sec), CTimeNS: uint32(st.Ctim.Nsec), MTime: uint32(st.Mtim.Sec), MTimeNS: uint32(st.Mtim.Nsec),
		Device: uint32(st.Dev), Inode: uint32(st.Ino), UID: st.Uid, GID: st.Gid, Size: uint32(st.Size),
	}
	return s, nil
}

// same reports whether a file is certainly the one that the index has seen. The device is left out, as in Git.
func (s Stat) same(is Stat) bool {
	times := func(a, aNS, b, bNS uint32) bool { return a == b && (aNS == bNS || aNS == 0) }
	return times(s.MTime, s.MTimeNS, is.MTime, is.MTimeNS) && times(s.CTime, s.CTimeNS, is.CTime, is.CTimeNS) &&
		s.Inode == is.Inode && s.UID == is.UID && s.GID == is.GID && s.Size == is.Size
}
