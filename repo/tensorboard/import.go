package tensorboard

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// ImportRequest says which event files to make runs of.
type ImportRequest struct {
	Path       string // a folder, absolute
	Experiment string // of the runs; empty is the project's
	IDs        []string
	DryRun     bool
	Tell       func(done, total int)
}

// Imported is what an import did.
type Imported struct {
	Runs     []string // ids that are new here
	Here     []string // that were here already
	Removed  []string // left out: they were removed here
	Empty    int      // logs that say nothing
	Refused  []repo.Damage
	Warnings []string
	Points   int64
	Files    int
	Bytes    int64
}

// Bounds of the folder of an import.
const (
	maxImportEntries = 5_000_000
	maxImportFiles   = 100_000
)

// Found reports whether there are event files below a folder, as far as a short look tells.
func Found(ctx context.Context, dir string) bool {
	w := &walk{entries: maxWalkEntries, within: maxWalkTime, files: 1}
	files, err := w.below(ctx, dir)
	return err == nil && len(files) > 0
}

// Import makes a finished run of each log below a folder. Its id follows from the first event file, so that one that is here
// is known again. The folder is only read.
func Import(ctx context.Context, r *repo.Repository, q ImportRequest) (*Imported, error) {
	fail := func(err error) (*Imported, error) {
		return nil, fmt.Errorf("importing %s: %w", q.Path, err)
	}
	w := &walk{entries: maxImportEntries, files: maxImportFiles}
	files, err := w.below(ctx, q.Path)
	switch {
	case err != nil:
		return fail(err)
	case w.partial:
		return fail(errors.New("it has too many files: import its folders one by one"))
	case len(files) == 0:
		return fail(errors.New("there are no event files of TensorBoard in it"))
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return fail(err)
	}
	im := &importing{repo: r, ask: q, done: &Imported{}, removed: removed, seen: map[string]bool{}}
	all := logs(folders(q.Path, files))
	for i, l := range all {
		if err := im.one(ctx, l); err != nil {
			return fail(err)
		}
		if q.Tell != nil {
			q.Tell(i+1, len(all))
		}
	}
	for _, id := range q.IDs {
		if !im.seen[id] {
			return fail(fmt.Errorf("it has no run %s", id))
		}
	}
	return im.done, nil
}

type importing struct {
	repo    *repo.Repository
	ask     ImportRequest
	done    *Imported
	removed map[string]bool
	seen    map[string]bool
}

// nothing is an output that is not kept.
type nothing struct{}

func (nothing) line(*format.Line) error                         { return nil }
func (nothing) media(*format.ArtifactLine, int64, []byte) error { return nil }

// one takes one log. The error is of the repository or the context's; what is wrong with the log is refused.
func (im *importing) one(ctx context.Context, l *log) error {
	name := l.rel
	if name == "" {
		name = filepath.Base(im.ask.Path)
	}
	name = cleanKey(clean([]byte(name)))
	id, started, first, err := identify(l)
	if err != nil {
		im.done.Refused = append(im.done.Refused, repo.Damage{ID: name, Err: fmt.Errorf("%s: %w", name, err)})
		return nil
	}
	named := contains(im.ask.IDs, id)
	if len(im.ask.IDs) > 0 && !named || im.seen[id] {
		return nil
	}
	im.seen[id] = true
	if im.removed[id] && !named {
		im.done.Removed = append(im.done.Removed, id)
		return nil
	}
	old, err := im.repo.ReadFinished(id)
	if err == nil {
		return im.here(ctx, l, old.Run, name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if im.ask.DryRun {
		r := newReading(nothing{})
		r.show = relativeTo(im.ask.Path)
		if err := r.all(ctx, l); err != nil {
			return err
		}
		im.took(id, r)
		return nil
	}
	run := &format.Run{ID: id, Name: name, Experiment: im.ask.Experiment, Started: started, Tags: map[string]string{"imported": "tensorboard"}}
	if host := hostOf(first); host != "" && format.CheckKey(host) == nil {
		run.Machine = &format.Machine{Host: host}
	}
	active, err := im.repo.Past(ctx, run)
	if err != nil {
		return err
	}
	defer active.Drop()
	out := &journal{run: active}
	r := newReading(out)
	r.show = relativeTo(im.ask.Path)
	err = r.all(ctx, l)
	if closeErr := out.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if r.counts.None() {
		im.took(id, r)
		return nil
	}
	end := repo.Finish{Ended: r.ended(started)}
	if r.session.failed {
		end.Status = format.Failed
	}
	done, err := active.Finish(ctx, end)
	if errors.Is(err, repo.ErrFinished) { // another import was faster
		im.done.Here = append(im.done.Here, id)
		return nil
	}
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		im.done.Warnings = append(im.done.Warnings, name+": "+w)
	}
	if err := im.repo.Unmark(id); err != nil {
		return err
	}
	im.took(id, r)
	return nil
}

func contains(ids []string, id string) bool {
	for _, one := range ids {
		if one == id {
			return true
		}
	}
	return false
}

func (im *importing) took(id string, r *reading) {
	im.done.Warnings = append(im.done.Warnings, r.counts.Warnings...)
	if r.counts.None() {
		im.done.Empty++
		return
	}
	im.done.Runs = append(im.done.Runs, id)
	im.done.Points += r.counts.Points
	im.done.Files += r.counts.Files
	im.done.Bytes += r.counts.Bytes
}

// here looks whether a log that was imported has grown since.
func (im *importing) here(ctx context.Context, l *log, old *format.Run, name string) error {
	r := newReading(nothing{})
	if err := r.all(ctx, l); err != nil {
		return err
	}
	if r.ended(old.Started).Equal(old.Ended) {
		im.done.Here = append(im.done.Here, old.ID)
		return nil
	}
	im.done.Refused = append(im.done.Refused, repo.Damage{ID: old.ID, Err: fmt.Errorf(
		"run %s is here, and its log %s is another since; 'runs rm %s' and an import with --run %s take it anew", old.ID, name, old.ID, old.ID)})
	return nil
}

// ended is when the log ends.
func (r *reading) ended(started time.Time) time.Time {
	return time.UnixMicro(max(r.last, started.UnixMicro())).UTC()
}

// identify makes the id of a log from its earliest event file: the second of its first record, and letters that follow from
// the file's name and that record.
func identify(l *log) (id string, started time.Time, file string, err error) {
	var digest [sha256.Size]byte
	err = errors.New("none of its event files can be read")
	for _, p := range l.parts {
		for _, f := range p.files {
			at, sum, e := opening(f.path)
			if e != nil {
				continue
			}
			if file == "" || at.Before(started) {
				started, digest, file, err = at, sum, path.Base(filepath.ToSlash(f.path)), nil
			}
		}
	}
	if err != nil {
		return "", time.Time{}, "", err
	}
	return format.IDOf(started, digest[:]), started, file, nil
}

// opening is the time and the digest of a file's first record.
func opening(name string) (time.Time, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	f, err := openLog(name)
	if err != nil {
		return time.Time{}, none, err
	}
	defer func() { _ = f.Close() }()
	data, err := newRecordReader(f).next()
	if err != nil {
		return time.Time{}, none, err
	}
	var e event
	if err := parseEvent(data, &e); err != nil {
		return time.Time{}, none, err
	}
	if !(e.time > 0 && e.time <= maxTime) {
		return time.Time{}, none, errMessage
	}
	return time.UnixMicro(int64(math.Round(e.time * 1e6))).UTC(), sha256.Sum256(append([]byte(filepath.Base(name)+"\x00"), data...)), nil
}

// CheckFolder reports why a path cannot be looked into.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	return err
}
