package repo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// revisionBatch is a batch in a commit.
type revisionBatch struct {
	day, name string
	files     []git.Entry // all of them, with paths in .runs
	read      bool        // its records were read
	err       error       // why they cannot be
}

// file returns a file of the batch. ok is false if it has none with this name.
func (b *revisionBatch) file(name string) (git.Entry, bool) {
	own := path.Join(b.day, b.name, name)
	i := slices.IndexFunc(b.files, func(e git.Entry) bool { return e.Path == own })
	if i < 0 {
		return git.Entry{}, false
	}
	return b.files[i], true
}

// filesOf returns the files that the batch has of one run.
func (b *revisionBatch) filesOf(id string) []git.Entry {
	var files []git.Entry
	below := path.Join(b.day, b.name, format.BatchFilesName, id) + "/"
	for _, e := range b.files {
		if strings.HasPrefix(e.Path, below) {
			files = append(files, e)
		}
	}
	return files
}

// addBatched adds a file to its batch. parts are the day, the name of the batch, and the path in it.
func (v *Revision) addBatched(parts []string, e git.Entry) {
	i := slices.IndexFunc(v.batched, func(b *revisionBatch) bool { return b.day == parts[0] && b.name == parts[1] })
	if i < 0 {
		i = len(v.batched)
		v.batched = append(v.batched, &revisionBatch{day: parts[0], name: parts[1]})
	}
	v.batched[i].files = append(v.batched[i].files, e)
}

// readBatches reads the records in the batches of the commit, once.
func (v *Revision) readBatches(ctx context.Context) error {
	var places []*revisionBatch
	var objects []string
	for _, b := range v.batched {
		if b.read {
			continue
		}
		b.read = true
		e, ok := b.file(format.BatchRunsName)
		if !ok {
			b.err = fmt.Errorf("%s is missing", path.Join(b.day, b.name, format.BatchRunsName))
			continue
		}
		places, objects = append(places, b), append(objects, e.ID)
	}
	return git.ReadObjects(ctx, v.Git, objects, format.MaxBatchBytes, func(i int, data []byte, err error) error {
		b := places[i]
		name := path.Join(v.Commit[:min(12, len(v.Commit))], b.day, b.name, format.BatchRunsName)
		var runs []format.BatchRun
		if err == nil {
			runs, err = format.ScanBatch(name, data)
		}
		if err == nil && format.IDDay(runs[0].ID) != b.day {
			err = fmt.Errorf("its runs are of %s", format.IDDay(runs[0].ID))
		}
		if err != nil {
			var file *format.FileError
			if b.err = err; !errors.As(err, &file) {
				b.err = fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
		for _, run := range runs {
			if v.wanted(run.ID) {
				v.runOf(run.ID).batches = append(v.runOf(run.ID).batches, revisionMember{b, name, run})
			}
		}
		return nil
	})
}

// revisionMember is a run in a batch of a commit.
type revisionMember struct {
	*revisionBatch
	show string // its runs.toml in messages
	run  format.BatchRun
}

// runOf returns the files of a run, which it adds if they are not known.
func (v *Revision) runOf(id string) *revisionRun {
	run := v.runs[id]
	if run == nil {
		run = &revisionRun{}
		v.runs[id] = run
		v.ids = append(v.ids, id)
	}
	return run
}

// recordOf returns the record of a run in batches: of several versions, the one that the redactions of the others lead
// to.
func (from *revisionRun) recordOf(id string) ([]byte, error) {
	records := make([][]byte, len(from.batches), len(from.batches)+1)
	for i := range from.batches {
		b := &from.batches[i]
		if err := b.run.Verify(b.show); err != nil {
			return nil, err
		}
		records[i] = b.run.Record
	}
	other := from.batches[len(from.batches)-1].show
	if from.record != nil {
		records, other = append(records, from.record), "the folder of the run"
	}
	if last := lastVersion(records); last >= 0 {
		return records[last], nil
	}
	return nil, fmt.Errorf("%s and %s have different records of run %s; %s", other, from.batches[0].show, id,
		SettleVersions)
}

// batchOf returns where a run of the commit is in a batch, or nil. The batch is the one whose record is read.
func (v *Revision) batchOf(id string) *inBatch {
	from := v.runs[id]
	if len(from.batches) == 0 {
		return nil
	}
	b := &from.batches[from.memberRead(id)]
	member := b.run
	member.Record = slices.Clone(member.Record)
	if record, err := from.recordOf(id); err == nil {
		member.Record = slices.Clone(record)
	}
	return &inBatch{&Batch{Name: b.name, Day: b.day, show: path.Dir(b.show)}, member}
}

// memberRead returns the batch whose files are read.
func (from *revisionRun) memberRead(id string) int {
	if len(from.batches) == 1 {
		return 0
	}
	record, err := from.recordOf(id)
	return max(0, slices.IndexFunc(from.batches, func(b revisionMember) bool {
		return err == nil && string(b.run.Record) == string(record)
	}))
}

// filesOf returns the files that the commit has of a run: those in its folder, and those in its batch.
func (v *Revision) filesOf(id string) []git.Entry {
	v.listing.RLock()
	defer v.listing.RUnlock()
	run := v.runs[id]
	if run == nil {
		return nil
	}
	files := run.files
	if len(run.batches) > 0 {
		files = append(files[:len(files):len(files)], run.batches[run.memberRead(id)].filesOf(id)...)
	}
	return files
}

// batchedFile copies a file of rows of the batch of a run to the temporary folder and returns its path. The file need
// not exist.
func (v *Revision) batchedFile(e *Entry, name string) (string, error) {
	v.listing.RLock()
	b := v.runs[e.ID].batches[0]
	v.listing.RUnlock()
	entry, ok := b.file(name)
	if !ok {
		v.fetching.Lock()
		defer v.fetching.Unlock()
		return filepath.Join(v.Dir, b.day, b.name, name), v.makeDir()
	}
	return v.copyOne(entry)
}

// damagedBatches returns the batches whose records cannot be read.
func (v *Revision) damagedBatches() (damaged []Damage) {
	for _, b := range v.batched {
		if b.err != nil {
			damaged = append(damaged, Damage{b.name, b.err})
		}
	}
	return damaged
}

// batchedIDs reads which runs are in batches of a commit, and returns the folders of their batches. folders are the
// paths of batches.
func batchedIDs(ctx context.Context, dirs git.Dirs, commit string, folders []string) (map[string][]string, error) {
	if len(folders) == 0 {
		return nil, nil
	}
	files, err := git.FilesIn(ctx, dirs, commit, folders...)
	if err != nil {
		return nil, err
	}
	var objects, places []string
	for _, e := range files {
		if folder, name := path.Split(e.Path); name == format.BatchRunsName && slices.Contains(folders, path.Clean(folder)) {
			objects, places = append(objects, e.ID), append(places, path.Clean(folder))
		}
	}
	found := map[string][]string{}
	err = git.ReadObjects(ctx, dirs, objects, format.MaxBatchBytes, func(i int, data []byte, err error) error {
		if err != nil {
			return nil // who reads the runs reports it
		}
		runs, err := format.ScanBatch(places[i], data)
		if err != nil {
			return nil
		}
		for _, run := range runs {
			if format.IDDay(run.ID) == path.Base(path.Dir(places[i])) {
				found[run.ID] = append(found[run.ID], places[i])
			}
		}
		return nil
	})
	return found, err
}
