// Package foreign makes finished runs of what other trackers recorded. A tracker's own package finds its logs and reads them.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Request says what to make runs of.
type Request struct {
	Path       string   // a folder, absolute
	Experiment string   // of the runs; empty is the log's, else the project's
	IDs        []string // only these: ids of runs, the tracker's own, or names of logs
	DryRun     bool
	Tell       func(done, total int)
}

// Imported is what an import did.
type Imported struct {
	Runs       []string // ids that are new here
	Here       []string // that were here already
	Removed    []string // left out: they were removed here
	InProgress []string // left out: names of logs that are still written
	Empty      []string // names of logs that say nothing
	Logs       []Found  // of Runs
	Refused    []repo.Damage
	Warnings   []string
	Points     int64
	Files      int
	Bytes      int64
}

// Found is a log of which a run is made.
type Found struct {
	ID   string
	Key  string // the tracker's own id
	Name string
	Log  string // the name of the log
}

// Log is what a tracker kept of one run.
type Log interface {
	// Name is what the log is called where nothing of it can be read.
	Name() string
	// Run is the run as far as it is known before everything is read. Its ID follows from the log, so that a log that was
	// taken once is known again; ID, Name and Started are set. The file is what it ran in, or nil.
	Run() (*format.Run, *format.EnvironmentFile, error)
	// Read tells everything that the log says. What is wrong in it is a warning; an error is out's, or the context's.
	Read(ctx context.Context, out Output) (*Read, error)
}

// What a log may say instead of its run.
var (
	ErrInProgress = errors.New("it is in progress") // it is still written
	ErrEmpty      = errors.New("it says nothing")
)

// Read is what was read of a log.
type Read struct {
	End      repo.Finish // its Ended is set, and tells whether the log has grown since
	None     bool        // nothing was there
	Points   int64
	Files    int
	Bytes    int64
	Warnings []string
}

// Import makes a finished run of each log. The logs are only read.
func Import(ctx context.Context, r *repo.Repository, q Request, logs []Log) (*Imported, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	im := &importing{repo: r, ask: q, done: &Imported{}, removed: removed, seen: map[string]string{}, asked: map[string]bool{}}
	for i, l := range logs {
		if err := im.one(ctx, l); err != nil {
			return nil, err
		}
		if q.Tell != nil {
			q.Tell(i+1, len(logs))
		}
	}
	for _, id := range q.IDs {
		if !im.asked[id] {
			return nil, fmt.Errorf("it has no run %s; --dry-run lists what it has", id)
		}
	}
	return im.done, nil
}

type importing struct {
	repo    *repo.Repository
	ask     Request
	done    *Imported
	removed map[string]bool
	seen    map[string]string // names of logs by the ids of their runs
	asked   map[string]bool   // of the request's IDs, those that were found
}

// one takes one log. The error is of the repository or the context's; what is wrong with the log is refused.
func (im *importing) one(ctx context.Context, l Log) error {
	run, env, err := l.Run()
	switch {
	case errors.Is(err, ErrInProgress):
		im.done.InProgress = append(im.done.InProgress, l.Name())
		return nil
	case errors.Is(err, ErrEmpty):
		im.done.Empty = append(im.done.Empty, l.Name())
		return nil
	case err != nil:
		im.done.Refused = append(im.done.Refused, repo.Damage{ID: l.Name(), Err: fmt.Errorf("%s: %w", l.Name(), err)})
		return nil
	}
	id := run.ID
	named := false
	for _, asked := range im.ask.IDs {
		if asked == id || asked == run.Key || asked == l.Name() {
			named, im.asked[asked] = true, true
		}
	}
	if len(im.ask.IDs) > 0 && !named {
		return nil
	}
	if first, found := im.seen[id]; found {
		im.done.Warnings = append(im.done.Warnings, fmt.Sprintf("left out: %s is of the same run as %s", l.Name(), first))
		return nil
	}
	im.seen[id] = l.Name()
	if im.removed[id] && !named {
		im.done.Removed = append(im.done.Removed, id)
		return nil
	}
	old, err := im.repo.ReadFinished(id)
	if err == nil {
		return im.here(ctx, l, old.Run, run)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if im.ask.DryRun {
		read, err := l.Read(ctx, Nowhere{})
		if err != nil {
			return err
		}
		im.took(l, run, read)
		return nil
	}
	if im.ask.Experiment != "" {
		run.Experiment = im.ask.Experiment
	}
	active, err := im.repo.Past(ctx, run, env)
	if err != nil {
		return err
	}
	defer active.Drop()
	out := NewJournal(active)
	read, err := l.Read(ctx, out)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if read.None {
		im.took(l, run, read)
		return nil
	}
	done, err := active.Finish(ctx, read.End)
	if errors.Is(err, repo.ErrFinished) { // another import was faster
		im.done.Here = append(im.done.Here, id)
		return nil
	}
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		read.Warnings = append(read.Warnings, run.Name+": "+w)
	}
	if err := im.repo.Unmark(id); err != nil {
		return err
	}
	im.took(l, run, read)
	return nil
}

func (im *importing) took(l Log, run *format.Run, read *Read) {
	im.done.Warnings = append(im.done.Warnings, read.Warnings...)
	if read.None {
		im.done.Empty = append(im.done.Empty, l.Name())
		return
	}
	im.done.Runs = append(im.done.Runs, run.ID)
	im.done.Logs = append(im.done.Logs, Found{ID: run.ID, Key: run.Key, Name: run.Name, Log: l.Name()})
	im.done.Points += read.Points
	im.done.Files += read.Files
	im.done.Bytes += read.Bytes
}

// here looks whether a log that was imported has grown since.
func (im *importing) here(ctx context.Context, l Log, old, run *format.Run) error {
	read, err := l.Read(ctx, Nowhere{})
	if err != nil {
		return err
	}
	if read.End.Ended.Equal(old.Ended) {
		im.done.Here = append(im.done.Here, old.ID)
		return nil
	}
	im.done.Refused = append(im.done.Refused, repo.Damage{ID: old.ID, Err: fmt.Errorf(
		"run %s is here, and its log %s is another since; 'runs rm %s' and an import with --run %s take it anew", old.ID, run.Name, old.ID, old.ID)})
	return nil
}

// Ended is the end of a log whose last word was said at last, in µs since 1970 UTC.
func Ended(last int64, started time.Time) time.Time {
	return time.UnixMicro(max(last, started.UnixMicro())).UTC()
}
