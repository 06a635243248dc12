package lock

import "runtime"

// RemovesOpen reports whether the system removes a file that is open, so that a lock can be held until its file has no
// name. Only tests change it.
var RemovesOpen = runtime.GOOS != "windows"
