package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/parallel"
)

// maxNotes is the maximum number of notes of a run that are read.
const maxNotes = 10_000

// noteFile is a note of a run as it is stored.
type noteFile struct {
	name string // of the file
	data []byte
	show string // the file in messages
}

// EachNote calls visit with the bytes of each note of a run, sorted by name, wherever the notes are. A note that is not
// valid is an error.
func (e *Entry) EachNote(visit func(f File, data []byte) error) error {
	notes, err := e.noteFiles()
	if err != nil {
		return err
	}
	return eachNote(notes, visit)
}

func eachNote(notes []noteFile, visit func(f File, data []byte) error) error {
	for _, n := range notes {
		if _, err := format.DecodeNote(n.show, n.data); err != nil {
			return err
		}
		if format.CheckPath(n.name) != nil {
			continue // Git would refuse the name somewhere
		}
		if err := visit(File{Name: path.Join(notesName, n.name), Bytes: int64(len(n.data))}, n.data); err != nil {
			return err
		}
	}
	return nil
}

// NoteFiles lists the notes of a run. A note that is not valid is an error.
func (e *Entry) NoteFiles() ([]File, error) {
	var files []File
	err := e.EachNote(func(f File, _ []byte) error {
		files = append(files, f)
		return nil
	})
	return files, err
}

// Notes returns the notes of a run, oldest first.
func (e *Entry) Notes() ([]*format.Note, error) {
	files, err := e.noteFiles()
	if err != nil {
		return nil, err
	}
	return decodeNotes(files)
}

func (e *Entry) noteFiles() ([]noteFile, error) {
	switch {
	case e.Active != nil || e.repo == nil:
		return notesIn(e.Dir)
	case e.from == nil:
		return e.repo.notesOf(e.Dir, e.ID)
	}
	if err := e.onDisk(); err != nil {
		return nil, err
	}
	notes, err := notesIn(e.Dir)
	if err == nil && e.noted != nil {
		var late []noteFile
		late, err = e.noted.lateNotes(e.ID)
		notes = mergeNotes(notes, late)
	}
	return notes, err
}

// notesOf returns the notes of a finished run whose folder is dir: those in dir, those that a sparse checkout leaves
// out, and those that no commit holds yet.
func (r *Repository) notesOf(dir, id string) ([]noteFile, error) {
	notes, err := notesIn(dir)
	if err != nil || r.commit != "" {
		return notes, err
	}
	left, err := r.left.notesOf(id)
	if err != nil {
		return nil, fmt.Errorf("reading the notes that are not checked out: %w", err)
	}
	late, err := r.storedNotes(id)
	return mergeNotes(mergeNotes(notes, left), late), err
}

// applyNotesOf merges the notes of a finished run whose folder is dir into its record.
func (r *Repository) applyNotesOf(run *format.Run, dir string) error {
	notes, err := r.notesOf(dir, run.ID)
	if err != nil {
		return err
	}
	return applyNotes(run, notes)
}

// applyNotes merges notes into the record.
func applyNotes(run *format.Run, files []noteFile) error {
	notes, err := decodeNotes(files)
	if err != nil {
		return err
	}
	for _, n := range notes {
		n.Apply(run)
	}
	return nil
}

// decodeNotes decodes notes that are sorted by name. It sorts them by time, and then by name.
func decodeNotes(files []noteFile) ([]*format.Note, error) {
	var notes []*format.Note
	for _, f := range files {
		n, err := format.DecodeNote(f.show, f.data)
		if err != nil {
			return nil, err
		}
		notes = append(notes, n)
	}
	slices.SortStableFunc(notes, func(a, b *format.Note) int { return a.Time.Compare(b.Time) })
	return notes, nil
}

// mergeNotes joins notes of two places, sorted by name. A note that is in both is taken from the first.
func mergeNotes(a, b []noteFile) []noteFile {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b noteFile) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b noteFile) bool { return a.name == b.name })
}

// notesIn reads the notes in the folder of a run, sorted by name. It does not look at what is in them.
func notesIn(dir string) ([]noteFile, error) {
	at := filepath.Join(dir, notesName)
	if err := realDir(at); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxNotes {
		return nil, fmt.Errorf("%s: more than %d notes", at, maxNotes)
	}
	var notes []noteFile
	for _, entry := range entries { // sorted by name
		if !isNoteName(entry.Name()) {
			continue
		}
		file := filepath.Join(at, entry.Name())
		data, err := readBounded(file, format.MaxNoteBytes)
		if err != nil {
			return nil, err
		}
		notes = append(notes, noteFile{entry.Name(), data, file})
	}
	return notes, nil
}

func isNote(entry fs.DirEntry) bool {
	return entry.Type().IsRegular() && isNoteName(entry.Name()) && format.CheckPath(entry.Name()) == nil
}

// isNoteName reports whether a file of that name is a note. A name that begins with a dot is that of a note whose
// writer was killed: it may have no content.
func isNoteName(name string) bool {
	return strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".")
}

// Noted reports, for each id, whether the run has notes in the working tree.
func (r *Repository) Noted(ids []string) []bool {
	noted := make([]bool, len(ids))
	parallel.Each(len(ids), func(i int) { noted[i] = exists(filepath.Join(r.RunDir(ids[i]), notesName)) })
	return noted
}

// NotesHere lists the notes of a run that may not be committed, without reading the run. A note that is not valid is an
// error.
func (r *Repository) NotesHere(id string) ([]File, error) {
	notes, err := r.lateNotes(id)
	if err != nil {
		return nil, err
	}
	var files []File
	err = eachNote(notes, func(f File, _ []byte) error {
		files = append(files, f)
		return nil
	})
	return files, err
}
