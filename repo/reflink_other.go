//go:build !linux

package repo

import (
	"errors"
	"os"
)

// reflink always fails, so that the caller copies the file.
func reflink(_, _ *os.File) error { return errors.ErrUnsupported }
