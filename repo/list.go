package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/parallel"
)

// Entry is a run in a list: its record with the notes merged in, and where it is stored.
type Entry struct {
	*format.Run
	Dir    string    // empty for a run of a revision until its files are needed
	Common bool      // Dir is in the common store: no folder of the working tree holds the run
	Active *Active   // nil for a finished run
	Life   Life      // of an active run
	Silent time.Time // last activity of an active run
	Joined bool      // a program that joined the active run has set its experiment, group and key
	repo   *Repository
	from   *Revision   // copies the files of a run of a revision to Dir; nil for other runs
	noted  *Repository // where notes for a run of the runs branch go
	batch  *inBatch    // nil for a run with a record in a folder of its own

	earlier []*Entry // parts of the chain that are read as one with it, newest first
	newest  *Entry   // the newest part alone, if earlier parts are read with it
}

// onDisk makes sure that Dir is set. For a run of a revision, the first call copies its files there.
func (e *Entry) onDisk() error {
	if e.from == nil {
		return nil
	}
	return e.from.fetch(e)
}

// OnDisk reports whether the files of the run can be read without copying them out of a revision first.
func (e *Entry) OnDisk() bool {
	if e.from == nil {
		return true
	}
	e.from.fetching.Lock()
	defer e.from.fetching.Unlock()
	return e.Dir != ""
}

// Repository returns the repository that the run and its shared files are read from. It is that of the working tree
// or of a revision.
func (e *Entry) Repository() *Repository { return e.repo }

// Damage is a run that could not be read.
type Damage struct {
	ID  string
	Err error
}

func (d Damage) Error() string { return d.Err.Error() }

// Denied reports whether the run may be sound: the user may not read its files.
func (d Damage) Denied() bool { return errors.Is(d.Err, fs.ErrPermission) }

