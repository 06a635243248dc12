package repo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/parallel"
)

// Table holds the columns of the runs of a repository, finished and active, newest first, in the order of List. The
// columns of finished runs may come from the index, which does not notice that another program edited a file in place.
// Load reads the records from the files.
type Table struct {
	*index.Table

	// Damage holds the runs that could not be read. They have no row.
	Damage []Damage

	// From is the oldest day that was read, or empty if all were; see TableNewest.
	From string

	repo    *Repository
	at      *Revision         // for the runs of a revision; otherwise nil
	entries map[string]*Entry // those that were read to make the table; it has all active runs
}

// IndexVariable is an environment variable for tests. If its value is IndexOff, the index is neither read nor written.
// If it is IndexUnsampled, nothing is looked at without a sign that it changed.
const (
	IndexVariable  = "RUNS_INDEX"
	IndexOff       = "0"
	IndexUnsampled = "unsampled"
)

// Table returns the columns of all runs. Runs that the index does not have are read, which it remembers.
func (r *Repository) Table(ctx context.Context) (*Table, error) {
	if os.Getenv(IndexVariable) == IndexOff {
		entries, damage, err := r.List(ctx)
		if err != nil {
			return nil, err
		}
		return r.tableOf(entries, damage), nil
	}
	return r.tableFrom(ctx, r.indexes(), "")
}

// tableFrom returns the columns of the runs of a day and of newer ones, or of all runs if from is empty.
func (r *Repository) tableFrom(ctx context.Context, homes []*index.Home, from string) (*Table, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	t := &Table{repo: r, From: from, entries: map[string]*Entry{}}
	var read []*format.Run // what is in no block
	add := func(id string, e *Entry, err error) {
		switch {
		case err == nil:
			t.entries[id] = e
			read = append(read, e.Run)
		case isDamage(err):
			t.Damage = append(t.Damage, Damage{id, err})
		}
	}
	var blocks []*index.Block
	bad := map[string]bool{}
	for _, home := range homes {
		home.From = from
		found, err := r.openIndex(ctx, home)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, found.Blocks...)
		for _, id := range found.Bad {
			if !removed[id] && !bad[id] && format.CheckID(id) == nil {
				bad[id] = true
				e, err := r.readFinished(id)
				add(id, e, err)
			}
		}
	}
	left, err := r.leftOutIDs(removed)
	if err != nil {
		return nil, err
	}
	left = slices.DeleteFunc(left, t.Unread)
	kept, err := r.leftOutBlocks(ctx, left, add)
	if err != nil {
		return nil, err
	}
	blocks = append(blocks, kept...)
	actives, err := r.Actives()
	if err != nil {
		return nil, err
	}
	for _, a := range append(actives, r.OtherActives()...) {
		e, err := a.Entry(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		add(a.ID, e, err)
	}
	t.Damage = append(t.Damage, r.damagedBatches()...)
	listsort.Stable(t.Damage, func(a, b Damage) int { return strings.Compare(a.ID, b.ID) })
	var keep func(id string) bool
	if len(removed)+len(bad) > 0 {
		keep = func(id string) bool { return !removed[id] && (!bad[id] || t.entries[id] != nil) }
	}
	if len(read) > 0 {
		blocks = append([]*index.Block{index.NewBlock(read)}, blocks...)
	}
	t.Table = index.NewTable(blocks, keep)
	return t, nil
}

// cleanIndex writes the index anew after a redaction: nothing stays in it of what the runs were before. It removes the
// indexes of other worktrees and of commits, which the next command that needs them makes again.
func (r *Repository) cleanIndex(ctx context.Context) error {
	dir := r.indexDir()
	own := map[string]bool{}
	for _, home := range r.Homes() {
		h := r.indexOf(home)
		h.Anew = true
		if _, err := h.Open(ctx); err == nil {
			own[indexName(home.Dir)] = true
		}
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if name, _, _ := strings.Cut(entry.Name(), "."); !own[name] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("removing the index, which may hold the secret: %w", err)
	}
	return nil
}

