package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/parallel"
)

// Revision holds the runs of a commit, read without a checkout. Records and notes are in memory; the other files of a
// run are copied to a temporary folder when they are needed. Close removes the folder.
type Revision struct {
	*Repository
	Commit string
	ids    []string
	runs   map[string]*revisionRun
	wanted func(id string) bool // the runs that are read

	listing sync.RWMutex // guards runs and batched, to which load adds while other goroutines read files
	batched []*revisionBatch
	late    *Repository // its notes of these runs count too, because they are not committed yet; may be nil

	ctx      context.Context // for the files that are copied when they are needed
	fetching sync.Mutex      // guards the temporary folder, and Dir of the entries
	fetched  map[string]bool // the runs whose files are in the temporary folder
	copied   map[string]bool // the single files that are in it, by their paths in .runs
	ahead    *readAhead      // what is fetched with them
}

// revisionRun holds the files of a run in a commit.
type revisionRun struct {
	record []byte
	notes  []noteFile
	err    error
	files  []git.Entry // all in its folder

	batches []revisionMember // the batches that have the run
}

// maxFetchedBytes is the size of the largest file of a run that is read from Git.
const maxFetchedBytes = 2 << 30

// At reads the runs of a revision. A commit without .runs has none.
func (r *Repository) At(ctx context.Context, rev string) (*Revision, error) {
	v, err := r.atCommit(ctx, rev)
	if err != nil {
		return nil, err
	}
	if err := v.readRecords(ctx); err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	return v, nil
}

// IDsAt returns the ids of the runs of a revision.
func (r *Repository) IDsAt(ctx context.Context, rev string) ([]string, error) {
	commit, tree, err := r.commitOf(ctx, rev)
	if err != nil {
		return nil, err
	}
	ids, _, _, err := idsOf(ctx, r.Git, commit, tree)
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	return ids, nil
}

// CommitAt returns the commit of a revision.
func (r *Repository) CommitAt(ctx context.Context, rev string) (string, error) {
	commit, _, err := r.commitOf(ctx, rev)
	return commit, err
}

// commitOf returns the commit of a revision and the path of .runs in it.
func (r *Repository) commitOf(ctx context.Context, rev string) (commit, tree string, err error) {
	if !r.InGit {
		return "", "", fmt.Errorf("reading the runs of %s: this is not a Git repository", rev)
	}
	if commit, err = git.Commit(ctx, r.Git, rev); err != nil {
		return "", "", &HintError{err, RevisionHint(err)}
	}
	tree, err = r.TreePath()
	return commit, tree, err
}

// RevisionHint returns the next step after a revision was not found.
func RevisionHint(err error) string {
	switch {
	case !errors.Is(err, git.ErrNoGit):
		return "run 'git fetch' to update, or 'git branch -a' to list the names"
	case git.OnlyGitNames(err):
		return "name a branch, a tag or a commit, or run the command where git is installed"
	}
	return "run the command where git is installed"
}

func (r *Repository) atCommit(ctx context.Context, rev string) (*Revision, error) {
	commit, tree, err := r.commitOf(ctx, rev)
	if err != nil {
		return nil, err
	}
	entries, err := git.FilesIn(ctx, r.Git, commit, tree)
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	return r.revision(commit, tree, entries, func(string) bool { return true }), nil
}

// revision makes a Revision with the wanted runs from the files of a commit.
func (r *Repository) revision(commit, tree string, entries []git.Entry, wanted func(id string) bool) *Revision {
	at := *r
	at.commit, at.tree = commit, tree
	at.Dir, at.active, at.left = "", "", nil
	v := &Revision{Repository: &at, Commit: commit, runs: map[string]*revisionRun{}, wanted: wanted}
	v.add(entries)
	return v
}

