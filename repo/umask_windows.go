package repo

import "io/fs"

// umask is zero: modes mean nothing here.
func umask() fs.FileMode { return 0 }
