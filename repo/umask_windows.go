package repo

import "io/fs"

// umask is zero, because Windows ignores modes.
func umask() fs.FileMode { return 0 }
