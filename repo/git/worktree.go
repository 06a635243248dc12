package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Worktree describes a working tree as Git sees it: the index, the files on disk that differ from it, and untracked
// files. Paths are relative to the root, with slashes, and may contain any byte except NUL.
type Worktree struct {
	Folders    map[string]bool // of tracked files, without a final slash; "" is the root
	Modified   []string        // tracked and different on disk, or unmerged
	Deleted    []string        // tracked and not on disk
	Untracked  []string        // files and links
	Nested     []string        // untracked repositories
	Submodules []string
	runs       map[string]bool // folders that contain a .runs with tracked files
}

// ReadWorktree lists the working tree. The index must have been copied before. In the copy, it clears flags that hide
// changes, because the files on disk count.
func (s *Scratch) ReadWorktree(ctx context.Context) (*Worktree, error) {
	if s.own != nil {
		return s.own.readWorktree()
	}
	w := &Worktree{Folders: map[string]bool{"": true}, runs: map[string]bool{}}
	// This listing checks every file on disk. It takes as long as readIndex, so both run at once.
	var different []byte
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		different, err = s.differentFiles(both)
		return err
	})
	var hidden []string
	group.Go(func() (err error) {
		hidden, err = w.readIndex(both, s)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(hidden) > 0 {
		for _, flag := range []string{"--no-skip-worktree", "--no-assume-unchanged"} {
			if _, err := s.run(ctx, list(hidden), "update-index", flag, "-z", "--stdin"); err != nil {
				return nil, err
			}
		}
		var err error
		if different, err = s.differentFiles(ctx); err != nil {
			return nil, err
		}
	}
	return w, w.addDifferent(string(different))
}

func (s *Scratch) differentFiles(ctx context.Context) ([]byte, error) {
	return s.run(ctx, nil, append([]string{"diff-files", "-z", "--raw", "--no-renames", "--ignore-submodules=dirty"},
		outsideRuns...)...)
}

// readIndex lists the index with its flags, modes and stages, and the untracked files. It returns the entries that a
// flag hides from a comparison.
func (w *Worktree) readIndex(ctx context.Context, s *Scratch) (hidden []string, err error) {
	out, err := s.run(ctx, nil, "ls-files", "-z", "-s", "-v", "-o", "--exclude-standard", "--exclude="+runsFolder)
	if err != nil {
		return nil, err
	}
	var absent []string
	for entry := range strings.SplitSeq(string(out), "\x00") {
		tag, rest, ok := strings.Cut(entry, " ")
		switch {
		case !ok:
		case tag == "?":
			w.addUntracked(rest)
		default:
			fields, path, ok := strings.Cut(rest, "\t")
			if !ok {
				return nil, fmt.Errorf("git: the list of files has an unexpected line %q", entry)
			}
			w.addTracked(path, fields)
			switch { // a lower-case letter is assume-unchanged, S is skip-worktree, s is both
			case (tag == "S" || tag == "s") && !s.onDisk(path):
				absent = append(absent, path)
			case tag == "S" || tag[0] >= 'a':
				hidden = append(hidden, path)
			}
		}
	}
	if len(absent) > 0 && !s.sparse(ctx) {
		hidden = append(hidden, absent...)
	}
	return hidden, nil
}

// addDifferent reads the output of diff-files: `:modes ids STATUS NUL path NUL`.
func (w *Worktree) addDifferent(out string) error {
	seen := map[string]bool{}
	for out != "" {
		meta, rest, ok := strings.Cut(out, "\x00")
		path, rest, ok2 := strings.Cut(rest, "\x00")
		fields := strings.Fields(meta)
		if !ok || !ok2 || len(fields) != 5 {
			return fmt.Errorf("git: the list of changes has an unexpected line %q", meta)
		}
		out = rest
		if inRuns(path) || seen[path] && fields[4] != "D" {
			continue
		}
		if fields[4] == "D" {
			w.Deleted = append(w.Deleted, path)
		} else { // also U, unmerged
			w.Modified = append(w.Modified, path)
		}
		seen[path] = true
	}
	return nil
}

// sparse reports whether the user leaves files out of the working tree on purpose. Such files still belong to the
// source.
func (s *Scratch) sparse(ctx context.Context) bool {
	out, err := s.run(ctx, nil, "config", "--type=bool", "--get", "core.sparseCheckout")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

func (s *Scratch) onDisk(path string) bool {
	_, err := os.Lstat(filepath.Join(s.dirs.Root, filepath.FromSlash(path)))
	return err == nil
}

func (w *Worktree) addUntracked(path string) {
	switch {
	case inRuns(path) || path == runsFolder || strings.HasSuffix(path, "/"+runsFolder):
	case strings.HasSuffix(path, "/"):
		w.Nested = append(w.Nested, strings.TrimSuffix(path, "/"))
	default:
		w.Untracked = append(w.Untracked, path)
	}
}

func (w *Worktree) addTracked(path, fields string) {
	if parent, ok := runsParent(path); ok {
		w.runs[parent] = true
		return
	}
	if strings.HasPrefix(fields, "160000 ") {
		w.Submodules = append(w.Submodules, path)
	}
	for dir := path; ; {
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			return
		}
		if dir = dir[:i]; w.Folders[dir] {
			return
		}
		w.Folders[dir] = true
	}
}

// Failure is a file that Git could not read or store, and why.
type Failure struct{ Path, Reason string }

// Stage updates the index from the disk: it adds files that exist and removes the others. It returns the files that
// cannot be read or whose filter fails. Their entries in the index stay as they are.
func (s *Scratch) Stage(ctx context.Context, paths []string) ([]Failure, error) {
	if s.own != nil {
		return s.own.add(ctx, paths)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	_, err := s.run(ctx, list(paths), "update-index", "-z", "--add", "--remove", "--replace", "--stdin")
	var failed *Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &failed):
		return nil, err
	case len(paths) == 1:
		if _, err := os.Lstat(s.index() + ".lock"); err == nil {
			return nil, failed
		}
		reason := failed.Message
		if reason == "the remote end hung up unexpectedly" {
			reason = "a filter named by the attributes failed"
		}
		return []Failure{{paths[0], reason}}, nil
	}
	// Nothing was written. Halve the list to find the few files that fail.
	first, err := s.Stage(ctx, paths[:len(paths)/2])
	if err != nil {
		return nil, err
	}
	second, err := s.Stage(ctx, paths[len(paths)/2:])
	return append(first, second...), err
}