// add adds files of the commit. Names that a repository of runs does not have are ignored.
func (v *Revision) add(entries []git.Entry) {
	for _, e := range entries {
		e.Path = strings.TrimPrefix(e.Path, v.tree+"/")
		parts := strings.SplitN(e.Path, "/", 3)
		switch {
		case len(parts) != 3 || format.CheckDay(parts[0]) != nil || format.CheckPath(parts[2]) != nil ||
			!strings.HasPrefix(e.Mode, "100"):
		case format.IsBatchName(parts[1]):
			v.addBatched(parts, e)
		case format.CheckID(parts[1]) == nil && format.IDDay(parts[1]) == parts[0] && v.wanted(parts[1]):
			run := v.runOf(parts[1])
			run.files = append(run.files, e)
		}
	}
}

// Close removes the temporary folder.
func (v *Revision) Close() {
	v.fetching.Lock()
	defer v.fetching.Unlock()
	if v.Dir != "" {
		_ = os.RemoveAll(filepath.Dir(v.Dir))
	}
}

// readRecords reads all records and notes with one Git process.
func (v *Revision) readRecords(ctx context.Context) error {
	if err := v.readBatches(ctx); err != nil {
		return err
	}
	return v.readRecordsOf(ctx, v.ids)
}

func (v *Revision) readRecordsOf(ctx context.Context, ids []string) error {
	type place struct {
		id   string
		run  *revisionRun
		name string
	}
	var places []place
	var objects []string
	for _, id := range ids {
		run := v.runs[id]
		for _, e := range run.files {
			name := e.Path[len(format.IDDay(id))+len(id)+2:]
			if name == RecordName || path.Dir(name) == notesName && isNoteName(path.Base(name)) {
				places = append(places, place{id, run, name})
				objects = append(objects, e.ID)
			}
		}
	}
	return git.ReadObjects(ctx, v.Git, objects, format.MaxRecordBytes, func(i int, data []byte, err error) error {
		at := places[i]
		switch {
		case err != nil:
			at.run.err = fmt.Errorf("%s: %w", at.name, err)
		case at.name == RecordName:
			at.run.record = data
		case len(at.run.notes) < maxNotes:
			show := path.Join(v.Commit[:min(12, len(v.Commit))], at.id, at.name)
			at.run.notes = append(at.run.notes, noteFile{path.Base(at.name), data, show})
		}
		return nil
	})
}

