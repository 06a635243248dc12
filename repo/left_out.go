package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
)

// leftOut knows the files of .runs that are missing from the working tree on purpose: a sparse checkout leaves them
// out, or nothing was ever checked out. They are read from Git, which fetches them first if the clone is partial. A
// file that exists counts as it is. In the usual clone, each question costs one look at the first bytes of the index.
type leftOut struct {
	repo *Repository

	mu    sync.Mutex // guards what follows
	read  bool
	index fs.FileInfo          // the index that was read; nil if there is none
	err   error                // of reading it
	files map[string]git.Entry // the files that are left out, by their path in .runs
	names map[string][]string  // the names of those in each folder of .runs, sorted
	ids   []string             // the runs whose record is left out
	runs  *Revision            // reads them; nil if no file is left out
	old   []*Revision          // of earlier states of the index
	notes leftNotes            // those that were read

	batched bool // the runs of batches are still to be read
}

// refresh reads the list again if the index has changed. The caller holds the lock.
func (l *leftOut) refresh() error {
	info := git.IndexInfo(l.repo.Git)
	if l.read && sameIndex(l.index, info) {
		return l.err
	}
	l.read, l.index, l.err = true, info, nil
	if l.runs != nil {
		l.old = append(l.old, l.runs)
	}
	l.files, l.names, l.ids, l.runs, l.batched = nil, nil, nil, nil, false
	l.notes = leftNotes{}
	if git.MayLeaveOut(l.repo.Git) {
		if l.err = l.list(context.Background()); l.err != nil {
			l.err = fmt.Errorf("listing the runs that are not checked out: %w", l.err)
		}
	}
	return l.err
}

func sameIndex(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (l *leftOut) list(ctx context.Context) error {
	tree, err := l.repo.TreePath()
	if err != nil {
		return nil // RUNS_REPO is outside the working tree
	}
	entries, err := git.Indexed(ctx, l.repo.Git, tree)
	if err != nil {
		return err
	}
	files := map[string]git.Entry{}
	records, batches := map[string]bool{}, false
	for _, e := range entries {
		name, below := strings.CutPrefix(e.Path, tree+"/")
		if !below || !e.LeftOut || !strings.HasPrefix(e.Mode, "100") || format.CheckPath(name) != nil {
			continue
		}
		files[name] = e.Entry
		if path.Base(name) == RecordName {
			records[path.Base(path.Dir(name))] = true
		}
		batches = batches || path.Base(name) == format.BatchRunsName
	}
	if len(files) == 0 {
		return nil
	}
	tip, err := git.ReadTip(ctx, l.repo.Git)
	if err != nil {
		return err
	}
	if tip.Commit == "" { // a branch without a commit, whose index is that of another
		tip.Commit = strings.Repeat("0", 40)
	}
	own := make([]git.Entry, len(entries))
	for i, e := range entries {
		own[i] = e.Entry
	}
	v := l.repo.revision(tip.Commit, tree, own, func(id string) bool { return batches || records[id] })
	v.late, v.ctx, v.fetched = l.repo, ctx, map[string]bool{}
	v.ahead = &readAhead{files: func() []git.Entry {
		all := make([]git.Entry, 0, len(files))
		for name, e := range files {
			e.Path = name
			all = append(all, e)
		}
		return all
	}}
	l.files, l.names, l.ids, l.runs, l.batched = files, map[string][]string{}, v.ids, v, batches
	for name := range files {
		l.names[path.Dir(name)] = append(l.names[path.Dir(name)], path.Base(name))
	}
	for folder, names := range l.names {
		slices.Sort(names)
		l.notes.add(folder, names, files)
	}
	return nil
}

// useRuns is like use, and knows the runs of batches too. Their records are read for that, which may need the network.
func (l *leftOut) useRuns(do func() error) error {
	return l.use(func() error {
		if l.batched {
			if err := l.readBatches(context.Background()); err != nil {
				return fmt.Errorf("listing the runs that are not checked out: %w", err)
			}
			l.batched = false
		}
		return do()
	})
}

// readBatches reads which runs are in batches whose records are left out. It takes the runs that the working tree has
// out of the list.
func (l *leftOut) readBatches(ctx context.Context) error {
	v := l.runs
	v.batched = slices.DeleteFunc(v.batched, func(b *revisionBatch) bool {
		_, ok := l.files[path.Join(b.day, b.name, format.BatchRunsName)]
		return !ok
	})
	if err := v.readBatches(ctx); err != nil {
		return err
	}
	v.ids = slices.DeleteFunc(v.ids, func(id string) bool {
		_, record := l.files[path.Join(format.IDDay(id), id, RecordName)]
		if gone := !record && len(v.runs[id].batches) == 0; gone {
			delete(v.runs, id)
			return true
		}
		return false
	})
	l.ids = v.ids
	return nil
}

// use calls do with the present list. It does nothing for a repository that has none, such as a revision.
func (l *leftOut) use(do func() error) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refresh(); err != nil {
		return err
	}
	return do()
}

