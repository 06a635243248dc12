package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
)

// ImportKinds are the kinds that Import can read.
var ImportKinds = []string{"runs"}

// ImportRequest describes an import.
type ImportRequest struct {
	Kind     string   // one of ImportKinds; empty: guessed
	Path     string   // a .runs folder, the folder that contains it, or the folder of one run
	IDs      []string // the runs to import, even if they were removed here; nil: all
	DryRun   bool     // verify and count, change nothing
	Progress func(done, total int)
}

// Imported is the result of Import.
type Imported struct {
	Kind       string
	From       string   // the .runs folder
	Runs       []string // ids of imported runs
	Present    []string // ids of runs that were already here
	Notes      int      // new notes of runs that were already here
	Removed    []string // skipped: they were removed here
	InProgress []string // skipped: they are active there
	Refused    []repo.Damage
	Files      int
	Bytes      int64
}

// ErrUnknownKind means that a path is not a folder that can be imported.
var ErrUnknownKind = errors.New("it is not a kind of folder that can be imported")

// sourceFolder is a .runs folder to import from.
type sourceFolder struct {
	*repo.Repository
	only string // the id, if the path is the folder of one run
}

// openSource finds the .runs folder that a path refers to.
func openSource(at string) (*sourceFolder, error) {
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, ErrUnknownKind
	case isRealFolder(filepath.Join(at, repo.DirName)):
		return &sourceFolder{Repository: repo.OpenCopy(filepath.Join(at, repo.DirName))}, nil
	}
	if at, err = filepath.Abs(at); err != nil {
		return nil, err
	}
	if id := filepath.Base(at); format.CheckID(id) == nil {
		if day := filepath.Dir(at); filepath.Base(day) == format.IDDay(id) {
			return &sourceFolder{repo.OpenCopy(filepath.Dir(day)), id}, nil
		}
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && (e.Name() == "active" || format.CheckDay(e.Name()) == nil) {
			return &sourceFolder{Repository: repo.OpenCopy(at)}, nil
		}
	}
	return nil, ErrUnknownKind
}

// CheckImport returns an error if a path cannot be imported. It looks only at file names. The error is ErrUnknownKind
// if the path is not a folder that can be imported.
func CheckImport(path string) error {
	_, err := openSource(path)
	return err
}

func isRealFolder(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir()
}

