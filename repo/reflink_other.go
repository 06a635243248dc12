//go:build !linux

package repo

import (
	"errors"
	"os"
)

// reflink is not tried: the caller copies.
func reflink(_, _ *os.File) error { return errors.ErrUnsupported }
