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

// trashDir holds what Remove took away: one folder a call, named by its time, with the runs in it.
func (r *Repository) trashDir() string { return filepath.Join(r.Dir, "trash") }

// RemovedName is the folder of marks: a run whose id it names was removed, and no merge brings it back.
const RemovedName = "removed"

// removedText is the same for every run and everyone: two who remove one run make the same file.
const removedText = "This run was removed. The mark keeps a merge from bringing it back.\n"

// RemovedIDs are the runs with a mark.
func (r *Repository) RemovedIDs() (map[string]bool, error) {
	if realDir(filepath.Join(r.Dir, RemovedName)) != nil { // not there, or a link, which verify names
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(r.Dir, RemovedName))
	if err != nil {
		return nil, fmt.Errorf("listing removed runs: %w", err)
	}
	ids := make(map[string]bool, len(entries))
	for _, entry := range entries {
		if format.CheckID(entry.Name()) == nil {
			ids[entry.Name()] = true
		}
	}
	return ids, nil
}

// mark writes the mark of a removed run.
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

// batchName names a folder of the trash by the time.
func batchName() string {
	return now().Format("20060102-150405.000000") + "-" + format.RandomLetters(4)
}

// newBatch makes a folder of the trash.
func (r *Repository) newBatch() (string, error) {
	batch := filepath.Join(r.trashDir(), batchName())
	return batch, makeBatch(batch)
}

// Remove moves finished runs to the trash, where Restore finds them, and marks those that committed names: the mark goes
// where the commit went. A run in progress is refused.
func (r *Repository) Remove(entries []*Entry, committed map[string]bool) error {
	for _, e := range entries {
		if e.Active != nil {
			return withHint(fmt.Errorf("removing run %s: it is in progress", e.ID), "end it with 'runs finish %s'", e.ID)
		}
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
			_ = os.Remove(filepath.Dir(e.Dir)) // the day, where it is empty now
		}
		if err == nil && committed[e.ID] {
			err = r.mark(e.ID)
		}
		if err != nil {
			return fmt.Errorf("removing run %s: %w", e.ID, err)
		}
	}
	return nil
}

// makeBatch makes a folder of the trash.
func makeBatch(batch string) error {
	if err := os.MkdirAll(filepath.Dir(batch), 0o777); err != nil {
		return err
	}
	if err := realDir(filepath.Dir(batch)); err != nil {
		return err
	}
	return os.Mkdir(batch, 0o777)
}

// CopyToTrash keeps a copy of a run that is about to be replaced by other bytes.
func (r *Repository) CopyToTrash(id string) error {
	if !exists(r.RunDir(id)) {
		return nil
	}
	batch, err := r.newBatch()
	if err != nil {
		return fmt.Errorf("keeping run %s: %w", id, err)
	}
	if err := os.CopyFS(filepath.Join(batch, id), os.DirFS(r.RunDir(id))); err != nil {
		return fmt.Errorf("keeping run %s: %w", id, err)
	}
	return nil
}

// Restore brings back the runs of the last Remove, takes their marks away and returns their ids.
func (r *Repository) Restore() ([]string, error) {
	err := realDir(r.trashDir())
	var batches []fs.DirEntry
	if err == nil {
		batches, err = os.ReadDir(r.trashDir())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("bringing back runs: %w", err)
	}
	for _, b := range slices.Backward(batches) {
		batch := filepath.Join(r.trashDir(), b.Name())
		runs, err := os.ReadDir(batch)
		if err != nil {
			return nil, fmt.Errorf("bringing back runs: %w", err)
		}
		var ids []string
		for _, run := range runs {
			id := run.Name()
			if format.CheckID(id) != nil || !run.IsDir() {
				continue
			}
			target := r.RunDir(id)
			if exists(target) {
				return ids, fmt.Errorf("bringing back run %s: it is there again", id)
			}
			if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
				return ids, fmt.Errorf("bringing back run %s: %w", id, err)
			}
			if err := os.Rename(filepath.Join(batch, id), target); err != nil {
				return ids, fmt.Errorf("bringing back run %s: %w", id, err)
			}
			if err := os.Remove(filepath.Join(r.Dir, RemovedName, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return ids, fmt.Errorf("bringing back run %s: %w", id, err)
			}
			ids = append(ids, id)
		}
		_ = os.Remove(batch)
		if len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, errors.New("bringing back runs: the trash is empty")
}
