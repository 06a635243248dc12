//go:build !windows

package repo

import (
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// umask returns the umask of the process. It is read only once, because reading it means setting it.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
})