// Import copies the finished runs of another .runs folder, whose content is not trusted. It verifies each run, copies
// it to a temporary folder, and renames the folder. If a run is already here, only its new notes are imported, so a
// repeated import adds only what is new.
func Import(ctx context.Context, r *repo.Repository, q ImportRequest) (*Imported, error) {
	fail := func(err error) (*Imported, error) { return nil, fmt.Errorf("importing %s: %w", q.Path, err) }
	if err := r.Writable(); err != nil {
		return fail(err)
	}
	from, err := openSource(q.Path)
	if err != nil {
		return fail(err)
	}
	if same(from.Dir, r.Dir) {
		return fail(errors.New("it is this repository itself"))
	}
	im := &importer{
		from: from, to: r, ask: q, done: &Imported{Kind: ImportKinds[0], From: from.Dir},
		shared: map[string]*once{},
	}
	ids, err := im.selectRuns()
	if err != nil {
		return fail(err)
	}
	if !q.DryRun {
		r.ClearStale()
	}
	if err := im.importAll(ctx, ids); err != nil {
		return fail(err)
	}
	return im.done, nil
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// importer is the state of one import.
type importer struct {
	from *sourceFolder
	to   *repo.Repository
	ask  ImportRequest
	done *Imported

	mu     sync.Mutex
	shared map[string]*once
}

// once is the result for a shared file. Many runs may refer to the file, but it is imported once.
type once struct {
	sync.Once
	err   error
	bytes int64 // 0 if it was already here
}

// selectRuns returns the ids of the runs to import.
func (im *importer) selectRuns() ([]string, error) {
	ids, err := im.from.FinishedIDs()
	if err != nil {
		return nil, err
	}
	going, err := im.from.Actives()
	if err != nil {
		return nil, err
	}
	var active []string
	for _, a := range going {
		active = append(active, a.ID)
	}
	removed, err := im.to.RemovedIDs()
	if err != nil {
		return nil, err
	}
	named := im.ask.IDs
	if only := im.from.only; only != "" {
		if len(named) > 0 && !slices.Equal(named, []string{only}) {
			return nil, fmt.Errorf("it is the folder of run %s only", only)
		}
		named = []string{only}
	}
	for _, id := range named {
		switch {
		case slices.Contains(active, id):
		case !slices.Contains(ids, id):
			return nil, fmt.Errorf("it has no run %s", id)
		}
	}
	wanted := func(id string) bool { return named == nil || slices.Contains(named, id) }
	im.done.InProgress = slices.DeleteFunc(active, func(id string) bool { return !wanted(id) })
	return slices.DeleteFunc(ids, func(id string) bool {
		if removed[id] && !slices.Contains(im.ask.IDs, id) && wanted(id) {
			im.done.Removed = append(im.done.Removed, id)
			return true
		}
		return !wanted(id)
	}), nil
}

// errNoRecord means that a folder is not a run. Git leaves such a folder, with notes and console output, when it
// switches branches.
var errNoRecord = errors.New("it has no run.toml")

// outcome is the result for one run.
type outcome struct {
	here  bool
	notes int
	files int
	bytes int64
	err   error
}

// importAll imports the runs, several at a time, because most of the time is spent waiting for the disk.
func (im *importer) importAll(ctx context.Context, ids []string) error {
	outcomes := make([]outcome, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(4, 2*runtime.GOMAXPROCS(0)))
	finished := 0
	for i, id := range ids {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			outcomes[i] = im.importRun(ctx, id)
			im.mu.Lock()
			defer im.mu.Unlock()
			if finished++; im.ask.Progress != nil {
				im.ask.Progress(finished, len(ids))
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d := im.done
	for i, id := range ids {
		got := outcomes[i]
		d.Notes += got.notes
		d.Files += got.files
		d.Bytes += got.bytes
		switch {
		case errors.Is(got.err, errNoRecord):
		case got.err != nil:
			d.Refused = append(d.Refused, repo.Damage{ID: id, Err: fmt.Errorf("run %s: %w", id, withoutID(got.err, id))})
		case got.here:
			d.Present = append(d.Present, id)
		default:
			d.Runs = append(d.Runs, id)
		}
	}
	for _, s := range im.shared {
		if s.err == nil && s.bytes > 0 {
			d.Files++
			d.Bytes += s.bytes
		}
	}
	return nil
}

// withoutID removes the run's id from the start of an error.
func withoutID(err error, id string) error {
	if text, ok := strings.CutPrefix(err.Error(), "run "+id+": "); ok {
		return errors.New(text)
	}
	return err
}

// importRun imports one run.
func (im *importer) importRun(ctx context.Context, id string) outcome {
	run, err := im.read(ctx, id)
	if err != nil {
		return outcome{err: err}
	}
	defer run.close()
	here, err := regular.ReadFile(filepath.Join(im.to.RunDir(id), repo.RecordName))
	if e, readErr := im.to.ReadFinished(id); err != nil && readErr == nil && e.Batch() != nil {
		here, err = e.RecordBytes()
	}
	switch {
	case err == nil && bytes.Equal(here, run.record):
		return im.importNotes(run)
	case err == nil:
		return outcome{err: errors.New("it was finished twice: the run.toml here differs and is kept")}
	case !errors.Is(err, fs.ErrNotExist):
		return outcome{err: err}
	}
	if a, err := im.to.Open(id); err == nil {
		return outcome{err: fmt.Errorf("it is still running here, in %s: finish or remove it first",
			repo.Relative(im.to.Root, a.Dir))}
	}
	if err := im.importShared(ctx, run.Run); err != nil {
		return outcome{err: err}
	}
	got := im.copyRun(ctx, run)
	if errors.Is(got.err, repo.ErrExists) { // another import added it first
		return im.importRun(ctx, id)
	}
	return got
}

// importNotes imports the notes of a run that is already here.
func (im *importer) importNotes(run *sourceRun) outcome {
	got := outcome{here: true}
	there := map[string]bool{}
	if im.ask.DryRun {
		notes, err := im.to.NotesHere(run.ID)
		if err != nil {
			return outcome{err: err}
		}
		for _, n := range notes {
			there[path.Base(n.Name)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.notes)) {
		added := !there[name]
		if !im.ask.DryRun {
			var err error
			if added, err = im.to.AddNote(run.ID, name, run.notes[name]); err != nil {
				return outcome{err: err}
			}
		}
		if added {
			got.notes++
			got.files++
			got.bytes += int64(len(run.notes[name]))
		}
	}
	return got
}

// copyRun copies a run that is new here.
func (im *importer) copyRun(ctx context.Context, run *sourceRun) outcome {
	got := outcome{files: 1 + len(run.files) + len(run.notes), bytes: int64(len(run.record))}
	fail := func(err error) outcome { return outcome{err: err} }
	for _, want := range run.files {
		got.bytes += want.Bytes
	}
	for _, data := range run.notes {
		got.bytes += int64(len(data))
	}
	if im.ask.DryRun {
		if err := run.verify(ctx); err != nil {
			return fail(err)
		}
		return got
	}
	in, err := im.to.Receive(run.ID)
	if err != nil {
		return fail(err)
	}
	defer in.Discard()
	for _, name := range slices.Sorted(maps.Keys(run.files)) {
		err := in.Add(name, run.files[name], func(w io.Writer) error { return copyTo(ctx, w, run.dir, name) })
		if err != nil {
			return fail(err)
		}
	}
	for name, data := range run.notes {
		if err := in.AddBytes(path.Join("notes", name), data); err != nil {
			return fail(err)
		}
	}
	if err := in.AddBytes(repo.RecordName, run.record); err != nil {
		return fail(err)
	}
	if err := in.Place(); err != nil {
		return fail(err)
	}
	if err := errors.Join(im.to.Unmark(run.ID), in.Keep()); err != nil {
		return fail(err)
	}
	return got
}