// has reports whether a file of .runs is left out.
func (l *leftOut) has(name string) bool {
	found := false
	_ = l.use(func() error {
		_, found = l.files[name]
		return nil
	})
	return found
}

// hasBelow reports whether a file in a folder of .runs, or in its subfolders, is left out.
func (l *leftOut) hasBelow(folder string) bool {
	found := false
	_ = l.use(func() error {
		for name := range l.files {
			found = found || strings.HasPrefix(name, folder+"/")
		}
		return nil
	})
	return found
}

// entriesIn lists the names in a folder of .runs, of files and of folders, that have files which are left out.
func (l *leftOut) entriesIn(folder string) []string {
	var names []string
	_ = l.use(func() error {
		for name := range l.files {
			if below, ok := strings.CutPrefix(name, folder+"/"); ok {
				first, _, _ := strings.Cut(below, "/")
				names = append(names, first)
			}
		}
		return nil
	})
	return names
}

// hasRun reports whether the record of a run is left out.
func (l *leftOut) hasRun(id string) bool {
	found := false
	record := path.Join(format.IDDay(id), id, RecordName)
	if l.has(record) {
		return true
	}
	_ = l.useRuns(func() error {
		if l.runs != nil {
			run := l.runs.runs[id]
			found = run != nil && len(run.batches) > 0
		}
		return nil
	})
	return found
}

// namesIn lists the files directly in a folder of .runs that are left out, sorted.
func (l *leftOut) namesIn(folder string) ([]string, error) {
	var names []string
	err := l.use(func() error {
		names = slices.Clone(l.names[folder])
		return nil
	})
	return names, err
}

// leftBatches lists the batches of a day that have a folder in the working tree but not their records.
func (r *Repository) leftBatches(day string) []string {
	if r.leftRuns() == nil {
		return nil
	}
	names, err := readNames(filepath.Join(r.Dir, day))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !format.IsBatchName(name) || !r.left.has(path.Join(day, name, format.BatchRunsName)) ||
			exists(filepath.Join(r.Dir, day, name, format.BatchRunsName))
	})
}

// file copies a left-out file of .runs to a temporary folder and returns its path. It is "" if the file is not left
// out.
func (l *leftOut) file(name string) (at string, err error) {
	err = l.use(func() error {
		e, ok := l.files[name]
		if !ok {
			return nil
		}
		e.Path = name
		at, err = l.runs.copyOne(e)
		return err
	})
	return at, err
}

// data returns the content of a left-out file of .runs. If the file is not left out, the error is fs.ErrNotExist.
func (l *leftOut) data(name string, limit int64) ([]byte, error) {
	out := bytes.Buffer{}
	err := l.use(func() error {
		e, ok := l.files[name]
		if !ok {
			return nil
		}
		return git.ReadBlob(context.Background(), l.repo.Git, e.ID, limit, &out)
	})
	if err != nil {
		return nil, err
	}
	if out.Bytes() == nil && !l.has(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return out.Bytes(), nil
}

// load reads the records and notes of left-out runs with one request.
func (l *leftOut) load(ctx context.Context, ids []string) error {
	return l.useRuns(func() error {
		if l.runs == nil {
			return nil
		}
		return l.runs.readRecordsOf(ctx, slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			run := l.runs.runs[id]
			return run == nil || run.record != nil
		}))
	})
}

