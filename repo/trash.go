package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// trashDir returns the folder for removed runs. Each call of Remove makes a folder in it, whose name is the time of
// the call.
func (r *Repository) trashDir() string { return filepath.Join(r.Dir, "trash") }

// RemovedName is the folder of removal markers. The name of a marker is the id of a removed run. It keeps a merge
// from restoring the run.
const RemovedName = "removed"

// removedText is the same for every run, so that two people who remove the same run write the same file.
const removedText = "This run was removed. The mark keeps a merge from bringing it back.\n"

// RemovedIDs returns the ids of the runs with a removal marker.
func (r *Repository) RemovedIDs() (map[string]bool, error) {
	ids := map[string]bool{}
	left, err := r.left.namesIn(RemovedName)
	if err != nil {
		return nil, err
	}
	for _, id := range left { // its marker cannot be deleted; a restored run is in the working tree, a merged one is not
		if format.CheckID(id) == nil && !exists(filepath.Join(r.RunDir(id), RecordName)) {
			ids[id] = true
		}
	}
	if realDir(filepath.Join(r.Dir, RemovedName)) != nil { // it does not exist, or is a link, which verify reports
		return ids, nil
	}
	entries, err := os.ReadDir(filepath.Join(r.Dir, RemovedName))
	if err != nil {
		return nil, fmt.Errorf("listing removed runs: %w", err)
	}
	for _, entry := range entries {
		if format.CheckID(entry.Name()) == nil {
			ids[entry.Name()] = true
		}
	}
	return ids, nil
}

// mark writes the removal marker of a run.
func (r *Repository) mark(id string) error {
	if err := os.MkdirAll(filepath.Join(r.Dir, RemovedName), 0o777); err != nil {
		return err
	}
	if err := realDir(filepath.Join(r.Dir, RemovedName)); err != nil {
		return err
	}
	_, err := writeNew(filepath.Join(r.Dir, RemovedName, id), []byte(removedText))
	return err
}

// batchName returns a new name for a folder in the trash.
func batchName() string {
	return now().Format("20060102-150405.000000") + "-" + format.RandomLetters(4)
}

// newBatch makes a new folder in the trash.
func (r *Repository) newBatch() (string, error) {
	batch := filepath.Join(r.trashDir(), batchName())
	return batch, makeBatch(batch)
}

// Remove moves finished runs to the trash, where Restore finds them. The runs in committed get a removal marker. If a
// run is in progress, Remove returns an error and removes nothing.
func (r *Repository) Remove(entries []*Entry, committed map[string]bool) error {
	for _, e := range entries {
		if e.Active != nil {
			return withHint(fmt.Errorf("removing run %s: it is still running", e.ID), "run 'runs finish %s' first", e.ID)
		}
	}
	if err := r.Writable(); err != nil {
		return fmt.Errorf("removing runs: %w", err)
	}
	batch, err := r.newBatch()
	if err != nil {
		return fmt.Errorf("removing runs: %w", err)
	}
	for _, e := range entries {
		if e.repo.commit != "" {
			if err = e.onDisk(); err == nil {
				err = os.CopyFS(filepath.Join(batch, e.ID), os.DirFS(e.Dir))
			}
		} else {
			err = os.Rename(e.Dir, filepath.Join(batch, e.ID))
			_ = os.Remove(filepath.Dir(e.Dir)) // the day, if it is empty now
		}
		if err == nil && committed[e.ID] {
			if err = r.mark(e.ID); err != nil && e.repo.commit == "" { // without its marker, a merge would restore it
				err = errors.Join(err, putBack(filepath.Join(batch, e.ID), e.Dir))
			}
		}
		if err != nil {
			return fmt.Errorf("removing run %s: %w", e.ID, err)
		}
	}
	return nil
}

// putBack moves a run from the trash to its place.
func putBack(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// makeBatch makes a folder in the trash. It returns an error if the trash is a link.
func makeBatch(batch string) error {
	if err := os.MkdirAll(filepath.Dir(batch), 0o777); err != nil {
		return err
	}
	if err := realDir(filepath.Dir(batch)); err != nil {
		return err
	}
	return os.Mkdir(batch, 0o777)
}

// CopyToTrash copies a run to the trash before it is replaced.
func (r *Repository) CopyToTrash(id string) error {
	if !exists(r.RunDir(id)) {
		return nil
	}
	batch, err := r.newBatch()
	if err != nil {
		return fmt.Errorf("copying run %s to the trash: %w", id, err)
	}
	if err := os.CopyFS(filepath.Join(batch, id), os.DirFS(r.RunDir(id))); err != nil {
		return fmt.Errorf("copying run %s to the trash: %w", id, err)
	}
	return nil
}

// Restore restores the runs of the last Remove, removes their markers and returns their ids.
func (r *Repository) Restore() ([]string, error) {
	err := realDir(r.trashDir())
	var batches []fs.DirEntry
	if err == nil {
		batches, err = os.ReadDir(r.trashDir())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("restoring runs: %w", err)
	}
	for _, b := range slices.Backward(batches) {
		batch := filepath.Join(r.trashDir(), b.Name())
		runs, err := os.ReadDir(batch)
		if err != nil {
			return nil, fmt.Errorf("restoring runs: %w", err)
		}
		var ids []string
		for _, run := range runs {
			id := run.Name()
			if format.CheckID(id) != nil || !run.IsDir() {
				continue
			}
			target := r.RunDir(id)
			if exists(target) {
				return ids, fmt.Errorf("restoring run %s: it already exists", id)
			}
			if err := putBack(filepath.Join(batch, id), target); err != nil {
				return ids, fmt.Errorf("restoring run %s: %w", id, err)
			}
			if err := os.Remove(filepath.Join(r.Dir, RemovedName, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return ids, fmt.Errorf("restoring run %s: %w", id, err)
			}
			ids = append(ids, id)
		}
		_ = os.Remove(batch)
		if len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, withHint(errors.New("restoring runs: the trash is empty"),
		"run 'runs recover --lost' to restore runs that Git removed")
}
