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
)

// File is a file that a walk has found.
type File struct {
	Path  string
	Size  int64
	Mtime time.Time
}

// Walk looks for files below folders, the near ones first.
type Walk struct {
	Match   func(name string) bool
	Entries int           // how many it looks at
	Within  time.Duration // how long it may take; 0 is as long as it takes
	Files   int           // how many it returns
	Partial bool          // one of these was not enough
}

// skipped are folders in which nobody logs.
var skipped = []string{".git", ".runs", "node_modules", "__pycache__", "site-packages", ".venv", "venv", ".tox", ".cache", ".dvc", ".hg"}

const maxFolderDepth = 24

// Below returns the files below dir. No link is followed; a folder that cannot be read is passed over.
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
		f, err := os.Open(at.path)
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
				case name == "pyvenv.cfg" && at.depth > 0: // an environment of Python by another name
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

// Open opens a regular file, and not what took its place meanwhile.
func Open(path string) (*os.File, error) {
	want, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !want.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "reading", Path: path, Err: errors.New("it is not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(want, got) {
		_ = f.Close()
		return nil, &fs.PathError{Op: "reading", Path: path, Err: errors.New("it has changed while it was read")}
	}
	return f, nil
}

// Bounds of an import, and of a look at what a folder is.
const (
	maxEntries   = 5_000_000
	maxFiles     = 100_000
	lookEntries  = 100_000
	lookDuration = time.Second
)

// Any reports whether there are such files below a folder, as far as a short look tells.
func Any(ctx context.Context, dir string, match func(name string) bool) bool {
	w := &Walk{Match: match, Entries: lookEntries, Within: lookDuration, Files: 1}
	files, err := w.Below(ctx, dir)
	return err == nil && len(files) > 0
}

// All returns the files below a folder. Too many are an error, and so are none, which is told by the words of none.
func All(ctx context.Context, dir string, match func(name string) bool, none string) ([]File, error) {
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

// CheckFolder reports why a path cannot be looked into.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	return err
}
