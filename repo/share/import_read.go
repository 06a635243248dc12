package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/regular"
)

// sourceRun is a run of the other folder. The names, kinds and sizes of its files have been verified.
type sourceRun struct {
	*format.Run
	dir    string
	record []byte
	files  map[string]format.File // all files except the record and the notes
	notes  map[string][]byte      // by file name
	close  func()
}

// read reads the record and the notes of a run, and verifies everything except the digests of its files. The caller
// closes the run.
func (im *importer) read(ctx context.Context, id string) (run *sourceRun, err error) {
	e, err := im.from.ReadFinished(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRecord
	}
	if err != nil {
		return nil, err
	}
	run = &sourceRun{
		Run: e.Run, dir: e.Dir, files: map[string]format.File{}, notes: map[string][]byte{}, close: func() {},
	}
	if e.Batch() != nil {
		if run.dir, err = e.Unpack(ctx); err != nil {
			return nil, err
		}
		run.close = func() { _ = os.RemoveAll(run.dir) }
	}
	release := run.close
	defer func() {
		if err != nil {
			release()
		}
	}()
	if run.record, err = readRegular(run.dir, repo.RecordName, format.MaxRecordBytes); err != nil {
		return nil, err
	}
	// Use the record that will be copied.
	if run.Run, err = format.DecodeRun(repo.RecordName, run.record); err != nil {
		return nil, err
	}
	if run.ID != id || run.Status == format.Running {
		return nil, errors.New("run.toml changed while it was read")
	}
	for name, want := range run.Files {
		if _, err := lstat(run.dir, name); format.LocalFile(name, want.Bytes) && errors.Is(err, fs.ErrNotExist) {
			continue // it stayed on the machine that recorded it
		}
		if run.files[name], err = run.stored(ctx, name, want); err != nil {
			return nil, err
		}
	}
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if a.Where == "" {
			run.files[path.Join("artifacts", a.Path)] = format.File{SHA256: a.SHA256, Bytes: a.Bytes}
		}
	}
	if err := e.EachNote(func(f repo.File, data []byte) error {
		run.notes[path.Base(f.Name)] = data
		return nil
	}); err != nil {
		return nil, err
	}
	if err = run.check(); err != nil {
		return nil, err
	}
	return run, nil
}

// stored returns the size and the digest of a file. For rows whose bytes are not those that were recorded, they are
// those of the file that is there, if its rows are the ones that were recorded.
func (run *sourceRun) stored(ctx context.Context, name string, want format.File) (format.File, error) {
	if name != repo.MetricsName && name != format.ValuesName {
		return want, nil
	}
	f, err := openRegular(run.dir, name)
	if err != nil {
		return want, nil // check reports it
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(f, maxRunBytes))
	digest := hex.EncodeToString(sum.Sum(nil))
	if err != nil || size == want.Bytes && digest == want.SHA256 {
		return want, err
	}
	if repo.SameRows(ctx, name, f, size, want) != nil {
		return want, nil // verify reports it
	}
	want.Bytes, want.SHA256 = size, digest
	return want, nil
}

// check verifies the names, kinds and sizes of the files. The rules are those for runs in Git.
func (run *sourceRun) check() error {
	entries := runFiles{repo.RecordName: ordinaryFile}
	for name := range run.notes {
		entries[path.Join("notes", name)] = ordinaryFile
	}
	sum := int64(0)
	for name, want := range run.files {
		if _, twice := entries[name]; twice {
			return fmt.Errorf("run.toml lists %s as one of its files", name)
		}
		info, err := lstat(run.dir, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is missing", name)
		case err != nil:
			return err
		case info.Size() != want.Bytes:
			return fmt.Errorf("%s is not the file that was recorded: it has %d bytes, not %d%s", name, info.Size(), want.Bytes,
				run.pointer(name, want))
		}
		if sum += want.Bytes; want.Bytes < 0 || want.Bytes > maxRunBytes || sum > maxRunBytes {
			return fmt.Errorf("it has more than %d GB", int64(maxRunBytes)>>30)
		}
		entries[name] = ordinaryFile
	}
	return checkNames(entries)
}

// pointer returns an explanation if a file has the wrong size because it is a pointer of Git LFS.
func (run *sourceRun) pointer(name string, want format.File) string {
	data, err := readRegular(run.dir, name, 1024)
	if err != nil {
		return ""
	}
	if sum, _, ok := capture.Pointer(data); !ok || sum != want.SHA256 {
		return ""
	}
	return "; it is a Git LFS pointer: run 'git lfs pull' in that clone"
}

// verify verifies the digests of a run's files. It writes nothing.
func (run *sourceRun) verify(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(run.files)) {
		sum := sha256.New()
		if err := copyTo(ctx, sum, run.dir, name); err != nil {
			return err
		}
		if hex.EncodeToString(sum.Sum(nil)) != run.files[name].SHA256 {
			return fmt.Errorf("%s is not the file that was recorded: its digest differs", name)
		}
	}
	return nil
}

// lstat returns the FileInfo of a file under a folder. name must be a clean path. No part of it may be a link.
func lstat(dir, name string) (fs.FileInfo, error) {
	if err := format.CheckPath(name); err != nil {
		return nil, err
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		info, err := os.Lstat(filepath.Join(dir, filepath.Join(parts[:i+1]...)))
		switch {
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a link", path.Join(parts[:i+1]...))
		case i < len(parts)-1 && !info.IsDir(), i == len(parts)-1 && !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file", path.Join(parts[:i+1]...))
		case i == len(parts)-1:
			return info, nil
		}
	}
	return nil, fs.ErrNotExist
}

// openRegular opens a file that lstat accepts.
func openRegular(dir, name string) (*os.File, error) {
	want, err := lstat(dir, name)
	if err != nil {
		return nil, err
	}
	f, err := regular.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(want, got) {
		_ = f.Close()
		return nil, fmt.Errorf("%s changed while it was read", name)
	}
	return f, nil
}

func readRegular(dir, name string, limit int64) ([]byte, error) {
	f, err := openRegular(dir, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return data, err
}

// copyTo copies a file to w. It stops when ctx is done.
func copyTo(ctx context.Context, w io.Writer, dir, name string) error {
	f, err := openRegular(dir, name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, &interruptible{ctx, f})
	return err
}

// interruptible is a reader that returns an error when its context is done.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
