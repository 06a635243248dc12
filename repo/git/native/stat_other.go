//go:build !linux

package native

import (
	"io/fs"
	"os"
)

// fileStat is what lstat tells of a file.
type fileStat struct {
	kind fs.FileMode // only the bits of the type
	exec bool
	size int64
	Stat
}

func lstat(path string) (s fileStat, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return s, err
	}
	return fileStat{kind: info.Mode().Type(), exec: info.Mode()&0o100 != 0, size: info.Size()}, nil
}

// same reports whether a file is certainly the one that the index has seen. Here that is never known, so that the
// content of each file is compared.
func (s Stat) same(Stat) bool { return false }