// entry returns a run whose record is left out. If it is not one, the error is fs.ErrNotExist.
func (l *leftOut) entry(id string) (*Entry, error) { return l.readRun(nil, id, (*Revision).entry) }

// committed returns a run as v has it, and nothing else that is known of it. If the list is no longer that of v, the
// error is fs.ErrNotExist.
func (l *leftOut) committed(v *Revision, id string) (*Entry, error) {
	return l.readRun(v, id, (*Revision).committed)
}

// readRun reads a run of the list, which must be that of v unless v is nil.
func (l *leftOut) readRun(v *Revision, id string, read func(*Revision, string) (*Entry, error)) (*Entry, error) {
	var e *Entry
	err := l.useRuns(func() error {
		if l.runs == nil || l.runs.runs[id] == nil || v != nil && l.runs != v {
			return nil
		}
		run := l.runs.runs[id]
		if run.record == nil {
			if err := l.runs.readRecordsOf(context.Background(), []string{id}); err != nil {
				return err
			}
		}
		var err error
		e, err = read(l.runs, id)
		run.record, run.notes, run.err = nil, nil, nil // an entry has what it needs
		return err
	})
	if err == nil && e == nil {
		err = &fs.PathError{Op: "open", Path: path.Join(format.IDDay(id), id, RecordName), Err: fs.ErrNotExist}
	}
	return e, err
}

// each calls visit with the runs whose record is left out.
func (l *leftOut) each(visit func(id string)) error {
	return l.useRuns(func() error {
		for _, id := range l.ids {
			visit(id)
		}
		return nil
	})
}

// close removes the copies.
func (l *leftOut) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.old {
		v.Close()
	}
	if l.runs != nil {
		l.runs.Close()
	}
	l.read, l.files, l.names, l.ids, l.runs, l.old, l.batched = false, nil, nil, nil, nil, nil, false
	l.notes = leftNotes{}
}

// Close removes the temporary copies of files that a sparse checkout leaves out. The repository can still be used.
func (r *Repository) Close() { r.left.close() }

// IsLeftOut reports whether a sparse checkout leaves out the record of a run, which the working tree does not have.
func (r *Repository) IsLeftOut(id string) bool {
	return !exists(filepath.Join(r.RunDir(id), RecordName)) && len(r.batchesOf(Home{Dir: r.Dir}, id)) == 0 &&
		r.left.hasRun(id)
}

// LeavesOut reports whether a sparse checkout leaves out a file, by its path in .runs.
func (r *Repository) LeavesOut(name string) bool { return r.left.has(name) }

// LeftOut returns how many runs are only in the commit that is checked out because a sparse checkout leaves them out of
// the working tree. It does not count removed runs.
func (r *Repository) LeftOut() (int, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return 0, err
	}
	ids, err := r.leftOutIDs(removed)
	return len(ids), err
}

// leftOutIDs lists the runs that are only in the commit that is checked out, without those in removed.
func (r *Repository) leftOutIDs(removed map[string]bool) (ids []string, err error) {
	err = r.left.each(func(id string) {
		if !removed[id] && !exists(filepath.Join(r.RunDir(id), RecordName)) {
			ids = append(ids, id)
		}
	})
	return ids, err
}

// leftOutSets groups left-out runs by day, for the index. rest has those that also have annotations which may not be
// committed. The sets are those of the revision v.
func (r *Repository) leftOutSets(ids []string) (sets []index.Kept, rest []string, v *Revision, err error) {
	err = r.left.useRuns(func() error {
		if v = r.left.runs; v == nil { // another program has just checked out everything
			rest = ids
			return nil
		}
		days := map[string][]string{}
		for _, id := range ids {
			if v.runs[id] == nil || r.annotatedHere(id) {
				rest = append(rest, id)
			} else {
				days[format.IDDay(id)] = append(days[format.IDDay(id)], id)
			}
		}
		for _, day := range slices.Sorted(maps.Keys(days)) {
			sum := sha256.New()
			for _, id := range days[day] {
				v.runs[id].addTo(sum, id)
			}
			sets = append(sets, index.Kept{Key: hex.EncodeToString(sum.Sum(nil)), IDs: days[day]})
		}
		return nil
	})
	return sets, rest, v, err
}

