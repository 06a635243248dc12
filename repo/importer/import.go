// Package importer turns the logs of other trackers into finished runs.
//
// It decides which logs become runs, records them and reports what it did. It knows no log format: there is a package
// for each tracker, such as repo/wandb, which finds the logs and implements Log. It does not print; results and
// warnings are returned as values. Start reading at Import. To support a new tracker, add a package next to
// repo/wandb. To support a new kind of content, add a method to Output.
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

// Request selects what to import.
type Request struct {
	Path       string   // an absolute folder
	Experiment string   // of the new runs; if empty, the log or the project decides
	IDs        []string // import only these: ids of runs, ids of the tracker, or names of logs; empty means all
	Table      Table    // how to read a table
	DryRun     bool
	Progress   func(done, total int) // called after each log; may be nil
}

// Imported reports what an import did.
type Imported struct {
	Runs       []string      // ids of the new runs
	Present    []string      // ids of runs that were imported before
	Removed    []string      // ids of runs that were skipped because they were removed from this repository
	InProgress []string      // names of logs that were skipped because they are still being written
	Empty      []string      // names of logs without content
	Logs       []ImportedLog // the logs of Runs
	Refused    []repo.Damage
	Models     []string  // names of the models that are new in the registry
	Versions   []string  // versions of models that are new, such as taxi@4
	LeftOut    []LeftOut // what the tracker's files have besides runs
	Warnings   []string
	Points     int64
	Files      int
	Bytes      int64
}

// LeftOut counts something that no run takes.
type LeftOut struct {
	What  string // in the singular, such as "trace"
	Count int64
}

// ImportedLog is a log that became a run.
type ImportedLog struct {
	ID   string // of the run
	Key  string // the tracker's own id
	Name string // of the run
	Log  string // name of the log
}

// Log is what a tracker stored about one run.
type Log interface {
	// Name identifies the log in messages, even if it cannot be read.
	Name() string
	// Run returns what is known about the run before the whole log is read. ID, Name and Started are set. It also
	// returns the environment, or nil. The ID is derived from the log, so a log that was imported before is
	// recognized. The error may be ErrInProgress or ErrEmpty.
	Run() (*format.Run, *format.EnvironmentFile, error)
	// Read writes the content of the log to out. Damage in the log is a warning; an error can come only from out or
	// the context.
	Read(ctx context.Context, out Output) (*ReadResult, error)
}

// Log.Run returns these errors for a log that cannot become a run now.
var (
	ErrInProgress = errors.New("the log is still being written")
	ErrEmpty      = errors.New("the log is empty")
)

// ReadResult reports what was read from a log.
type ReadResult struct {
	End      repo.Finish // Ended is set; it also shows whether the log has grown since an earlier import
	Empty    bool        // the log had no content
	Points   int64
	Files    int
	Bytes    int64
	Warnings []string
}

// Import records a finished run for each log that was not imported before. The logs are only read. It returns an error
// if the repository fails, if the context ends, or if the request asks for a log that does not exist. A log that
// cannot be imported is added to Refused.
func Import(ctx context.Context, r *repo.Repository, q Request, logs []Log) (*Imported, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	im := &importing{
		repo: r, request: q, result: &Imported{}, removed: removed,
		logOf: map[string]string{}, found: map[string]bool{},
	}
	for i, l := range logs {
		if err := im.importLog(ctx, l); err != nil {
			return nil, err
		}
		if q.Progress != nil {
			q.Progress(i+1, len(logs))
		}
	}
	for _, id := range q.IDs {
		if !im.found[id] {
			return nil, fmt.Errorf("it has no run %s; --dry-run lists what it has", id)
		}
	}
	return im.result, nil
}

type importing struct {
	repo    *repo.Repository
	request Request
	result  *Imported
	removed map[string]bool
	logOf   map[string]string // names of logs, by the ids of their runs
	found   map[string]bool   // the ids of the request that match a log
}

