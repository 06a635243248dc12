package repo

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// isTrashed reports whether a run was removed, and the trash of some worktree has its record.
func (x *redaction) isTrashed(id string) bool {
	return len(x.trashed[id]) > 0 && (x.removed[id] || !x.repo.HasRun(id))
}

// readTrashed reads a removed run from the trash. It returns nil for any other run, and for one that a batch of the
// working tree has with another record: that one counts.
func (x *redaction) readTrashed(id string) (*rewrite, error) {
	if !x.isTrashed(id) {
		return nil, nil
	}
	dir := x.trashed[id][0]
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	for _, b := range x.repo.batchesOf(Home{Dir: x.repo.Dir}, id) {
		if run, err := x.repo.batchRun(b, id); err != nil || string(run.Record) != string(data) {
			return nil, err
		}
	}
	run, err := decodeFinished(RecordName, id, data)
	return &rewrite{run: run, old: data, files: map[string][]byte{}, trash: dir}, err
}

// addTrashedNotes adds the notes of a removed run that other folders of it have: the other copies in the trash, and the
// common store for a committed run.
func (x *redaction) addTrashedNotes(files map[string][]byte, id string) error {
	folders := x.trashed[id][1:]
	if home, ok := x.repo.lateHome(); ok {
		folders = append(slices.Clone(folders), home.RunDir(id))
	}
	for _, dir := range folders {
		notes, err := notesIn(dir)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if name := path.Join(notesName, n.name); files[name] == nil {
				files[name] = n.data
			}
		}
	}
	return nil
}

// redactTrashed replaces the files of a removed run, or of an earlier removal of a run, in its folders in the trash of
// every worktree. Each folder keeps the files that it has. It leaves those alone whose record is not the one that was
// redacted, and returns the folders of other worktrees that could not be changed.
func (r *Repository) redactTrashed(from, id string, folders []string) (left []string, err error) {
	if len(folders) == 0 {
		return nil, nil
	}
	record, err := readBounded(filepath.Join(from, RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	redacted, err := decodeFinished(RecordName, id, record)
	if err != nil {
		return nil, err
	}
	names, err := rewrittenNames(from)
	if err != nil {
		return nil, err
	}
	own := slices.Concat([]string{r.trashDir()}, r.allTrash())
	for _, dir := range folders {
		old, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
		if errors.Is(err, fs.ErrNotExist) { // it was restored meanwhile
			continue
		}
		if err == nil && !Precedes(old, redacted) {
			continue
		}
		if err == nil {
			err = placeFiles(from, dir, slices.DeleteFunc(slices.Clone(names), func(name string) bool {
				return !exists(filepath.Join(dir, name))
			}))
		}
		if err != nil && !slices.ContainsFunc(own, func(at string) bool { return strings.HasPrefix(dir, at) }) {
			left = append(left, dir)
			continue
		}
		if err != nil {
			return left, err
		}
	}
	return left, nil
}
