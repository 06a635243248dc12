//go:build !windows

package repo

import (
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// umask is read once: the system has no call that only reads it.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
})
