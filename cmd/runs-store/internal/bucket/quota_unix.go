//go:build !windows

package bucket

import "golang.org/x/sys/unix"

// errQuota is a user's share of a disk used up.
const errQuota = unix.EDQUOT
