package bucket

import "golang.org/x/sys/windows"

// errQuota reports a full disk. Windows has its own error number for it.
const errQuota = windows.ERROR_DISK_FULL
