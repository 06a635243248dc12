// Package sibling finds the other programs of this project. It imports no other package of the project.
package sibling

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// ErrNotInstalled means that a program is neither next to the running one nor on the PATH.
var ErrNotInstalled = errors.New("is not installed next to runs or on PATH")

// Find returns the path of a program. It searches next to the running program first, so that the two have the same
// version, and then on the PATH. The error is ErrNotInstalled if it is in neither place.
func Find(program string) (string, error) {
	name := program
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the program %s %w", program, ErrNotInstalled)
	}
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", program, err)
	}
	return path, nil
}
