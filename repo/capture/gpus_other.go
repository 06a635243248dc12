//go:build !linux

package capture

// gpus returns nothing: only Linux lists GPUs without another program.
func gpus() []string { return nil }
