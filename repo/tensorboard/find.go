package tensorboard

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logFile is an event file that was found.
type logFile struct {
	path  string
	size  int64
	mtime time.Time
}

// isEventName reports whether TensorBoard would read a file of this name.
func isEventName(name string) bool { return strings.Contains(name, "tfevents") }

// writer is what the name of an event file says of its writer: events.out.tfevents.<second>.<host>[.<pid>.<n>][.<more>]. A host
// may have dots, so that the process can be told where the host is known.
func writer(name, host string) (began time.Time, onHost bool, pid int) {
	_, rest, ok := strings.Cut(name, "tfevents.")
	if !ok {
		return time.Time{}, false, 0
	}
	second, rest, _ := strings.Cut(rest, ".")
	if n, err := strconv.ParseInt(second, 10, 64); err == nil && n > 0 && n < 1<<40 {
		began = time.Unix(n, 0)
	}
	rest, onHost = strings.CutPrefix(rest+".", host+".")
	if !onHost || host == "" {
		return began, false, 0
	}
	word, _, _ := strings.Cut(rest, ".")
	pid, err := strconv.Atoi(word)
	if err != nil || pid < 0 {
		pid = 0
	}
	return began, true, pid
}

// hostOf is the host in the name of an event file, as far as it can be told.
func hostOf(name string) string {
	_, rest, _ := strings.Cut(name, "tfevents.")
	_, rest, _ = strings.Cut(rest, ".")
	host, _, _ := strings.Cut(rest, ".")
	return host
}

// walk looks for event files below folders, the near ones first.
type walk struct {
	entries int           // how many it looks at
	within  time.Duration // how long it may take; 0 is as long as it takes
	files   int           // how many it returns
	partial bool          // one of these was not enough
}

// skipped are folders in which nobody logs.
var skipped = []string{".git", ".runs", "node_modules", "__pycache__", "site-packages", ".venv", "venv", ".tox", ".cache", ".dvc", ".hg"}

const maxFolderDepth = 24

// below returns the event files below dir. No link is followed; a folder that cannot be read is passed over.
func (w *walk) below(ctx context.Context, dir string) ([]logFile, error) {
	type folder struct {
		path  string
		depth int
	}
	var found []logFile
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
				case e.Type().IsRegular() && isEventName(name):
					if info, err := e.Info(); err == nil {
						found = append(found, logFile{filepath.Join(at.path, name), info.Size(), info.ModTime()})
					}
				}
			}
			w.entries -= len(entries)
			if err != nil || w.entries < 0 || len(found) > w.files {
				break
			}
		}
		_ = f.Close()
		if w.entries < 0 || len(found) > w.files || w.within > 0 && time.Since(began) > w.within {
			w.partial = true
			break
		}
		if at.depth < maxFolderDepth {
			slices.Sort(below)
			for _, name := range below {
				queue = append(queue, folder{filepath.Join(at.path, name), at.depth + 1})
			}
		}
	}
	return found[:min(len(found), w.files)], nil
}

// openLog opens a regular file, and not what took its place meanwhile.
func openLog(path string) (*os.File, error) {
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
