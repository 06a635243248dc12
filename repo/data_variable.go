package repo

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// The bounds of the search for a variable in the source of a run.
const (
	maxNamingFiles = 5000
	maxNamingBytes = 512 << 10 // of a file
)

// namesVariable reports whether a command, or a file of the restored source in dir, names an environment variable. It
// is true if the source is too large to tell.
func namesVariable(dir string, run *format.Run, variable string) bool {
	if slices.ContainsFunc(run.Command, func(arg string) bool { return strings.Contains(arg, variable) }) {
		return true
	}
	names, files := false, 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read, the program cannot read either
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		if files++; files > maxNamingFiles {
			names = true
			return fs.SkipAll
		}
		if data, err := readBounded(path, maxNamingBytes); err == nil && bytes.Contains(data, []byte(variable)) {
			names = true
			return fs.SkipAll
		}
		return nil
	})
	return names || err != nil
}
