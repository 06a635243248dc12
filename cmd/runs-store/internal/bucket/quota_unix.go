//go:build !windows

package bucket

import "golang.org/x/sys/unix"

// errQuota reports that a user's disk quota is used up.
const errQuota = unix.EDQUOT
