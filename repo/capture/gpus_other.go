//go:build !linux

package capture

// gpus returns nil: only on Linux can GPUs be listed without running another program.
func gpus() []string { return nil }
