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
	dir := e.Dir
	if e.noted != nil { // the next commit adds it to the branch that has the run
		dir = e.noted.RunDir(e.ID)
	}
	if err := addNote(dir, name, data); err != nil {
		return fmt.Errorf("annotating run %s: %w", e.ID, err)
	}
	if e.Active != nil {
		// A finish may just have moved the notes.
		dir := e.Active.repo.RunDir(e.ID)
		if exists(filepath.Join(dir, RecordName)) && !exists(filepath.Join(dir, notesName, name)) {
			return addNote(dir, name, data)
		}
	}
	return nil
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
