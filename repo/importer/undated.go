package importer

import (
	"errors"
	"io/fs"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Undated gives ids to runs whose logs do not say when they were made. Such a run starts when its file was written,
// which a copy of the file does not keep. So the letters of the id depend on the content alone, and a run here that has
// these letters and was imported from logs of the same kind is that run, whenever it starts.
type Undated struct {
	repo *repo.Repository
	kind string
	ids  map[string]string // of runs that are here or were removed, by their letters
}

// NewUndated lists the runs of a repository. kind is the value of the tag imported.
func NewUndated(r *repo.Repository, kind string) (*Undated, error) {
	u := &Undated{repo: r, kind: kind, ids: map[string]string{}}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	ids, err := r.AllFinishedIDs()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a dry run needs no repository
		return nil, err
	}
	for id := range removed {
		u.ids[format.IDRandom(id)] = id
	}
	for _, id := range ids {
		u.ids[format.IDRandom(id)] = id
	}
	return u, nil
}

// ID returns the id and the start of the run with a digest. written is when its file was written.
func (u *Undated) ID(digest []byte, written time.Time) (string, time.Time) {
	written = written.UTC().Truncate(time.Microsecond)
	id := format.IDOf(written, digest)
	old, ok := u.ids[format.IDRandom(id)]
	if !ok {
		return id, written
	}
	e, err := u.repo.ReadFinished(old)
	if err != nil { // it was removed
		return old, format.IDTime(old)
	}
	if e.Tags["imported"] != u.kind {
		return id, written
	}
	return old, e.Started
}
