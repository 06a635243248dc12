package repo

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"path"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// leftNotes are the notes that a sparse checkout leaves out. They are read for many runs at once, because each request
// starts a process, and may need the network.
type leftNotes struct {
	unread map[string][]string          // by day: the folders of runs in .runs whose notes were not read yet
	held   map[string]*heldNotes        // by the folder of the run
	bytes  int                          // of those in held
	sums   map[string]map[string]uint64 // by day and run: a digest of the names and objects of its notes
}

type heldNotes struct {
	notes []noteFile
	err   error
}

const (
	// heldNoteBytes is how many bytes of notes stay in memory.
	heldNoteBytes = 16 << 20
	// notesAhead is for how many runs of a day notes are read at once.
	notesAhead = 1000
)

// add adds a folder of .runs if it has the notes of a run. names are those of its files, which files has.
func (n *leftNotes) add(folder string, names []string, files map[string]git.Entry) {
	run := path.Dir(folder)
	id, day := path.Base(run), path.Dir(run)
	if path.Base(folder) != notesName || format.CheckID(id) != nil || format.IDDay(id) != day {
		return
	}
	if n.unread == nil {
		n.unread, n.sums = map[string][]string{}, map[string]map[string]uint64{}
	}
	if n.sums[day] == nil {
		n.sums[day] = map[string]uint64{}
	}
	sum := fnv.New64a()
	for _, name := range names {
		_, _ = io.WriteString(sum, name+" "+files[path.Join(folder, name)].ID+"\n")
	}
	n.sums[day][id] = max(sum.Sum64(), 1)
	n.unread[day] = append(n.unread[day], run)
}

// noteSums returns a digest of the left-out notes of each run, by day.
func (l *leftOut) noteSums() map[string]map[string]uint64 {
	var sums map[string]map[string]uint64
	_ = l.use(func() error {
		sums = l.notes.sums // they are never changed again
		return nil
	})
	return sums
}

// notesOf returns the notes of a run that are left out, sorted by name.
func (l *leftOut) notesOf(id string) ([]noteFile, error) {
	var notes []noteFile
	err := l.use(func() error {
		run := path.Join(format.IDDay(id), id)
		if l.names[path.Join(run, notesName)] == nil {
			return nil
		}
		if l.notes.held[run] == nil {
			if err := l.readNotes(context.Background(), run); err != nil {
				return err
			}
		}
		held := l.notes.held[run]
		notes = held.notes
		return held.err
	})
	return notes, err
}

// readNotes reads the left-out notes of a run, and of others of its day. The caller holds the lock.
func (l *leftOut) readNotes(ctx context.Context, run string) error {
	n := &l.notes
	if n.held == nil || n.bytes > heldNoteBytes {
		n.held, n.bytes = map[string]*heldNotes{}, 0
	}
	rest := n.unread[path.Dir(run)]
	ahead := min(len(rest), notesAhead)
	n.unread[path.Dir(run)] = rest[ahead:]
	var places, objects []string
	found := map[string]*heldNotes{}
	for _, run := range append([]string{run}, rest[:ahead]...) {
		if n.held[run] != nil || found[run] != nil {
			continue
		}
		found[run] = &heldNotes{}
		names := l.names[path.Join(run, notesName)]
		if len(names) > maxNotes {
			found[run].err = fmt.Errorf("%s: more than %d notes", path.Join(run, notesName), maxNotes)
			continue
		}
		for _, name := range names {
			if at := path.Join(run, notesName, name); isNoteName(name) {
				places, objects = append(places, at), append(objects, l.files[at].ID)
			}
		}
	}
	err := git.ReadObjects(ctx, l.repo.Git, objects, format.MaxNoteBytes, func(i int, data []byte, err error) error {
		held := found[path.Dir(path.Dir(places[i]))]
		if err != nil {
			held.err = fmt.Errorf("%s: %w", places[i], err)
			return nil
		}
		held.notes = append(held.notes, noteFile{path.Base(places[i]), data, places[i]})
		n.bytes += len(data)
		return nil
	})
	if err != nil {
		n.unread[path.Dir(run)] = rest
		return err
	}
	for run, held := range found {
		n.held[run] = held
	}
	return nil
}