// importLog imports one log. An error comes from the repository or the context. Damage in the log goes into the
// result.
func (im *importing) importLog(ctx context.Context, l Log) error {
	run, env, err := l.Run()
	switch {
	case errors.Is(err, ErrInProgress):
		im.result.InProgress = append(im.result.InProgress, l.Name())
		return nil
	case errors.Is(err, ErrEmpty):
		im.result.Empty = append(im.result.Empty, l.Name())
		return nil
	case err != nil:
		im.refuse(l.Name(), fmt.Errorf("%s: %w", l.Name(), err))
		return nil
	}
	id := run.ID
	named := false
	for _, wanted := range im.request.IDs {
		if wanted == id || wanted == run.Key || wanted == l.Name() {
			named, im.found[wanted] = true, true
		}
	}
	if len(im.request.IDs) > 0 && !named {
		return nil
	}
	if first, ok := im.logOf[id]; ok {
		im.warn("skipped %s: it is a log of the same run as %s", l.Name(), first)
		return nil
	}
	im.logOf[id] = l.Name()
	if im.removed[id] && !named {
		im.result.Removed = append(im.result.Removed, id)
		return nil
	}
	old, err := im.repo.ReadFinished(id)
	if err == nil {
		return im.compare(ctx, l, old.Run, run)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if im.request.DryRun {
		read, err := l.Read(ctx, Discard{})
		if err != nil {
			return err
		}
		im.add(l, run, read)
		return nil
	}
	return im.record(ctx, l, run, env)
}

// record makes a finished run from a log.
func (im *importing) record(ctx context.Context, l Log, run *format.Run, env *format.EnvironmentFile) error {
	if im.request.Experiment != "" {
		run.Experiment = im.request.Experiment
	}
	active, err := im.repo.StartImported(ctx, run, env)
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
	if read.Empty {
		im.add(l, run, read)
		return nil
	}
	done, err := active.Finish(ctx, read.End)
	if errors.Is(err, repo.ErrFinished) { // another import was faster
		im.result.Present = append(im.result.Present, run.ID)
		return nil
	}
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		read.Warnings = append(read.Warnings, run.Name+": "+w)
	}
	if err := im.repo.Unmark(run.ID); err != nil {
		return err
	}
	im.add(l, run, read)
	return nil
}

// add counts a log that was read.
func (im *importing) add(l Log, run *format.Run, read *ReadResult) {
	im.result.Warnings = append(im.result.Warnings, read.Warnings...)
	if read.Empty {
		im.result.Empty = append(im.result.Empty, l.Name())
		return
	}
	im.result.Runs = append(im.result.Runs, run.ID)
	im.result.Logs = append(im.result.Logs, ImportedLog{ID: run.ID, Key: run.Key, Name: run.Name, Log: l.Name()})
	im.result.Points += read.Points
	im.result.Files += read.Files
	im.result.Bytes += read.Bytes
}

// compare checks whether a log has changed since it was imported as the run old, and adds the answer to the result.
func (im *importing) compare(ctx context.Context, l Log, old, run *format.Run) error {
	read, err := l.Read(ctx, Discard{})
	if err != nil {
		return err
	}
	if read.End.Ended.Equal(old.Ended) {
		im.result.Present = append(im.result.Present, old.ID)
		return nil
	}
	im.refuse(old.ID, fmt.Errorf(
		"run %s: its log %s has changed since it was imported; run 'runs rm %s', then import it again with --run %s",
		old.ID, run.Name, old.ID, old.ID))
	return nil
}

func (im *importing) refuse(id string, err error) {
	im.result.Refused = append(im.result.Refused, repo.Damage{ID: id, Err: err})
}

func (im *importing) warn(text string, args ...any) {
	im.result.Warnings = append(im.result.Warnings, fmt.Sprintf(text, args...))
}

// Ended returns the end time of a run: that of its last record, but not before the run started. last is in µs since
// 1970 UTC.
func Ended(last int64, started time.Time) time.Time {
	return time.UnixMicro(max(last, started.UnixMicro())).UTC()
}
