package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gitruns/runs/format"
)

// trashDir returns the folder for removed runs. Each call of Remove makes a folder in it, whose name is the time of
// the call.
func (r *Repository) trashDir() string {
	if r.gone != nil {
		return filepath.Join(r.goneTo, trashName)
	}
	return filepath.Join(r.Dir, trashName)
}

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
	for _, dir := range r.MarkerFolders() { // verify reports one that is a link
		marked, err := markersIn(dir)
		if err != nil {
			return nil, fmt.Errorf("listing removed runs: %w", err)
		}
		for _, id := range marked {
			ids[id] = true
		}
	}
	return ids, nil
}

// batchName returns a new name for a folder in the trash.
func batchName() string {
	return now().Format(trashTime) + "-" + format.RandomLetters(4)
}

// newBatch makes a new folder in the trash.
func (r *Repository) newBatch() (string, error) {
	batch := filepath.Join(r.trashDir(), batchName())
	return batch, makeBatch(batch)
}

// Remove moves finished runs to the trash, where Restore finds them. The runs in committed get a removal marker. The
// copies of a run go with it: those in the common store and in other worktrees whose branch does not have the run. If
// a run is in progress, Remove returns an error and removes nothing.
func (r *Repository) Remove(ctx context.Context, entries []*Entry, committed map[string]bool) error {
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
		err = r.toTrash(ctx, e, batch)
		if err == nil && (committed[e.ID] || e.batch != nil) {
			if err = r.mark(e.ID); err != nil && e.repo.commit == "" { // without its marker, a merge would restore it
				err = errors.Join(err, putBack(filepath.Join(batch, e.ID), r.RunDir(e.ID)))
			}
		}
		if err == nil && !committed[e.ID] && e.batch == nil {
			err = r.trashLate(e.ID, filepath.Join(batch, e.ID))
		}
		if err == nil {
			r.keepTrashed(filepath.Join(batch, e.ID))
		}
		if err != nil {
			return fmt.Errorf("removing run %s: %w", e.ID, err)
		}
	}
	return nil
}

// toTrash moves a run to a folder in the trash, with its copies. A run that a batch or a commit holds may have copies
// too, where it was restored before.
func (r *Repository) toTrash(ctx context.Context, e *Entry, batch string) error {
	to := filepath.Join(batch, e.ID)
	err := error(nil)
	switch {
	case e.repo.commit != "":
		err = e.trashCommitted(ctx, to)
	case e.batch != nil:
		err = e.trashBatched(ctx, to)
	default:
		return r.moveToTrash(ctx, e, batch)
	}
	if err != nil {
		return err
	}
	copies, err := r.Copies(ctx, e.ID)
	if err != nil {
		return err
	}
	copies = slices.DeleteFunc(copies, func(dir string) bool { return dir == r.RunDir(e.ID) })
	for _, dir := range copies { // what a batch or a commit never has, such as console output
		if err := addMissing(dir, to, func(name string) bool { return name == RecordName }); err != nil {
			return err
		}
	}
	return r.dropTrashedCopies(e.ID, to, copies)
}

// trashLate moves the late notes of a run to its folder in the trash. Those of a committed run stay where they are
// until a commit holds its removal.
func (r *Repository) trashLate(id, to string) error {
	late, err := r.LateNotes(format.IDDay(id))
	if err != nil || late[id] == nil {
		return err
	}
	home, _ := r.lateHome()
	if err := addNotes(home.RunDir(id), to); err != nil {
		return err
	}
	return r.DropLate(id, late[id])
}

// trashCommitted copies a run that only a commit has to the trash.
func (e *Entry) trashCommitted(ctx context.Context, to string) error {
	err := e.onDisk()
	if err != nil {
		return err
	}
	if exists(e.Dir) { // that of a run in a batch has only what was said later
		err = os.CopyFS(to, os.DirFS(e.Dir))
	} else {
		err = os.Mkdir(to, 0o777)
	}
	if err == nil && e.batch != nil {
		err = e.unpack(ctx, to)
	}
	return err
}

// moveToTrash moves a run of the working tree or of the common store to a folder in the trash, with the notes of all
// its copies, and then removes the copies. A removal that is killed can be repeated: the run is listed as long as the
// common store has it.
func (r *Repository) moveToTrash(ctx context.Context, e *Entry, batch string) error {
	copies, err := r.Copies(ctx, e.ID)
	if err != nil {
		return err
	}
	to := filepath.Join(batch, e.ID)
	worktree := ""
	if w := e.Worktree(); w != nil {
		worktree = w.ID
	}
	err = os.Rename(e.Dir, to)
	moved := err == nil
	if errors.Is(err, syscall.EXDEV) {
		err = os.CopyFS(to, os.DirFS(e.Dir))
	}
	if err != nil {
		return err
	}
	if moved {
		_ = os.Remove(filepath.Dir(e.Dir)) // the day, if it is empty now
		copies = slices.DeleteFunc(copies, func(dir string) bool { return dir == e.Dir })
	}
	if worktree != "" {
		err = writeFile(to+trashedFrom, []byte(worktree+"\n"))
	}
	if err == nil {
		err = r.dropTrashedCopies(e.ID, to, copies)
	}
	if err != nil && moved { // a committed run must not be gone without its marker
		err = errors.Join(err, putBack(to, e.Dir))
	}
	return err
}

