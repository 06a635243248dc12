package git

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// staleTemporary is the age from which what a killed command left in the temporary folder is removed.
const staleTemporary = 24 * time.Hour

// TemporaryIn makes a temporary folder in dir, and dir itself. It is for use where the temporary folder of the system
// does not exist or is full. It removes what killed commands left in dir long ago.
func TemporaryIn(dir, pattern string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > staleTemporary {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
	return os.MkdirTemp(dir, pattern)
}

// Temporary is the folder for temporary files of this repository, for use where that of the system fails.
func (d Dirs) Temporary() string { return filepath.Join(d.Common, "runs", "tmp") }

// makeTemp makes a temporary folder, in the Git folder if the system has no usable temporary folder.
func (d Dirs) makeTemp(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		return dir, nil
	}
	dir, other := TemporaryIn(d.Temporary(), pattern)
	if other != nil {
		return "", errors.Join(err, other)
	}
	return dir, nil
}
