// Package regular opens files that must be regular. Opening a named pipe waits until another process opens it too, and
// opening a device may do anything; so nothing else is opened in the folders of a project, whoever put it there. It
// imports the standard library only.
package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Error says that a path is not a regular file.
type Error struct{ Path string }

func (e *Error) Error() string { return fmt.Sprintf("%s is not a regular file", e.Path) }

// Check returns an *Error if the path exists and is not a regular file. It follows links.
func Check(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return &Error{path}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // opening it gives the error, or creates it
	}
	return err
}

// Open is os.Open for regular files.
func Open(path string) (*os.File, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// OpenFolder is os.Open for folders.
func OpenFolder(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", path)
	}
	return os.Open(path)
}

// OpenFile is os.OpenFile for regular files.
func OpenFile(path string, flag int, perm os.FileMode) (*os.File, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flag, perm)
}

// ReadFile is os.ReadFile for regular files.
func ReadFile(path string) ([]byte, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