// dropTrashedCopies removes the copies of a run that the trash has, after it has added their notes to that.
func (r *Repository) dropTrashedCopies(id, trashed string, copies []string) error {
	for _, dir := range copies {
		if err := addNotes(dir, trashed); err != nil {
			return err
		}
	}
	// The common store is last: as long as it has the run, a repetition finds it.
	store := r.commonDir()
	slices.SortStableFunc(copies, func(a, b string) int {
		return strings.Compare(strconv.FormatBool(filepath.Dir(filepath.Dir(a)) == store),
			strconv.FormatBool(filepath.Dir(filepath.Dir(b)) == store))
	})
	for _, dir := range copies {
		if err := removeWhole(dir); err != nil {
			return fmt.Errorf("removing its copy %s: %w", dir, err)
		}
	}
	return r.DropCopies([]string{id})
}

// trashedFrom ends the name of the file in the trash that says which other worktree a removed run was of.
const trashedFrom = ".worktree"

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

// CopyToTrash copies a run of the working tree to the trash before it is replaced. copied is false if the working tree
// does not have it.
func (r *Repository) CopyToTrash(ctx context.Context, id string) (copied bool, err error) {
	batches := r.BatchesOf(id)
	if !exists(filepath.Join(r.RunDir(id), RecordName)) && len(batches) == 0 {
		return false, nil
	}
	batch, err := r.newBatch()
	to := filepath.Join(batch, id)
	if err == nil && exists(r.RunDir(id)) {
		err = os.CopyFS(to, os.DirFS(r.RunDir(id)))
	} else if err == nil {
		err = os.Mkdir(to, 0o777)
	}
	if err == nil && len(batches) > 0 {
		var e *Entry
		if e, err = r.readBatched(r.Homes()[0], id, batches); err == nil {
			err = e.unpack(ctx, to)
		}
	}
	if err != nil {
		return false, fmt.Errorf("copying run %s to the trash: %w", id, err)
	}
	r.keepTrashed(to)
	return true, nil
}

// Restore restores the runs of the last Remove, removes their markers and returns their ids. A run that is here again
// stays as it is, and gets what only its copy in the trash has. If this worktree has removed none, those count that a
// worktree has removed which does not exist any more.
func (r *Repository) Restore() ([]string, error) {
	for _, folders := range r.undoTrash() {
		batches, err := batchesOfTrash(folders)
		if err != nil {
			return nil, fmt.Errorf("restoring runs: %w", err)
		}
		for _, batch := range slices.Backward(batches) {
			ids, err := r.restoreBatch(folders, batch)
			if err != nil || len(ids) > 0 {
				return ids, err
			}
		}
	}
	return nil, r.nothingToRestore()
}

// nothingToRestore returns the error of Restore if this worktree has removed nothing. What another worktree has removed
// comes back only by its name: whoever removed it there may work there.
func (r *Repository) nothingToRestore() error {
	removed, err := r.Trashed()
	if err != nil {
		return fmt.Errorf("restoring runs: %w", err)
	}
	if len(removed) == 0 || removed[0].By == nil {
		return withHint(errors.New("restoring runs: the trash is empty"),
			"run 'runs recover --lost' to restore runs that Git removed")
	}
	last := removed[0]
	err = fmt.Errorf("restoring runs: this worktree has removed none; worktree %s removed run %s",
		last.By.Name(), format.IDRandom(last.ID))
	return withHint(err, "run 'runs rm --undo %s' to restore that one, or 'runs ls --removed' to list all",
		format.IDRandom(last.ID))
}

// restoreBatch restores the runs of one Remove and returns their ids. A run that cannot be restored does not keep the
// others in the trash.
func (r *Repository) restoreBatch(folders []string, batch string) (ids []string, failed error) {
	names := trashedIn(folders, batch)
	for _, dir := range folders {
		_ = os.Remove(filepath.Join(dir, batch)) // only if it is empty
	}
	for _, id := range names {
		if err := r.restoreTrashed(folders, batch, id); err == nil {
			ids = append(ids, id)
		} else if failed == nil {
			failed = fmt.Errorf("restoring run %s: %w", id, err)
		}
	}
	return ids, failed
}

// restoreTrashed restores a run that one of the folders has.
func (r *Repository) restoreTrashed(folders []string, batch, id string) error {
	from, ok := inTrash(folders, batch, id)
	if !ok {
		return ErrNotInTrash
	}
	if err := r.restoreRun(from, id); err != nil {
		return err
	}
	return dropTrashed(folders, batch, id)
}

