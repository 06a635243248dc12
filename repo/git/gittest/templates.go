package gittest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// templates holds the repositories that others are copied from, because Git takes much longer to make one.
var templates = struct {
	sync.Mutex
	dir  string // set by Main
	made map[string]*Repository
}{made: map[string]*Repository{}}

// withPaths lists files in the Git folder that contain absolute paths.
var withPaths = []string{"config", ".git", "gitdir", "commondir", "alternates"}

// copyTree copies a folder of repositories. It changes the absolute paths in Git's files to the new folder. Files keep
// their modification times.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		target := to + path[len(from):]
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.Mkdir(target, 0o777)
		case entry.Type()&fs.ModeSymlink != 0:
			leads, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(leads, target)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if slices.Contains(withPaths, entry.Name()) {
			data = bytes.ReplaceAll(data, []byte(filepath.ToSlash(from)), []byte(filepath.ToSlash(to)))
		}
		if err := os.WriteFile(target, data, info.Mode().Perm()|0o200); err != nil {
			return err
		}
		return os.Chtimes(target, info.ModTime(), info.ModTime())
	})
}
