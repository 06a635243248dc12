package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// IncomingBatch is a batch whose files are collected in a temporary folder, which then takes its place.
type IncomingBatch struct {
	repo *Repository
	day  string
	dir  string
}

// ReceiveBatch starts a batch of a day. The caller ends it with Place or Discard.
func (r *Repository) ReceiveBatch(day string) (*IncomingBatch, error) {
	dir, err := newInDay(filepath.Join(r.Dir, day))
	if err != nil {
		return nil, err
	}
	return &IncomingBatch{r, day, dir}, nil
}

// Add writes a file of the batch, by its path in the batch.
func (in *IncomingBatch) Add(name string, data []byte) error {
	if err := format.CheckPath(name); err != nil {
		return err
	}
	file := filepath.Join(in.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	out, err := createHashed(file)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		out.abandon()
		return err
	}
	return out.close()
}

// Place makes the batch durable, compares its files on disk with what was built, and gives it its name. If the batch is
// there already with the same bytes, it stays.
func (in *IncomingBatch) Place(b *BuiltBatch) error {
	for name, data := range b.Tables {
		if err := in.Add(name, data); err != nil {
			return err
		}
	}
	if err := sameBatch(in.dir, b); err != nil {
		return err
	}
	if err := syncTree(in.dir); err != nil {
		return err
	}
	target := filepath.Join(in.repo.Dir, in.day, b.Name)
	err := os.Rename(in.dir, target)
	if err != nil && exists(target) {
		if err := sameBatch(target, b); err != nil {
			return fmt.Errorf("%s is in the way: %w", Relative(in.repo.Root, target), err)
		}
		in.Discard()
		return nil
	}
	return errors.Join(err, syncDir(filepath.Dir(target)))
}

// Discard removes the files of a batch that was not placed.
func (in *IncomingBatch) Discard() { _ = os.RemoveAll(in.dir) }

// sameBatch returns an error unless a folder has exactly the files of a batch.
func sameBatch(dir string, b *BuiltBatch) error {
	for _, f := range b.Files {
		if err := checkDigest(filepath.Join(dir, filepath.FromSlash(f.Path)), f.SHA256, maxFileBytes); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

// RemoveBatch removes the folder of a batch from the working tree, as a whole even if it is killed. name is its path in
// .runs.
func (r *Repository) RemoveBatch(name string) error {
	if !format.IsBatchName(filepath.Base(name)) || format.CheckDay(filepath.Dir(name)) != nil {
		return fmt.Errorf("%s is not a batch", name)
	}
	if err := realDir(filepath.Join(r.Dir, filepath.Dir(name))); err != nil {
		return err
	}
	defer r.batches.relist()
	dir := filepath.Join(r.Dir, filepath.FromSlash(name))
	// The rest of a batch would be a damaged one.
	tmp := filepath.Join(filepath.Dir(dir), gonePrefix+format.RandomLetters(8))
	if err := os.Rename(dir, tmp); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.RemoveAll(tmp)
}

// ReadBatchFiles reads the records and the tables of a batch of the working tree. A table that a sparse checkout leaves
// out comes from Git.
func (r *Repository) ReadBatchFiles(name string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, table := range []string{format.BatchRunsName, format.MetricsName, format.ValuesName} {
		data, err := readBounded(filepath.Join(r.Dir, filepath.FromSlash(name), table), format.MaxBatchBytes)
		if errors.Is(err, fs.ErrNotExist) && table != format.BatchRunsName {
			if data, err = r.left.data(path.Join(name, table), format.MaxBatchBytes); errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		files[table] = data
	}
	return files, nil
}

// DropPacked removes the files that a run has in a folder of its own and that a batch holds too: the record, the tables
// whose rows the caller has compared, and the files under format.BatchFilesName. What is local and what was said later
// stays. If a file differs from the one in the batch, the error is a *PackedDiffersError, and nothing is removed.
func (r *Repository) DropPacked(batch, id string, record []byte, tables, names []string) error {
	dir := r.RunDir(id)
	if realDir(dir) != nil {
		return nil
	}
	own, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	switch {
	case err == nil && !bytes.Equal(own, record):
		return &PackedDiffersError{id, RecordName}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, name := range names {
		same, err := sameFiles(filepath.Join(dir, filepath.FromSlash(name)),
			filepath.Join(r.Dir, filepath.FromSlash(batch), format.BatchFilesName, id, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if !same {
			return &PackedDiffersError{id, name}
		}
	}
	// The record goes first: without it, the folder is not a run.
	if err := RemoveFromRun(dir, RecordName); err != nil {
		return err
	}
	for _, name := range slices.Concat(tables, names) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for at := filepath.Dir(file); at != filepath.Dir(dir); at = filepath.Dir(at) {
			if os.Remove(at) != nil { // it is not empty
				break
			}
		}
	}
	_ = os.Remove(dir) // unless something else is in it
	return nil
}

// PackedDiffersError means that a run has a file that differs from the one in its batch.
type PackedDiffersError struct{ ID, File string }

func (e *PackedDiffersError) Error() string {
	return fmt.Sprintf("run %s: %s differs from the file in the batch", e.ID, e.File)
}

// sameFiles reports whether two files have the same bytes. It is true if the first does not exist.
func sameFiles(a, b string) (bool, error) {
	x, err := regular.ReadFile(a)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	y, err := regular.ReadFile(b)
	return err == nil && bytes.Equal(x, y), err
}
