package pattern

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gitruns/runs/repo/regular"
)

// MaxFile is the size in bytes above which a file of rules is an error.
const MaxFile = 16 << 20

// MaxDepth is the number of folders above a path from which on the path is an error.
const MaxDepth = 4096

// ReadFile reads a file of patterns. It is nil if the file does not exist, or if a folder has its name, as for Git.
// Git follows links only outside the working tree: if follow is not set, a link is like a missing file. What cannot be
// read is an error, because without its rules files would be recorded that a user meant to keep out.
func ReadFile(path string, follow bool) ([]byte, error) {
	stat := os.Lstat
	if follow {
		stat = os.Stat
	}
	info, err := stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || path == os.DevNull:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading Git's rules: %w", err)
	case info.IsDir() || info.Mode()&fs.ModeSymlink != 0:
		return nil, nil
	case info.Size() > MaxFile:
		return nil, TooLarge(path)
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading Git's rules: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading Git's rules: %w", err)
	}
	if len(data) > MaxFile {
		return nil, TooLarge(path)
	}
	return data, nil
}

// TooLarge is the error for a file of more than MaxFile bytes.
func TooLarge(name string) error {
	return fmt.Errorf("reading Git's rules: %s is larger than %d MiB", name, MaxFile>>20)
}
