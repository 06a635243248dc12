package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// lateName is the folder of the common store with the notes that were added to committed runs and that no commit holds
// yet. They are in folders of days and runs, as in .runs. All worktrees read them, and nothing that is done to one
// worktree removes them. The worktree in which a note was added has it in its .runs folder too.
const lateName = "late"

// lateHome returns the folder for late notes. ok is false outside Git, and for a revision.
func (r *Repository) lateHome() (home Home, ok bool) {
	store := r.commonDir()
	return Home{filepath.Join(store, lateName), true}, store != ""
}

// lateNotes returns the notes of a run that may not be committed: those in its folder of the working tree, without
// those that a sparse checkout leaves out, and those that the common store has.
func (r *Repository) lateNotes(id string) ([]noteFile, error) {
	notes, err := notesIn(r.RunDir(id))
	if err != nil {
		return nil, err
	}
	late, err := r.storedNotes(id)
	return mergeNotes(notes, late), err
}

// storedNotes returns the late notes of a run that the common store has.
func (r *Repository) storedNotes(id string) ([]noteFile, error) {
	home, ok := r.lateHome()
	if !ok {
		return nil, nil
	}
	return notesIn(home.RunDir(id))
}

// annotatedHere reports whether a run has notes that may not be committed.
func (r *Repository) annotatedHere(id string) bool {
	home, ok := r.lateHome()
	return exists(filepath.Join(r.RunDir(id), notesName)) || ok && exists(filepath.Join(home.RunDir(id), notesName))
}

// keepNote puts a note of a committed run into the common store. It does nothing if the common store has the run:
// then the notes are with it.
func (r *Repository) keepNote(id, name string, data []byte) error {
	home, ok := r.lateHome()
	if !ok || exists(filepath.Join(r.commonDir(), format.IDDay(id), id, RecordName)) {
		return nil
	}
	if _, err := r.worktree(); err != nil { // so that a redaction finds the note in this worktree
		return err
	}
	return r.addLate(home, id, func(dir string) error { return addNote(dir, name, data) })
}

// addLate calls add with the folder for the late notes of a run. Another process may just have removed it because it
// was empty.
func (r *Repository) addLate(home Home, id string, add func(dir string) error) error {
	dir := home.RunDir(id)
	for tries := 0; ; tries++ {
		err := r.makeShared(filepath.Join(dir, notesName))
		if err == nil {
			err = add(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) || tries == 3 {
			return err
		}
	}
}

// KeepNotes makes late notes of those that the common store has with a run which a commit holds now. held reports
// whether the commit has a note, by its name in the folder of the run.
func (r *Repository) KeepNotes(id string, held func(name string) bool) error {
	home, ok := r.lateHome()
	if !ok {
		return nil
	}
	notes, err := notesIn(Home{r.commonDir(), true}.RunDir(id))
	for _, n := range notes {
		if err == nil && !held(path.Join(notesName, n.name)) {
			err = r.addLate(home, id, func(dir string) error { return addNote(dir, n.name, n.data) })
		}
	}
	if err != nil {
		return fmt.Errorf("keeping the notes of run %s in %s: %w", id, home.Dir, err)
	}
	return nil
}

// LateNotes lists the runs of some days with notes in the common store that no commit may hold yet, and the names of
// their notes in the folder of the run.
func (r *Repository) LateNotes(days ...string) (map[string][]string, error) {
	home, ok := r.lateHome()
	if !ok || len(days) == 0 {
		return nil, nil
	}
	late := map[string][]string{}
	for _, day := range days {
		ids, err := runNames(filepath.Join(home.Dir, day), day)
		if err != nil {
			return nil, fmt.Errorf("listing notes: %w", err)
		}
		for _, id := range ids {
			names, err := readNames(filepath.Join(home.RunDir(id), notesName))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("listing notes: %w", err)
			}
			for _, name := range names {
				if isNoteName(name) {
					late[id] = append(late[id], path.Join(notesName, name))
				}
			}
			slices.Sort(late[id])
		}
	}
	return late, nil
}

// LateDays lists the days with late notes.
func (r *Repository) LateDays() []string {
	home, ok := r.lateHome()
	if !ok {
		return nil
	}
	return dayNames(home.Dir)
}

// GatherLate adds the late notes of a run to its folder in the working tree, from which they are committed.
func (r *Repository) GatherLate(id string) error {
	home, ok := r.lateHome()
	if !ok || !exists(filepath.Join(home.RunDir(id), notesName)) {
		return nil
	}
	if err := addNotes(home.RunDir(id), r.RunDir(id)); err != nil {
		return fmt.Errorf("adding the notes of run %s to the working tree: %w", id, err)
	}
	return nil
}

// DropLate removes late notes of a run, by their names in the folder of the run. The caller knows that they are in a
// commit, or that the run was removed.
func (r *Repository) DropLate(id string, names []string) error {
	home, ok := r.lateHome()
	if !ok {
		return nil
	}
	dir := home.RunDir(id)
	for _, name := range names {
		if err := RemoveFromRun(dir, name); err != nil {
			return fmt.Errorf("removing a note of run %s from %s: %w", id, home.Dir, err)
		}
	}
	for _, empty := range []string{filepath.Join(dir, notesName), dir, filepath.Dir(dir)} {
		if os.Remove(empty) != nil { // it has more
			break
		}
	}
	return nil
}

// redactLate replaces the notes that a redaction has changed wherever else they are: in the common store, and in other
// worktrees whose index does not have them. from has the new files of the run. It returns the folders of other
// worktrees that could not be changed.
func (r *Repository) redactLate(ctx context.Context, from, id string) (left []string, err error) {
	notes, err := notesIn(from)
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	there := func(dir string) []string {
		var names []string
		for _, n := range notes {
			if name := filepath.Join(notesName, n.name); exists(filepath.Join(dir, name)) {
				names = append(names, name)
			}
		}
		return names
	}
	if home, ok := r.lateHome(); ok {
		if err := placeFiles(from, home.RunDir(id), there(home.RunDir(id))); err != nil {
			return nil, err
		}
	}
	if r.commonDir() == "" {
		return nil, nil
	}
	for _, runs := range r.others() {
		dir := Home{Dir: runs}.RunDir(id)
		if realDir(filepath.Dir(dir)) != nil || realDir(dir) != nil {
			continue
		}
		var names []string
		for _, name := range there(dir) {
			tracked, err := trackedElsewhere(ctx, runs, filepath.Join(dir, name))
			if err != nil {
				return left, err
			}
			if !tracked {
				names = append(names, name)
			}
		}
		if placeFiles(from, dir, names) != nil {
			left = append(left, dir)
		}
	}
	return left, nil
}
