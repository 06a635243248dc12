//go:build !linux

package capture

const (
	notPython = iota
	inlineText
	someScript
	entryFile
)

// runningPython finds nothing: this system does not show the programs of other processes.
func runningPython(int, string) (found RunningPython, fit int) { return RunningPython{}, notPython }
