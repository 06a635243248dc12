package openwatch

import "golang.org/x/sys/unix"

const x32 = 0x40000000 // the bit of calls with pointers of 32 bits

// tables are the calls that are reported, by the architecture that they are made for.
var tables = []table{
	{unix.AUDIT_ARCH_X86_64, []call{
		{unix.SYS_OPENAT, openat},
		{unix.SYS_OPEN, open},
		{unix.SYS_OPENAT2, openat2},
		{unix.SYS_CREAT, creat},
		{unix.SYS_EXECVE, execve},
		{unix.SYS_EXECVEAT, execveat},
		{unix.SYS_RENAME, rename},
		{unix.SYS_RENAMEAT, renameat},
		{unix.SYS_RENAMEAT2, renameat},
		{unix.SYS_UNLINK, removal},
		{unix.SYS_UNLINKAT, removal},
		{unix.SYS_IO_URING_SETUP, ring},
		{unix.SYS_CLONE, clone},
		{unix.SYS_CHROOT, moved},
		{unix.SYS_PIVOT_ROOT, moved},
		{unix.SYS_UNSHARE, moved},
		{unix.SYS_SETNS, moved},
		{unix.SYS_OPENAT | x32, openat},
		{unix.SYS_OPEN | x32, open},
		{unix.SYS_OPENAT2 | x32, openat2},
		{unix.SYS_CREAT | x32, creat},
	}},
	{unix.AUDIT_ARCH_I386, []call{
		{295, openat},
		{5, open},
		{437, openat2},
		{8, creat},
		{11, execve},
		{358, execveat},
		{38, rename},
		{302, renameat},
		{353, renameat},
		{10, removal},
		{301, removal},
	}},
}
