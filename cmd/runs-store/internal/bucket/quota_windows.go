package bucket

import "golang.org/x/sys/windows"

// errQuota reports a full disk. Windows has a number of its own for it.
const errQuota = windows.ERROR_DISK_FULL
