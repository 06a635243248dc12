package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// ReadTrashed reads a removed run that RestoreRun would restore. The error is ErrNotInTrash if none would be. Only its
// record and its notes can be read: its files may be elsewhere.
func (r *Repository) ReadTrashed(id string) (*Entry, error) {
	if err := format.CheckID(id); err != nil {
		return nil, err
	}
	for _, folders := range r.undoTrash() {
		batches, err := batchesOfTrash(folders)
		if err != nil {
			return nil, fmt.Errorf("reading removed run %s: %w", id, err)
		}
		for _, batch := range slices.Backward(batches) {
			if dir, ok := inTrash(folders, batch, id); ok {
				return r.readTrashedIn(dir, id)
			}
		}
	}
	return nil, ErrNotInTrash
}

func (r *Repository) readTrashedIn(dir, id string) (*Entry, error) {
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if errors.Is(err, fs.ErrNotExist) { // the trash has only what no commit has of the run
		return nil, ErrNotInTrash
	}
	if err != nil {
		return nil, fmt.Errorf("reading removed run %s: %w", id, err)
	}
	run, err := decodeFinished(filepath.Join(dir, RecordName), id, data)
	if err != nil {
		return nil, err
	}
	notes, err := notesIn(dir)
	if err == nil {
		err = applyNotes(run, notes)
	}
	if err != nil {
		return nil, err
	}
	return &Entry{Run: run, Dir: dir, repo: r}, nil
}
