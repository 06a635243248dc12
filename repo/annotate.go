package repo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// Annotate adds an annotation to a run, in a file of its own next to the record: two people who annotate one run at
// the same time do not conflict. It sets the time of the note.
func (e *Entry) Annotate(n *format.Note) error {
	if err := e.repo.Writable(); err != nil {
		return fmt.Errorf("annotating run %s: %w", e.ID, err)
	}
	n.Time = now()
	data, err := format.EncodeNote(n)
	if err != nil {
		return fmt.Errorf("annotating run %s: %w", e.ID, err)
	}
	name := format.NoteName(n.Time)
	dir, here := e.Dir, e.repo
	if e.noted != nil { // the next commit adds it to the branch that has the run
		here = e.noted
		dir = here.RunDir(e.ID)
	}
	if e.Active == nil { // first, so that a kill leaves the note where all worktrees find it
		_ = here.keepNote(e.ID, name, data)
	}
	if err := addNote(dir, name, data); err != nil {
		return fmt.Errorf("annotating run %s: %w", e.ID, err)
	}
	if e.Active == nil {
		here.noteCopies(e.ID, dir, name, data)
	}
	if e.Active != nil {
		// A finish may just have moved the notes.
		dir := e.Active.repo.RunDir(e.ID)
		if exists(filepath.Join(dir, RecordName)) && !exists(filepath.Join(dir, notesName, name)) {
			err := addNote(dir, name, data)
			e.Active.repo.noteCopies(e.ID, dir, name, data)
			return err
		}
	}
	return nil
}

// noteCopies adds a note to the other folders that hold a run which is not committed: the copy in the common store,
// and the folder in the worktree that recorded it. A commit gathers the notes of the copy, so that a note which could
// not be added to every folder is not lost.
func (r *Repository) noteCopies(id, written, name string, data []byte) {
	store := r.commonDir()
	if store == "" {
		return
	}
	kept := Home{store, true}.RunDir(id)
	if !exists(filepath.Join(kept, RecordName)) {
		return // a commit has the run
	}
	dirs := []string{r.RunDir(id), kept}
	for worktree, runs := range r.others() {
		if exists(filepath.Join(store, fromName, worktree, id)) {
			dirs = append(dirs, Home{Dir: runs}.RunDir(id))
		}
	}
	for _, dir := range dirs {
		if dir != written && exists(filepath.Join(dir, RecordName)) && realDir(filepath.Dir(dir)) == nil &&
			realDir(dir) == nil && !exists(filepath.Join(dir, notesName, name)) {
			_ = addNote(dir, name, data)
		}
	}
	if !exists(filepath.Join(kept, RecordName)) { // a commit has removed it meanwhile
		_ = r.keepNote(id, name, data)
	}
}

func addNote(dir, name string, data []byte) error {
	notes := filepath.Join(dir, notesName)
	if err := os.MkdirAll(notes, 0o777); err != nil {
		return err
	}
	if err := realDir(notes); err != nil {
		return err
	}
	err := writeIntoRun(dir, filepath.Join(notesName, name), func(tmp string) error { return writeFile(tmp, data) })
	if err != nil {
		return err
	}
	return syncDir(notes)
}
