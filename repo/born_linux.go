package repo

import "golang.org/x/sys/unix"

// bornAfter reports whether a file was made after a time, in nanoseconds since 1970. It is false if the file system
// does not know.
func bornAfter(path string, after int64) bool {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return false
	}
	return st.Btime.Sec*1_000_000_000+int64(st.Btime.Nsec) >= after
}
