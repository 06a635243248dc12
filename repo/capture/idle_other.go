//go:build !linux

package capture

// beIdle does nothing: this system has no priorities for single threads.
func beIdle() {}