// List decodes the records, newest first. A damaged one does not hide the others. The context must stay valid as long
// as files of the runs may be needed.
func (v *Revision) List(ctx context.Context) ([]*Entry, []Damage, error) {
	v.ctx, v.fetched = ctx, map[string]bool{}
	entries := make([]*Entry, len(v.ids))
	errs := make([]error, len(v.ids))
	parallel.Each(len(v.ids), func(i int) {
		if ctx.Err() == nil {
			entries[i], errs[i] = v.entry(v.ids[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	var damaged []Damage
	for i, err := range errs {
		if err != nil {
			damaged = append(damaged, Damage{v.ids[i], err})
		}
	}
	damaged = append(damaged, v.damagedBatches()...)
	entries = slices.DeleteFunc(entries, func(e *Entry) bool { return e == nil })
	slices.SortFunc(entries, func(a, b *Entry) int { return newer(a.Run, b.Run) })
	return entries, damaged, nil
}

// entry returns a run with its notes, also those that the commit does not have.
func (v *Revision) entry(id string) (*Entry, error) {
	e, err := v.record(id)
	if err != nil {
		return nil, err
	}
	notes := v.runs[id].notes
	if v.late != nil {
		e.noted = v.late
		late, err := v.late.lateNotes(id)
		if err != nil {
			return nil, err
		}
		notes = mergeNotes(notes, late)
	}
	if err := applyNotes(e.Run, notes); err != nil {
		return nil, err
	}
	return e, nil
}

// committed returns a run as the commit has it, whatever was noted since.
func (v *Revision) committed(id string) (*Entry, error) {
	e, err := v.record(id)
	if err != nil {
		return nil, err
	}
	e.noted = v.late
	return e, applyNotes(e.Run, v.runs[id].notes)
}

// record returns a run without its notes.
func (v *Revision) record(id string) (*Entry, error) {
	from := v.runs[id]
	name := path.Join(v.Commit[:min(12, len(v.Commit))], id, RecordName)
	record := from.record
	switch {
	case from.err != nil:
		return nil, fmt.Errorf("%s: %w", name, from.err)
	case len(from.batches) > 0:
		var err error
		if record, err = from.recordOf(id); err != nil {
			return nil, err
		}
	case record == nil:
		return nil, fmt.Errorf("%s: the file is missing", name)
	}
	run, err := decodeFinished(name, id, record)
	if err != nil {
		return nil, err
	}
	return &Entry{Run: run, repo: v.Repository, from: v, batch: v.batchOf(id)}, nil
}

// fetch copies the files of a run into a temporary folder, once, so that its points can be read. Several goroutines may
// need them at once.
func (v *Revision) fetch(e *Entry) error {
	v.fetching.Lock()
	defer v.fetching.Unlock()
	if e.Dir != "" {
		return nil
	}
	if err := v.makeDir(); err != nil {
		return err
	}
	if !v.fetched[e.ID] {
		files := v.filesOf(e.ID)
		objects := make([]string, len(files))
		for i, entry := range files {
			objects[i] = entry.ID
		}
		if err := git.Prefetch(v.ctx, v.Git, objects); err != nil {
			return err
		}
		for _, entry := range files {
			if err := v.copyOut(entry); err != nil {
				return err
			}
		}
		v.fetched[e.ID] = true
	}
	if e.batch != nil {
		e.batch.Dir = filepath.Join(v.Dir, e.batch.Day, e.batch.Name)
	}
	e.Dir = v.RunDir(e.ID)
	return nil
}

// makeDir makes the temporary folder. The caller holds the lock.
func (v *Revision) makeDir() error {
	if v.Dir != "" {
		return nil
	}
	dir, err := v.temporary("runs-revision-")
	if err == nil {
		v.Dir, v.active = filepath.Join(dir, DirName), filepath.Join(dir, "active")
	}
	return err
}

// locate returns the path of a file of a run, which it copies to the temporary folder by itself. A file that the commit
// does not have may be in the working tree: console output, for example, is not committed.
func (v *Revision) locate(e *Entry, name string) (string, error) {
	v.fetching.Lock()
	if e.Dir != "" {
		defer v.fetching.Unlock()
		return e.path(name), nil
	}
	v.fetching.Unlock()
	if entry, ok := v.find(e.ID, name); ok {
		return v.copyOne(entry)
	}
	if v.late != nil {
		there := &Entry{Run: e.Run, Dir: v.late.RunDir(e.ID)}
		return filepath.Join(there.Dir, filepath.FromSlash(name)), there.realFolders(name)
	}
	v.fetching.Lock()
	defer v.fetching.Unlock()
	return filepath.Join(v.RunDir(e.ID), filepath.FromSlash(name)), v.makeDir()
}

// has reports whether the commit has a file of a run.
func (v *Revision) has(id, name string) bool {
	_, ok := v.find(id, name)
	return ok
}

// find returns a file that the commit has of a run, in the folder of the run or in its batch.
func (v *Revision) find(id, name string) (git.Entry, bool) {
	v.listing.RLock()
	defer v.listing.RUnlock()
	run := v.runs[id]
	if run == nil {
		return git.Entry{}, false
	}
	own := path.Join(format.IDDay(id), id, name)
	if i := slices.IndexFunc(run.files, func(e git.Entry) bool { return e.Path == own }); i >= 0 {
		return run.files[i], true
	}
	if len(run.batches) > 0 {
		return run.batches[0].file(path.Join(format.BatchFilesName, id, name))
	}
	return git.Entry{}, false
}

func (v *Revision) allFiles() []git.Entry {
	v.listing.RLock()
	defer v.listing.RUnlock()
	var files []git.Entry
	for _, run := range v.runs {
		files = append(files, run.files...)
	}
	for _, b := range v.batched {
		files = append(files, b.files...)
	}
	return files
}

// copyOne copies a file of the commit to the temporary folder, once, and returns its path.
func (v *Revision) copyOne(entry git.Entry) (string, error) {
	v.fetching.Lock()
	defer v.fetching.Unlock()
	if err := v.makeDir(); err != nil {
		return "", err
	}
	at := filepath.Join(v.Dir, filepath.FromSlash(entry.Path))
	if v.copied[entry.Path] {
		return at, nil
	}
	if v.ahead == nil {
		v.ahead = &readAhead{files: v.allFiles}
	}
	if err := git.Prefetch(v.ctx, v.Git, v.ahead.with(entry)); err != nil {
		return "", err
	}
	if err := v.copyOut(entry); err != nil {
		return "", err
	}
	if v.copied == nil {
		v.copied = map[string]bool{}
	}
	v.copied[entry.Path] = true
	return at, nil
}

// copyOut copies a file of the commit into the temporary folder. It replaces what a copy that failed has left.
func (v *Revision) copyOut(entry git.Entry) error {
	file := filepath.Join(v.Dir, filepath.FromSlash(entry.Path))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(git.ReadBlob(v.ctx, v.Git, entry.ID, maxFetchedBytes, f), f.Close())
	if err != nil {
		return fmt.Errorf("reading %s of commit %.12s: %w", entry.Path, v.Commit, err)
	}
	return nil
}

// Branches returns the names of the local branches.
func (r *Repository) Branches(ctx context.Context) ([]string, error) {
	if !r.InGit {
		return nil, errors.New("listing branches: this is not a Git repository")
	}
	return git.Branches(ctx, r.Git)
}

// NewestBranches lists at most n local branches and n branches of remotes, those with the newest commits first. Outside
// Git, it lists none.
func (r *Repository) NewestBranches(ctx context.Context, n int) ([]git.Branch, error) {
	if !r.InGit {
		return nil, nil
	}
	return git.NewestBranches(ctx, r.Git, n, true)
}

// Reached returns the commits that a revision contains. It leaves out commits that are not in this clone.
func (r *Repository) Reached(ctx context.Context, commits []string, rev string) (map[string]bool, error) {
	return git.ReachableFrom(ctx, r.Git, commits, rev)
}

// Fork describes where the checked-out branch diverged from another one.
type Fork struct {
	Base      string // the other branch, as the caller gave it
	Commit    string // tip of Base
	MergeBase string
	Branch    string // branch that is checked out; empty if HEAD is detached
}

// Fork finds where HEAD diverged from base. If base is empty, it is the default branch of the remote.
func (r *Repository) Fork(ctx context.Context, base string) (*Fork, error) {
	if !r.InGit {
		return nil, errors.New("finding the base of the branch: this is not a Git repository")
	}
	head, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	if head.Commit == "" {
		return nil, errors.New("finding the base of the branch: it does not have a commit yet")
	}
	if base == "" {
		if base = git.DefaultBranch(ctx, r.Git); base == "" {
			return nil, withHint(fmt.Errorf("finding the base of the branch: %w", ErrNoBase),
				"name it with 'runs review BASE'")
		}
	}
	tip, err := git.Commit(ctx, r.Git, base)
	if err != nil {
		return nil, withHint(err, "run 'git fetch origin %s' first", strings.TrimPrefix(base, "origin/"))
	}
	common, err := git.MergeBase(ctx, r.Git, head.Commit, tip)
	if err != nil {
		return nil, err
	}
	if common == "" {
		err := fmt.Errorf("finding the base of the branch: HEAD and %s have no common commit", base)
		if r.Git.Shallow() {
			return nil, withHint(
				err, "the clone is shallow: set fetch-depth to 0 in the checkout, or run 'git fetch --unshallow'",
			)
		}
		return nil, err
	}
	return &Fork{Base: base, Commit: tip, MergeBase: common, Branch: head.Branch}, nil
}
