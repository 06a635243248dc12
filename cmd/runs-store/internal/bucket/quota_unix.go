//go:build !windows

package bucket

import "golang.org/x/sys/unix"

// errQuota reports that a user's disk quota is exhausted.
const errQuota = unix.EDQUOT
