package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// MaxSearchedOutside is how many bytes are searched of a file that does not go into git; of a larger one, the first.
const MaxSearchedOutside = 64 << 20

// checkOutside looks into the artifacts of a run that lie outside of git. They are named by their digests, here and in the
// store, so that they cannot be redacted: that one holds it is an error.
func (x *redaction) checkOutside(ctx context.Context, e *Entry) error {
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		file := ""
		if a.Where != "" {
			file = x.repo.Stored(a.SHA256, a.Bytes)
		}
		if file == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := readStart(file)
		if err != nil {
			return fmt.Errorf("artifact %s: %w", a.Path, err)
		}
		holds := len(x.matches(data)) > 0
		if !holds && x.ask.Pattern == nil {
			finds, err := x.finds(ctx, path.Join(format.IDDay(e.ID), e.ID, artifactsName, a.Path), data)
			if err != nil {
				return fmt.Errorf("artifact %s: %w", a.Path, err)
			}
			holds = len(finds) > 0
		}
		if holds {
			return withHint(fmt.Errorf("artifact %s holds it outside of git, where it cannot be redacted: nothing was", a.Path),
				"'runs rm %s', remove %s and that object from the store, and rotate the secret", format.IDRandom(e.ID), Relative(x.repo.Root, file))
		}
	}
	return nil
}

// readStart reads a regular file, at most MaxSearchedOutside of it.
func readStart(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MaxSearchedOutside))
}

// lookIntoTrash names the removed runs that hold it too, and their artifacts outside of git that do.
func (x *redaction) lookIntoTrash() error {
	trash := x.repo.trashDir()
	err := x.eachHolder(trash, func(file string) {
		parts := strings.Split(Relative(trash, file), "/") // batch/run/file
		add(&x.done.InTrash, path.Join(Relative(x.repo.Root, trash), path.Join(parts[:min(2, len(parts)-1)]...)))
	})
	if err != nil {
		return err
	}
	for _, a := range x.repo.TrashedArtifacts() {
		file := ""
		if a.Where != "" {
			file = x.repo.Stored(a.SHA256, a.Bytes)
		}
		if file == "" {
			continue
		}
		data, err := readStart(file)
		if err != nil {
			return err
		}
		if len(x.matches(data)) > 0 {
			add(&x.done.Left, Relative(x.repo.Root, file))
		}
	}
	return nil
}

// lookIntoActive names folders that runs had while they were in progress, where they are still there and hold it.
func (x *redaction) lookIntoActive() error {
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		for _, name := range []string{id, newPrefix + id} {
			dir := filepath.Join(x.repo.active, name)
			if err := x.eachHolder(dir, func(string) { add(&x.done.Left, Relative(x.repo.Root, dir)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachHolder calls visit with the files below a folder that hold it.
func (x *redaction) eachHolder(dir string, visit func(file string)) error {
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := readStart(file)
		if err == nil && len(x.matches(data)) > 0 {
			visit(file)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func add(list *[]string, name string) {
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}