// addTo adds what a run says in a commit to a digest, by the ids of its objects.
func (from *revisionRun) addTo(sum io.Writer, id string) {
	fmt.Fprintf(sum, "%s\n", id)
	for _, f := range from.files {
		if name := path.Base(f.Path); name == RecordName || path.Base(path.Dir(f.Path)) == notesName {
			fmt.Fprintf(sum, "%s %s\n", f.ID, name)
		}
	}
	for _, b := range from.batches {
		fmt.Fprintf(sum, "batch %s\n", b.run.SHA256)
	}
}

// leftOutBlocks returns the columns of left-out runs. Those of a day in the commit are read once. add is called with
// the runs that are in no block.
func (r *Repository) leftOutBlocks(ctx context.Context, ids []string, add func(string, *Entry, error)) (
	[]*index.Block, error,
) {
	if len(ids) == 0 {
		return nil, nil
	}
	sets, rest, v, err := r.leftOutSets(ids)
	if err != nil {
		return nil, err
	}
	cache := index.OpenCache(r.indexDir(), indexName(r.Dir+" left out"), r.Dir)
	blocks, err := cache.OpenKept(sets, func(ids []string) ([]*format.Run, error) {
		if err := r.left.load(ctx, ids); err != nil {
			return nil, err
		}
		var runs []*format.Run
		for _, id := range ids {
			// A set is kept by what the commit says: a copy elsewhere, or a note that comes meanwhile, is not of it.
			e, err := r.left.committed(v, id)
			if err == nil {
				runs = append(runs, e.Run)
				continue
			}
			if errors.Is(err, fs.ErrNotExist) { // the commit has changed meanwhile
				e, err = r.readFinished(id)
			}
			add(id, e, err)
		}
		return runs, ctx.Err()
	})
	if err == nil {
		err = r.left.load(ctx, rest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the runs that are not checked out: %w", err)
	}
	for _, id := range rest {
		e, err := r.readFinished(id)
		add(id, e, err)
	}
	return blocks, nil
}

// InCommit reports whether the record of the run is not in the working tree but in the commit that is checked out.
func (e *Entry) InCommit() bool {
	return e.from != nil && e.noted != nil && e.from == e.noted.leftRuns()
}

func (r *Repository) leftRuns() (v *Revision) {
	_ = r.left.use(func() error {
		v = r.left.runs
		return nil
	})
	return v
}

// readFile reads a file of .runs, from Git if a sparse checkout leaves it out.
func (r *Repository) readFile(name string, limit int64) ([]byte, error) {
	data, err := readBounded(filepath.Join(r.Dir, filepath.FromSlash(name)), limit)
	if errors.Is(err, fs.ErrNotExist) && r.left.has(name) {
		return r.left.data(name, limit)
	}
	return data, err
}

// locate returns the path of a file of a finished run. A file that is only in Git is copied to a temporary folder, by
// itself. The file need not exist.
func (e *Entry) locate(name string) (string, error) {
	if e.from != nil {
		return e.from.locate(e, name)
	}
	at := e.path(name)
	if e.Active != nil || e.Common || e.repo == nil || e.repo.left == nil || exists(at) {
		return at, nil
	}
	own := e.inTree(name)
	if e.Dir != e.repo.RunDir(e.ID) || !e.repo.left.has(own) {
		return at, nil
	}
	copied, err := e.repo.left.file(own)
	if err != nil {
		return "", fmt.Errorf("run %s: %w", e.ID, err)
	}
	return copied, nil
}

// inTree returns the path in .runs that a committed file of the run has: in the folder of the run or in its batch.
func (e *Entry) inTree(name string) string {
	if e.batch != nil {
		return path.Join(e.batch.Day, e.batch.Name, format.BatchFilesName, e.ID, name)
	}
	return path.Join(format.IDDay(e.ID), e.ID, name)
}

// inGitOnly reports whether a file of the run would be copied from Git to be read.
func (e *Entry) inGitOnly(name string) bool {
	if e.from != nil {
		e.from.fetching.Lock()
		defer e.from.fetching.Unlock()
		return !e.from.fetched[e.ID] && e.from.has(e.ID, name)
	}
	return e.Active == nil && e.repo != nil && e.repo.left.has(e.inTree(name)) && !exists(e.path(name))
}