// Remove removes entries from the index, including those whose folder is now a link on disk.
func (s *Scratch) Remove(ctx context.Context, paths []string) error {
	if s.own != nil {
		return s.own.remove(paths)
	}
	if len(paths) == 0 {
		return nil
	}
	_, err := s.run(ctx, list(paths), "update-index", "-z", "--force-remove", "--stdin")
	return err
}

// StageContent stages data as the content of path, whatever is on disk. mode is 100644 or 100755.
func (s *Scratch) StageContent(ctx context.Context, path, mode string, data []byte) error {
	if s.own != nil {
		return s.own.content(path, mode, data)
	}
	out, err := s.run(ctx, data, "hash-object", "-w", "--stdin", "--path="+path)
	if err != nil {
		return err
	}
	line := mode + " " + strings.TrimSpace(string(out)) + "\t" + path + "\x00"
	_, err = s.run(ctx, []byte(line), "update-index", "-z", "--index-info")
	return err
}

func list(paths []string) []byte { return []byte(strings.Join(paths, "\x00") + "\x00") }

// Tree stores the index as a tree, without any folder named .runs, and returns its id.
func (s *Scratch) Tree(ctx context.Context, w *Worktree) (string, error) {
	if s.own != nil {
		return s.own.tree(true)
	}
	tree, err := s.WriteTree(ctx)
	if err != nil {
		return "", err
	}
	return s.strip(ctx, tree, w.runs)
}
