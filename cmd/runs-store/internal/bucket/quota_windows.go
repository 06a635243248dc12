package bucket

import "golang.org/x/sys/windows"

// errQuota is a disk that is full: Windows has its own number for it.
const errQuota = windows.ERROR_DISK_FULL
