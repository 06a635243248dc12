package foreign

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

// CheckFolder reports why a path cannot be looked into.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	return err
}
