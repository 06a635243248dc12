package importer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// File is a file that a walk found.
type File struct {
	Path  string
	Size  int64
	Mtime time.Time
}

// Walk searches folders for files, breadth first, within bounds.
type Walk struct {
	Match   func(name string) bool
	Entries int           // how many folder entries may still be examined
	Within  time.Duration // how long one search may take; 0 means no limit
	Files   int           // the most files to return
	Partial bool          // a search was cut short by a bound
}

// skipped lists names of folders that are not searched because they hold no logs.
var skipped = []string{
	".git", ".runs", "node_modules", "__pycache__", "site-packages", ".venv", "venv", ".tox", ".cache", ".dvc", ".hg",
}

const maxFolderDepth = 24

// Below returns the matching files under dir. It follows no links and skips folders that it cannot read.
func (w *Walk) Below(ctx context.Context, dir string) ([]File, error) {
	type folder struct {
		path  string
		depth int
	}
	var found []File
	began := time.Now()
	for queue := []folder{{dir, 0}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := regular.OpenFolder(at.path)
		if err != nil {
			continue
		}
		var below []string
		for {
			entries, err := f.ReadDir(1000)
			for _, e := range entries {
				switch name := e.Name(); {
				case e.IsDir() && !slices.Contains(skipped, name):
					below = append(below, name)
				case e.IsDir() && at.depth > 0 && name == "site-packages":
				case name == "pyvenv.cfg" && at.depth > 0: // a Python environment
					below, err = nil, io.EOF
				case e.Type().IsRegular() && w.Match(name):
					if info, err := e.Info(); err == nil {
						found = append(found, File{filepath.Join(at.path, name), info.Size(), info.ModTime()})
					}
				}
			}
			w.Entries -= len(entries)
			if err != nil || w.Entries < 0 || len(found) > w.Files {
				break
			}
		}
		_ = f.Close()
		if w.Entries < 0 || len(found) > w.Files || w.Within > 0 && time.Since(began) > w.Within {
			w.Partial = true
			break
		}
		if at.depth < maxFolderDepth {
			slices.Sort(below)
			for _, name := range below {
				queue = append(queue, folder{filepath.Join(at.path, name), at.depth + 1})
			}
		}
	}
	return found[:min(len(found), w.Files)], nil
}

// Open opens a regular file. It returns an *fs.PathError if the path is a link or a folder, or if it is replaced at
// the same time.
func Open(path string) (*os.File, error) {
	want, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !want.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "reading", Path: path, Err: errors.New("it is not a regular file")}
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(want, got) {
		_ = f.Close()
		return nil, &fs.PathError{Op: "reading", Path: path, Err: errors.New("it was replaced while it was being opened")}
	}
	return f, nil
}

// Bounds of FindAll, and of Contains.
const (
	maxEntries    = 5_000_000
	maxFiles      = 100_000
	probeEntries  = 100_000
	probeDuration = time.Second
)

// Contains reports whether a folder has matching files. It gives up after a short search and then returns false.
func Contains(ctx context.Context, dir string, match func(name string) bool) bool {
	w := &Walk{Match: match, Entries: probeEntries, Within: probeDuration, Files: 1}
	files, err := w.Below(ctx, dir)
	return err == nil && len(files) > 0
}

// FindAll returns the matching files under a folder. It returns an error if there are too many. If there are no files,
// it returns an error with the text none.
func FindAll(ctx context.Context, dir string, match func(name string) bool, none string) ([]File, error) {
	w := &Walk{Match: match, Entries: maxEntries, Files: maxFiles}
	files, err := w.Below(ctx, dir)
	switch {
	case err != nil:
		return nil, err
	case w.Partial:
		return nil, errors.New("it has too many files: import its folders one by one")
	case len(files) == 0:
		return nil, errors.New(none)
	}
	return files, nil
}

// CheckFolder reports why a path cannot be searched, or returns nil.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	return err
}

// CheckPath reports why a path is neither a folder nor a regular file, or returns nil.
func CheckPath(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = errors.New("it is neither a folder nor a file")
	}
	return err
}