// indexOf returns the index of a home.
func (r *Repository) indexOf(home Home) *index.Home {
	h := &index.Home{
		Dir: home.Dir, State: 1, Cache: index.OpenCache(r.indexDir(), indexName(home.Dir), home.Dir),
		Read: func(id string) (*format.Run, error) {
			e, err := r.readFinishedIn(home, id)
			if err != nil {
				return nil, err
			}
			return e.Run, nil
		},
		Progress: r.Reading, Unsampled: os.Getenv(IndexVariable) == IndexUnsampled,
	}
	late, ok := r.lateHome()
	h.Apart = func() func(day string) index.Apart {
		left := r.left.noteSums()
		return func(day string) index.Apart {
			apart := index.Apart{Left: left[day]}
			if ok {
				apart.Dir = filepath.Join(late.Dir, day)
			}
			return apart
		}
	}
	if !home.Common {
		h.ReadBatched = func(day, batch string, ids []string) ([]*format.Run, []error) {
			return r.readOnlyBatched(home, day, batch, ids)
		}
		h.Batches = func(day string) []index.Batch {
			var batches []index.Batch
			for _, b := range r.batchesIn(home, day, nil) {
				batches = append(batches, index.Batch{Name: b.Name, IDs: b.ids, Bad: b.err != nil})
			}
			for _, name := range r.leftBatches(day) {
				batches = append(batches, index.Batch{Name: name, Left: true})
			}
			return batches
		}
	}
	if !home.Common && r.InGit {
		h.State = gitState(filepath.Join(r.Git.Git, "index"))
	}
	return h
}

// indexDir returns the folder of the index. It is in the common Git folder, or outside Git in .runs.
func (r *Repository) indexDir() string {
	if r.InGit {
		return filepath.Join(r.Git.Common, "runs", "cache", "index")
	}
	return filepath.Join(r.Dir, "cache")
}

// indexName returns the name of the files of a home in the folder of the index.
func indexName(dir string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir))
	return fmt.Sprintf("%016x", h.Sum64())
}

// gitState returns a digest of when Git last changed files of the working tree. Whatever does, like a checkout, a merge
// or a stash, also writes Git's index. The exception is 'git restore --source' without --staged. The result is 0 if Git
// has only just written its index, and may again without a later time.
func gitState(path string) uint64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 2 // nothing is tracked
	}
	tick := 20 * time.Millisecond
	if info.ModTime().Nanosecond() == 0 {
		tick = 2 * time.Second // the file system may count in seconds
	}
	if time.Since(info.ModTime()) < tick {
		return 0
	}
	return index.StampOf(info).Digest()
}

// tableOf makes a table of runs that were read.
func (r *Repository) tableOf(entries []*Entry, damage []Damage) *Table {
	runs := make([]*format.Run, len(entries))
	t := &Table{Damage: damage, repo: r, entries: make(map[string]*Entry, len(entries))}
	for i, e := range entries {
		runs[i] = e.Run
		t.entries[e.ID] = e
	}
	t.Table = index.NewTable([]*index.Block{index.NewBlock(runs)}, nil)
	return t
}

// Actives yields the runs in progress with their rows. It reads nothing.
func (t *Table) Actives() iter.Seq2[int, *Entry] {
	return func(yield func(int, *Entry) bool) {
		left := 0
		for _, e := range t.entries {
			if e.Active != nil {
				left++
			}
		}
		for row, id := range t.IDs() {
			if left == 0 { // soon: they are among the newest
				return
			}
			if e := t.entries[id]; e != nil && e.Active != nil {
				if left--; !yield(row, e) {
					return
				}
			}
		}
	}
}

// Load reads the records of some rows from the files, with their notes. The entries are in the order of rows. A run
// that was removed since the table was made is left out, and so is a damaged one, which is returned as damage.
func (t *Table) Load(ctx context.Context, rows []int) ([]*Entry, []Damage, error) {
	entries := make([]*Entry, len(rows))
	errs := make([]error, len(rows))
	if err := t.loadAt(ctx, rows); err != nil {
		return nil, nil, err
	}
	parallel.Each(len(rows), func(i int) {
		if ctx.Err() == nil {
			entries[i], errs[i] = t.load(ctx, t.ID(rows[i]))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	var damaged []Damage
	for i, err := range errs {
		if isDamage(err) {
			damaged = append(damaged, Damage{t.ID(rows[i]), err})
		}
	}
	return slices.DeleteFunc(entries, func(e *Entry) bool { return e == nil }), damaged, nil
}

// loadAt reads the records of rows of a revision.
func (t *Table) loadAt(ctx context.Context, rows []int) error {
	if t.at == nil {
		return nil
	}
	var ids []string
	for _, row := range rows {
		if id := t.ID(row); t.entries[id] == nil && format.CheckID(id) == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return t.at.load(ctx, ids)
}

func (t *Table) load(ctx context.Context, id string) (*Entry, error) {
	if e := t.entries[id]; e != nil {
		return e, nil
	}
	if err := format.CheckID(id); err != nil { // the index is not trusted to name paths
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	if t.at != nil {
		t.at.listing.RLock()
		defer t.at.listing.RUnlock()
		if t.at.runs[id] == nil {
			return nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
		}
		return t.at.entry(id)
	}
	e, err := t.repo.readFinished(id)
	if errors.Is(err, fs.ErrNotExist) {
		return t.repo.Read(ctx, id)
	}
	return e, err
}
