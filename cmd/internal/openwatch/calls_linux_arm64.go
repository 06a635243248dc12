package openwatch

import "golang.org/x/sys/unix"

// tables are the calls that are reported, by the architecture that they are made for.
var tables = []table{
	{unix.AUDIT_ARCH_AARCH64, []call{
		{unix.SYS_OPENAT, openat},
		{unix.SYS_OPENAT2, openat2},
		{unix.SYS_EXECVE, execve},
		{unix.SYS_EXECVEAT, execveat},
		{unix.SYS_RENAMEAT, renameat},
		{unix.SYS_RENAMEAT2, renameat},
		{unix.SYS_UNLINKAT, removal},
		{unix.SYS_IO_URING_SETUP, ring},
		{unix.SYS_CLONE, clone},
		{unix.SYS_CHROOT, moved},
		{unix.SYS_PIVOT_ROOT, moved},
		{unix.SYS_UNSHARE, moved},
		{unix.SYS_SETNS, moved},
	}},
	{unix.AUDIT_ARCH_ARM, []call{
		{322, openat},
		{5, open},
		{437, openat2},
		{8, creat},
		{11, execve},
		{387, execveat},
		{38, rename},
		{329, renameat},
		{382, renameat},
		{10, removal},
		{328, removal},
	}},
}
