package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// maxPointerBytes is the size of the largest pointer of Git LFS.
const maxPointerBytes = 1024

// isPointer reports whether a file is a pointer of Git LFS in place of the file that it stands for.
func isPointer(file string) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPointerBytes {
		return false
	}
	f, err := regular.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPointerBytes))
	if err != nil {
		return false
	}
	_, _, ok := capture.Pointer(data)
	return ok
}

// leftPointers returns the files of a restored source that are still pointers of Git LFS.
func leftPointers(ctx context.Context, scratch *git.Scratch, dir string) ([]string, error) {
	files, err := scratch.LFSFiles(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, file := range files {
		if isPointer(filepath.Join(dir, filepath.FromSlash(file))) {
			left = append(left, file)
		}
	}
	return left, nil
}

// worktreePointers says which files of a new worktree are still pointers, and what to do.
func worktreePointers(ctx context.Context, scratch *git.Scratch, dir string) (pointers, err error) {
	left, err := leftPointers(ctx, scratch, dir)
	if err != nil || len(left) == 0 {
		return nil, err
	}
	return withHint(fmt.Errorf("%d files could not be fetched through Git LFS", len(left)),
		"run 'git lfs install --local' and 'git lfs pull' in the worktree"), nil
}

// pointerError says that a dataset has a pointer of Git LFS in place of a file. Its digest is that of the file, which a
// program would not read.
type pointerError struct {
	dataset, file string
}

func (e *pointerError) Error() string {
	return fmt.Sprintf("dataset %s: %s is a pointer of Git LFS, and not the data", e.dataset, e.file)
}

// checkPointers returns an error if a file of a dataset is a pointer of Git LFS.
func checkPointers(ctx context.Context, d format.Dataset, place string) error {
	err := filepath.WalkDir(place, func(file string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if entry.Type().IsRegular() && isPointer(file) {
			return &pointerError{d.Name, file}
		}
		return nil
	})
	var pointer *pointerError
	if errors.As(err, &pointer) {
		return pointersLeft(d, pointer.file)
	}
	return ctx.Err() // what cannot be read was reported when it was hashed
}

// pointersLeft returns the error for a dataset with a pointer, and the next step.
func pointersLeft(d format.Dataset, file string) error {
	return withHint(&pointerError{d.Name, file},
		"install git-lfs, run 'git lfs pull' in the project, and repeat; or set %s to the data", dataVariable(d.Name))
}

// maxPointersLooked is how many files in Git LFS are looked at when a run starts.
const maxPointersLooked = 10_000

// sourcePointers warns of files in Git LFS that are pointers in the working tree: a program reads the pointer.
func (r *Repository) sourcePointers(ctx context.Context) (warning string) {
	attributes, err := readBounded(filepath.Join(r.TreeRoot(), ".gitattributes"), maxAttributes)
	if err != nil || !bytes.Contains(attributes, []byte("filter=lfs")) {
		return ""
	}
	files, err := git.WithFilter(ctx, r.Git, "lfs")
	if err != nil {
		return "" // it is known only that there are some
	}
	var left []string
	for _, file := range files[:min(len(files), maxPointersLooked)] {
		if isPointer(filepath.Join(r.TreeRoot(), filepath.FromSlash(file))) {
			left = append(left, capture.Printable(file))
		}
	}
	if len(left) == 0 {
		return ""
	}
	return "the working tree has pointers of Git LFS in place of " + someOf(left) + "; run 'git lfs pull' first"
}

// maxAttributes is the largest attributes file that is read.
const maxAttributes = 1 << 20