// List reads all runs, finished and active, newest first. A damaged run does not hide the others.
func (r *Repository) List(ctx context.Context) ([]*Entry, []Damage, error) {
	var jobs []func() (*Entry, error)
	var ids []string
	err := r.eachFinished(func(id string) {
		ids = append(ids, id)
		jobs = append(jobs, func() (*Entry, error) { return r.readFinished(id) })
	})
	if err != nil {
		return nil, nil, err
	}
	if err := r.left.load(ctx, ids); err != nil {
		return nil, nil, fmt.Errorf("reading the runs that are not checked out: %w", err)
	}
	actives, err := r.Actives()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range append(actives, r.OtherActives()...) {
		ids = append(ids, a.ID)
		jobs = append(jobs, func() (*Entry, error) { return a.Entry(ctx) })
	}
	entries := make([]*Entry, len(jobs))
	errs := make([]error, len(jobs))
	parallel.Each(len(jobs), func(i int) {
		if ctx.Err() == nil {
			entries[i], errs[i] = jobs[i]()
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	var damaged []Damage
	for i, err := range errs {
		if err != nil && !errors.Is(err, ErrFinished) && !errors.Is(err,
			fs.ErrNotExist) { // removed or finished since it was listed
			damaged = append(damaged, Damage{ids[i], err})
		}
	}
	damaged = append(damaged, r.damagedBatches()...)
	entries = slices.DeleteFunc(entries, func(e *Entry) bool { return e == nil })
	slices.SortFunc(entries, func(a, b *Entry) int { return newer(a.Run, b.Run) })
	return entries, damaged, nil
}

// newer orders runs, newest first.
func newer(a, b *format.Run) int {
	if c := b.Started.Compare(a.Started); c != 0 {
		return c
	}
	return strings.Compare(b.ID, a.ID)
}

// readNames returns the names in a folder, in no order. It is faster than os.ReadDir for thousands of runs.
func readNames(dir string) ([]string, error) {
	if err := realDir(dir); err != nil { // opening a named pipe would wait
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Readdirnames(-1)
}

// readFinished reads the record of a finished run and merges its notes.
func (r *Repository) readFinished(id string) (*Entry, error) {
	homes := r.Homes()
	entry, err := r.readFinishedIn(homes[0], id)
	if err != nil && len(homes) > 1 && !exists(filepath.Join(homes[0].RunDir(id), RecordName)) &&
		len(r.batchesOf(homes[0], id)) == 0 {
		// A switch of branches, or a note, leaves a folder without a record.
		if again, err := r.readFinishedIn(homes[1], id); !errors.Is(err, fs.ErrNotExist) {
			return again, err
		}
	}
	if err != nil && r.left.hasRun(id) {
		return r.left.entry(id)
	}
	return entry, err
}

// readFinishedIn reads a finished run of one home.
func (r *Repository) readFinishedIn(home Home, id string) (*Entry, error) {
	e, _, err := r.readRecordIn(home, id)
	return e, err
}

// readRecordIn is like readFinishedIn, and also returns the bytes of the record.
func (r *Repository) readRecordIn(home Home, id string) (*Entry, []byte, error) {
	if batches := r.batchesOf(home, id); len(batches) > 0 {
		e, err := r.readBatched(home, id, batches)
		if err != nil {
			return nil, nil, err
		}
		return e, e.batch.run.Record, nil
	}
	dir := home.RunDir(id)
	for _, folder := range []string{filepath.Dir(dir), dir} {
		if err := realDir(folder); err != nil {
			return nil, nil, err
		}
	}
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if err != nil {
		// Switching to a branch without the run leaves untracked files behind: notes, console output.
		if errors.Is(err, fs.ErrNotExist) && exists(filepath.Join(dir, MetricsName)) {
			return nil, nil, fmt.Errorf("%s: run.toml is missing", Relative(r.Root, dir))
		}
		return nil, nil, err
	}
	run, err := decodeFinished(Relative(r.Root, filepath.Join(dir, RecordName)), id, data)
	if err != nil {
		ours, found := r.recordInConflict(dir, data)
		if !found {
			return nil, nil, err
		}
		if run, err = decodeFinished(Relative(r.Root, filepath.Join(dir, RecordName)), id, ours); err != nil {
			return nil, nil, err
		}
		data = ours
	}
	if err := r.applyNotesOf(run, dir); err != nil {
		return nil, nil, err
	}
	return &Entry{Run: run, Dir: dir, Common: home.Common, repo: r}, data, nil
}

// recordInConflict returns the record that the branch here has of a run, if both sides of a merge have changed it: Git
// has written both into one file, between lines that mark them.
func (r *Repository) recordInConflict(dir string, data []byte) ([]byte, bool) {
	if !r.InGit || !bytes.Contains(data, []byte("\n<<<<<<< ")) {
		return nil, false
	}
	name, err := filepath.Rel(r.Git.Root, filepath.Join(dir, RecordName))
	if err != nil {
		return nil, false
	}
	var ours bytes.Buffer
	err = git.ReadBlob(context.Background(), r.Git, ":2:"+filepath.ToSlash(name), format.MaxRecordBytes, &ours)
	return ours.Bytes(), err == nil
}

// Actives lists the active runs of this repository. It leaves out finished runs whose active folder is kept only
// because a writer is still open.
func (r *Repository) Actives() ([]*Active, error) {
	names, folders, err := r.activeEntries()
	if err != nil {
		return nil, fmt.Errorf("listing runs in progress: %w", err)
	}
	var actives []*Active
	for i, name := range names {
		if !name.IsDir() || format.CheckID(name.Name()) != nil {
			continue
		}
		a := &Active{ID: name.Name(), Dir: filepath.Join(folders[i], name.Name()), repo: r}
		if a.elsewhere() {
			continue
		}
		if a.check() == nil {
			actives = append(actives, a)
		}
	}
	return actives, nil
}

// goesHere reports whether an active run belongs to this repository. The linked worktrees of a clone share one folder
// of active runs.
func (a *Active) goesHere() bool {
	owners, err := a.owners()
	return err != nil || len(owners) == 0 || a.repo.isOwn(owners[0])
}

// Entry reads the present state of an active run: the run.toml that it was started with, and everything in its
// journals.
func (a *Active) Entry(ctx context.Context) (*Entry, error) {
	return a.entry(ctx, nil)
}

func (a *Active) entry(ctx context.Context, point func(string, format.Point) error) (*Entry, error) {
	fail := func(err error) (*Entry, error) {
		if finished := a.check(); errors.Is(finished, ErrFinished) {
			return nil, finished
		}
		return nil, err
	}
	run, err := a.record()
	if err != nil {
		return fail(err)
	}
	files, err := a.journals(journalPrefix)
	if err != nil {
		return fail(err)
	}
	sortJournals(files)
	f := newFold(run, point)
	f.settings = a.settings().Experiment
	silent := run.Started
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return fail(err)
		}
	}
	if last := fromMicro(f.last); last.After(silent) {
		silent = last
	}
	run.Metrics = f.metrics(a.settings().GoalIn(run))
	for _, line := range f.artifacts {
		if line.SHA256 != "" && format.CheckPath(line.Name) == nil {
			run.Artifacts = append(run.Artifacts, format.Artifact{
				Path: line.Name, SHA256: line.SHA256, Bytes: line.Bytes,
				Kind: line.Kind, Key: line.Key, Step: line.Step, Caption: line.Caption,
			})
		}
	}
	notes, err := notesIn(a.Dir)
	if err == nil {
		err = applyNotes(run, notes)
	}
	if err != nil {
		return fail(err)
	}
	l, err := a.Life("")
	if err != nil {
		return fail(err)
	}
	return &Entry{Run: run, Dir: a.Dir, Active: a, Life: l, Silent: silent, Joined: f.joined, repo: a.repo}, nil
}

// Read reads a run by its id. If it does not exist, the error is ErrNotActive.
func (r *Repository) Read(ctx context.Context, id string) (*Entry, error) {
	if err := format.CheckID(id); err != nil {
		return nil, err
	}
	if r.HasRun(id) {
		return r.readFinished(id)
	}
	a, err := r.Open(id)
	if err != nil {
		return nil, err
	}
	return a.Entry(ctx)
}

// decodeFinished decodes the record of a finished run that is stored in the folder of id.
func decodeFinished(name, id string, data []byte) (*format.Run, error) {
	if len(data) > largeRecord {
		return decodeLarge(name, id, data)
	}
	return finishedRun(name, id, data, &format.RunDecoder{})
}

// refused remembers why large records were refused. A page and a list of all runs read a damaged record several times,
// and a hostile one takes seconds.
var refused struct {
	sync.Mutex
	why map[refusedRecord]error
}

type refusedRecord struct {
	name string
	sum  [sha256.Size]byte
}

const (
	largeRecord = 64 << 10
	maxRefused  = 1000 // that are remembered
	maxReason   = 4096 // bytes of the message of one
)

// decodeLarge is decodeFinished for a record that is so large that a refusal is remembered.
func decodeLarge(name, id string, data []byte) (*format.Run, error) {
	record := refusedRecord{name + "\x00" + id, sha256.Sum256(data)}
	refused.Lock()
	err := refused.why[record]
	refused.Unlock()
	if err != nil {
		return nil, err
	}
	run, err := finishedRun(name, id, data, &format.RunDecoder{})
	if err == nil || len(err.Error()) > maxReason {
		return run, err
	}
	refused.Lock()
	defer refused.Unlock()
	if refused.why == nil {
		refused.why = map[refusedRecord]error{}
	}
	if len(refused.why) < maxRefused {
		refused.why[record] = err
	}
	return nil, err
}

// finishedRun is like decodeFinished, with a decoder that may have decoded other records.
func finishedRun(name, id string, data []byte, d *format.RunDecoder) (*format.Run, error) {
	run, err := d.Decode(name, data)
	switch {
	case err != nil:
		return nil, err
	case run.ID != id:
		return nil, fmt.Errorf("%s: it has the id of run %s", name, run.ID)
	case run.Status == format.Running:
		return nil, fmt.Errorf("%s: it is among the finished runs, but its status is running", name)
	}
	return run, nil
}

// realDir returns an error if a folder of a run is a link: it could lead out of the repository.
func realDir(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return err
}
