package native

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// conversionOf returns what is done to a file when it is stored.
func (s *Stage) conversionOf(path string) (conversion, error) {
	if s.converter == nil {
		var err error
		if s.converter, err = s.repository.newConverter(s.attributesOf); err != nil {
			return conversion{}, err
		}
	}
	return s.converter.of(path)
}

// read calls use with what Git stores for a file or link on disk.
func (s *Stage) read(path string, is fileStat, use func(size int64, content io.Reader) error) error {
	file := filepath.Join(s.repository.Root, filepath.FromSlash(path))
	if is.kind == fs.ModeSymlink {
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		return use(int64(len(target)), strings.NewReader(filepath.ToSlash(target)))
	}
	conv, err := s.conversionOf(path)
	if err != nil {
		return err
	}
	if conv.ends == endsBinary && !conv.lfs {
		f, err := regular.Open(file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return use(info.Size(), f)
	}
	if is.size > maxInMemory {
		return &Unsupported{What: fmt.Sprintf("%q has %d bytes", path, is.size)}
	}
	data, err := readBounded(file, maxInMemory)
	if err == nil {
		data, err = conv.clean(data, func() ([]byte, error) { return s.Staged(path) })
	}
	if err != nil {
		return err
	}
	return use(int64(len(data)), bytes.NewReader(data))
}

// idOnDisk returns the id that the file of an entry would get if it were added.
func (s *Stage) idOnDisk(e *IndexEntry, is fileStat) (id ID, err error) {
	if symbolic := e.Mode == 0o120000; is.kind != 0 && !symbolic || symbolic != (is.kind == fs.ModeSymlink) {
		return id, &FileError{"it is of another type"}
	}
	if s.fileMode && is.kind == 0 && (e.Mode&0o100 != 0) != is.exec {
		return id, &FileError{"it has another mode"}
	}
	err = s.read(e.Path, is, func(size int64, content io.Reader) error {
		id, err = hashBlob(size, content)
		return err
	})
	return id, err
}

// Measure returns the entry that a regular file on disk would get if it were added, as not executable. It does not
// store the file.
func (s *Stage) Measure(path string) (e IndexEntry, err error) {
	is, err := s.regularFile(path)
	if err != nil {
		return e, err
	}
	e = IndexEntry{Path: path, Mode: 0o100644, Stat: is.Stat}
	err = s.read(path, is, func(size int64, content io.Reader) error {
		e.ID, err = hashBlob(size, content)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("reading %q: %w", path, err)
	}
	return e, nil
}

// Keep stores a regular file on disk for good, as it would be added, and returns its id.
func (s *Stage) Keep(path string) (id ID, err error) {
	is, err := s.regularFile(path)
	if err != nil {
		return id, err
	}
	err = s.read(path, is, func(size int64, content io.Reader) error {
		id, err = s.repository.StoreFrom(Blob, size, content)
		return err
	})
	if err != nil {
		return id, fmt.Errorf("storing %q: %w", path, err)
	}
	return id, nil
}

// regularFile looks at a file that must be regular, and not be reached through a link.
func (s *Stage) regularFile(path string) (is fileStat, err error) {
	if err := checkIndexPath(path); err != nil {
		return is, err
	}
	if s.folders == nil {
		s.folders = map[string]bool{"": true}
	}
	w := watcher{repository: s.repository, folders: s.folders}
	folder, err := w.folder(path)
	if err != nil {
		return is, err
	}
	if !folder {
		return is, fmt.Errorf("%q is not in a folder of the working tree", path)
	}
	if is, err = lstat(w.at(path)); err != nil {
		return is, err
	}
	if is.kind != 0 {
		return is, fmt.Errorf("%q is not a regular file", path)
	}
	return is, nil
}