func (r *Repository) restoreRun(from, id string) error {
	present := r.HasRun(id) // a batch has it, Git restored it, or only HEAD of a sparse checkout has it
	err := error(nil)
	if present {
		err = r.keepPresent(from, id)
	} else {
		err = r.untrash(from, id)
	}
	if err != nil {
		return err
	}
	marked, err := r.unmark(id)
	if err != nil || marked || present {
		return err
	}
	return r.KeepCopy(id) // no commit has the run
}

// keepPresent adds to a run that is here what only its copy in the trash has, such as notes and console output, and
// removes the copy. If their records differ, it changes neither.
func (r *Repository) keepPresent(from, id string) error {
	e, err := r.readFinished(id)
	if err != nil {
		return err
	}
	here, err := e.RecordBytes()
	if err != nil {
		return err
	}
	removed, err := readBounded(filepath.Join(from, RecordName), format.MaxRecordBytes)
	if err != nil {
		return err
	}
	if !bytes.Equal(here, removed) {
		return withHint(errors.New("the run is here with another record, and both stay"),
			"to keep the one that is here, delete %s and, if it exists, %s", Relative(r.Root, from),
			Relative(r.Root, filepath.Join(r.Dir, RemovedName, id)))
	}
	to := e.Dir
	if e.from != nil {
		to = r.RunDir(id)
	}
	if err := addMissing(from, to, e.holds); err != nil {
		return err
	}
	_ = os.Remove(from + trashedFrom)
	return os.RemoveAll(from)
}

// addMissing links into the folder of a run what another folder of the run has and that one lacks. has reports whether
// the run has a file elsewhere.
func addMissing(from, to string, has func(name string) bool) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil || has(filepath.ToSlash(name)) || exists(filepath.Join(to, name)) {
			return err
		}
		if err := os.MkdirAll(to, 0o777); err != nil {
			return err
		}
		if err := makeRealDirs(to, filepath.Dir(name)); err != nil {
			return err
		}
		return writeIntoRun(to, name, func(tmp string) error { return linkOrCopy(file, tmp) })
	})
}

// holds reports whether a run on disk has a file, also in its batch or left out of the working tree.
func (e *Entry) holds(name string) bool {
	if f, ok := e.Files[name]; ok && e.batch != nil && (name == MetricsName || name == format.ValuesName) &&
		!format.LocalFile(name, f.Bytes) {
		return true
	}
	return name == RecordName || exists(e.path(name)) || e.inGitOnly(name)
}

// untrash moves a removed run back: into the working tree, or into the common store if another worktree had recorded
// it.
func (r *Repository) untrash(from, id string) error {
	store := r.commonDir()
	worktree := readLine(from + trashedFrom)
	if store == "" || !isWorktreeID(worktree) {
		err := error(nil)
		if to := r.RunDir(id); exists(to) { // what was said about the run since, or its console output
			err = r.linkRun(from, to)
			if err == nil {
				err = os.RemoveAll(from)
			}
		} else {
			err = r.moveRun(from, to)
		}
		if err != nil {
			return err
		}
		_ = os.Remove(from + trashedFrom)
		return nil
	}
	home := Home{store, true}
	at := filepath.Join(store, fromName, worktree)
	err := r.makeShared(at)
	if err == nil {
		_, err = writeNew(filepath.Join(at, id), nil)
	}
	if err == nil {
		err = r.linkRun(from, home.RunDir(id))
	}
	if err != nil {
		return err
	}
	_ = os.Remove(from + trashedFrom)
	return os.RemoveAll(from)
}

// ErrNotInTrash says that the trash does not have a run.
var ErrNotInTrash = errors.New("the run is not in the trash")

// RestoreRun restores one run, from the last Remove that took it, whichever worktree that was in. The error is
// ErrNotInTrash if none did.
func (r *Repository) RestoreRun(id string) error {
	if err := format.CheckID(id); err != nil {
		return err
	}
	if err := r.restoreRunFrom(id); err != nil {
		return fmt.Errorf("restoring run %s: %w", id, err)
	}
	return nil
}

func (r *Repository) restoreRunFrom(id string) error {
	for _, t := range r.allTrashes() {
		batches, err := batchesOfTrash(t.folders)
		if err != nil {
			return err
		}
		for _, batch := range slices.Backward(batches) {
			if _, ok := inTrash(t.folders, batch, id); !ok {
				continue
			}
			if t.runs == "" {
				return r.restoreTrashed(t.folders, batch, id)
			}
			other, err := open(t.runs) // where it was removed, the run and its marker go back
			if err == nil {
				err = other.restoreTrashed(t.folders, batch, id)
			}
			if err == nil {
				_, err = r.unmark(id)
			}
			return err
		}
	}
	return ErrNotInTrash
}
