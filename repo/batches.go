package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// SettleVersions says what to do about a run that has two versions.
const SettleVersions = "if a merge brought both, run 'runs pack'"

// Batch is a folder with the records and the rows of many runs of one day. What was said later about a run, and what
// stays on this machine, is in the folder that the run has by itself.
type Batch struct {
	Dir  string // the folder
	Name string // of the folder, like batch-k7qx2m9a
	Day  string
	show string // the folder in messages

	ids   []string // sorted
	err   error    // why runs.toml cannot be read
	state fileState

	mu   sync.Mutex
	runs []format.BatchRun // with the records; nil if they are not in memory
}

// fileState tells whether a file was replaced or edited.
type fileState struct {
	time time.Time
	size int64
}

func stateOf(path string) fileState {
	info, err := os.Lstat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.ModTime(), info.Size()}
}

// batchStore finds the runs that are in batches. It remembers which batches the days have, and holds the records of a
// few batches.
type batchStore struct {
	mu   sync.Mutex
	days map[string]*batchDay // by folder
	held []*Batch             // whose records are in memory, the last used last
}

// relist lets the days be listed again: a change within a tick of the clock does not show in the time of a folder.
func (s *batchStore) relist() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, day := range s.days {
		day.listed, day.state = time.Time{}, fileState{}
	}
}

type batchDay struct {
	state   fileState // of the folder
	listed  time.Time
	batches []*Batch // sorted by name
}

// settled reports whether the folder need not be listed again if its time is still the same. A change in the same tick
// of the clock keeps the time, but listing a day for each of its runs would cost too much.
func (d *batchDay) settled(now time.Time) bool {
	return d.listed.Sub(d.state.time) >= settled || now.Sub(d.listed) < relisted
}

const (
	// heldBatches is how many batches may have their records in memory.
	heldBatches = 8
	// relisted is how often a folder that has just changed is listed again.
	relisted = 50 * time.Millisecond
)

// batchesOf returns the batches of the day of a run that have the run. id must be valid.
func (r *Repository) batchesOf(home Home, id string) []*Batch {
	var found []*Batch
	for _, b := range r.batchesIn(home, format.IDDay(id), nil) {
		if b.has(id) {
			found = append(found, b)
		}
	}
	return found
}

// BatchRecord returns the record that a batch has of a run.
func (r *Repository) BatchRecord(b *Batch, id string) ([]byte, error) {
	run, err := r.batchRun(b, id)
	if err != nil {
		return nil, err
	}
	return run.Record, nil
}

// BatchesOf returns the batches of the working tree that have a run, whose id must be valid.
func (r *Repository) BatchesOf(id string) []*Batch { return r.batchesOf(Home{Dir: r.Dir}, id) }

func (b *Batch) runsFile() string { return filepath.Join(b.Dir, format.BatchRunsName) }

func (b *Batch) has(id string) bool {
	_, ok := slices.BinarySearch(b.ids, id)
	return ok
}

// IDs returns the runs in the batch, sorted. The caller must not change them.
func (b *Batch) IDs() []string { return b.ids }

// batchesIn returns the batches of a day. names are those in the folder of the day, or nil if they are not known.
func (r *Repository) batchesIn(home Home, day string, names []string) []*Batch {
	if home.Common || home.Dir == "" {
		return nil
	}
	s := r.batches
	if s == nil {
		s = &batchStore{}
	}
	dir := filepath.Join(home.Dir, day)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.days[dir]
	if known == nil {
		known = &batchDay{}
		if s.days == nil {
			s.days = map[string]*batchDay{}
		}
		s.days[dir] = known
	}
	began := time.Now()
	if state := stateOf(dir); state == known.state && known.settled(began) {
		return known.batches
	} else if known.state = state; state == (fileState{}) {
		known.batches = nil
		return nil
	}
	known.listed = began
	if names == nil {
		var err error
		if names, err = readNames(dir); err != nil {
			known.listed, known.batches = time.Time{}, nil
			return nil
		}
	}
	old := known.batches
	known.batches = nil
	for _, name := range names {
		if format.IsBatchName(name) && !r.left.has(path.Join(day, name, format.BatchRunsName)) {
			known.batches = append(known.batches, r.openBatch(filepath.Join(dir, name), old))
		}
	}
	slices.SortFunc(known.batches, func(a, b *Batch) int { return strings.Compare(a.Name, b.Name) })
	return known.batches
}

// openBatch reads the ids of a batch, or takes them from old if it is there and has not changed.
func (r *Repository) openBatch(dir string, old []*Batch) *Batch {
	state := stateOf(filepath.Join(dir, format.BatchRunsName))
	for _, b := range old {
		if b.Dir == dir && b.state == state && b.err == nil {
			return b
		}
	}
	b := &Batch{
		Dir: dir, Name: filepath.Base(dir), Day: filepath.Base(filepath.Dir(dir)), show: Relative(r.Root, dir), state: state,
	}
	runs, err := b.scan()
	if b.err = err; err != nil {
		return b
	}
	b.ids = make([]string, len(runs))
	for i := range runs {
		b.ids[i] = runs[i].ID
	}
	return b
}

// scan reads runs.toml.
func (b *Batch) scan() ([]format.BatchRun, error) {
	if err := realDir(b.Dir); err != nil {
		return nil, err
	}
	name := filepath.Join(b.show, format.BatchRunsName)
	data, err := readBounded(b.runsFile(), format.MaxBatchBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing", name)
	}
	if err != nil {
		return nil, err
	}
	runs, err := format.ScanBatch(name, data)
	if err == nil && format.IDDay(runs[0].ID) != b.Day {
		err = fmt.Errorf("%s: its runs are of %s", name, format.IDDay(runs[0].ID))
	}
	return runs, err
}

// run returns the entry of a run, whose record it verifies.
func (r *Repository) batchRun(b *Batch, id string) (*format.BatchRun, error) {
	runs, err := r.hold(b)
	if err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(runs, id, func(run format.BatchRun, id string) int {
		return strings.Compare(run.ID, id)
	})
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &runs[i], runs[i].Verify(filepath.Join(b.show, format.BatchRunsName))
}

// hold returns the runs of a batch, and keeps them in memory for a while.
func (r *Repository) hold(b *Batch) ([]format.BatchRun, error) {
	b.mu.Lock()
	runs, err := b.runs, error(nil)
	if runs == nil {
		runs, err = b.scan()
		b.runs = runs
	}
	b.mu.Unlock()
	if s := r.batches; s != nil && err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.held); n > 0 && s.held[n-1] == b {
			return runs, nil
		}
		s.held = append(slices.DeleteFunc(s.held, func(other *Batch) bool { return other == b }), b)
		if len(s.held) > heldBatches {
			s.held[0].drop()
			s.held = slices.Delete(s.held, 0, 1)
		}
	}
	return runs, err
}

func (b *Batch) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs = nil
}

// damagedBatches returns the batches that cannot be read. The damage has the name of the batch in place of an id.
func (r *Repository) damagedBatches() (damaged []Damage) {
	if r.batches == nil {
		return nil
	}
	r.batches.mu.Lock()
	defer r.batches.mu.Unlock()
	for dir, day := range r.batches.days {
		if filepath.Dir(dir) != r.Dir {
			continue
		}
		for _, b := range day.batches {
			if b.err != nil {
				damaged = append(damaged, Damage{b.Name, b.err})
			}
		}
	}
	slices.SortFunc(damaged, func(a, b Damage) int { return strings.Compare(a.ID, b.ID) })
	return damaged
}

// Batches lists the batches of the working tree, by day and name. Those that cannot be read are in damaged.
func (r *Repository) Batches() (batches []*Batch, damaged []Damage, err error) {
	return r.batchesWanted(func(string) bool { return true })
}

func (r *Repository) batchesWanted(wanted func(day string) bool) (batches []*Batch, damaged []Damage, err error) {
	days, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("listing batches: %w", err)
	}
	for _, day := range days {
		if !day.IsDir() || format.CheckDay(day.Name()) != nil || !wanted(day.Name()) {
			continue
		}
		for _, b := range r.batchesIn(Home{Dir: r.Dir}, day.Name(), nil) {
			if b.err != nil {
				damaged = append(damaged, Damage{b.Name, b.err})
				continue
			}
			batches = append(batches, b)
		}
	}
	return batches, damaged, nil
}

// Batched returns the runs that are in batches of the working tree, of the days for which wanted returns true.
func (r *Repository) Batched(wanted func(day string) bool) (map[string]bool, error) {
	batches, _, err := r.batchesWanted(wanted)
	if errors.Is(err, fs.ErrNotExist) { // a sparse checkout leaves all out
		return nil, nil
	}
	ids := map[string]bool{}
	for _, b := range batches {
		for _, id := range b.ids {
			ids[id] = true
		}
	}
	return ids, err
}

// readBatched reads a run that is in batches, and perhaps in a folder of its own. A merge may bring it in several
// versions: it reads one that redactions of the others lead to, or one of several redactions.
func (r *Repository) readBatched(home Home, id string, batches []*Batch) (*Entry, error) {
	dir := home.RunDir(id)
	if err := realDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	members := make([]*format.BatchRun, len(batches))
	records := make([][]byte, len(batches), len(batches)+1)
	for i, b := range batches {
		member, err := r.batchRun(b, id)
		if err != nil {
			return nil, err
		}
		members[i], records[i] = member, member.Record
	}
	single, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		records = append(records, single)
	}
	last := lastVersion(records)
	if last < 0 {
		other := batches[len(batches)-1].show
		if len(records) > len(batches) {
			other = Relative(r.Root, dir)
		}
		return nil, fmt.Errorf("%s and %s have different records of run %s; %s", other, batches[0].show, id, SettleVersions)
	}
	at := min(last, len(batches)-1) // a record by itself may have no rows beside it
	run, err := decodeFinished(filepath.Join(batches[at].show, format.BatchRunsName)+": "+id, id, records[last])
	if err != nil {
		return nil, err
	}
	if err := r.applyNotesOf(run, dir); err != nil {
		return nil, err
	}
	member := *members[at]
	member.Record = slices.Clone(records[last]) // the batch is not kept in memory
	member.SHA256 = sumOf(member.Record)
	return &Entry{Run: run, Dir: dir, batch: &inBatch{batches[at], member}, repo: r}, nil
}

// readOnlyBatched reads runs that are in one batch and nowhere else. It returns a record or an error for each. The
// records share what RunDecoder says.
func (r *Repository) readOnlyBatched(home Home, day, name string, ids []string) ([]*format.Run, []error) {
	runs, errs := make([]*format.Run, len(ids)), make([]error, len(ids))
	batches := r.batchesIn(home, day, nil)
	at := slices.IndexFunc(batches, func(b *Batch) bool { return b.Name == name })
	var d format.RunDecoder
	for i, id := range ids {
		if at < 0 {
			errs[i] = fs.ErrNotExist
			continue
		}
		member, err := r.batchRun(batches[at], id)
		if err == nil {
			runs[i], err = finishedRun(filepath.Join(batches[at].show, format.BatchRunsName), id, member.Record, &d)
		}
		errs[i] = err
	}
	return runs, errs
}

// lastVersion returns the first of several records of one run that all others have led to by redactions. If all are
// redactions of one version, as two branches make them, it returns the first. It is -1 if the records differ otherwise.
func lastVersion(records [][]byte) int {
	same := func(record []byte) bool { return string(record) == string(records[0]) }
	if !slices.ContainsFunc(records, func(record []byte) bool { return !same(record) }) {
		return 0
	}
	former := map[string]int{} // in how many records the digest of a former one is
	for i, record := range records {
		run, err := format.DecodeRun(RecordName, record)
		if err != nil {
			continue
		}
		differs := func(other []byte) bool { return string(other) != string(record) && !Precedes(other, run) }
		if !slices.ContainsFunc(records, differs) {
			return i
		}
		was := map[string]bool{}
		for _, mark := range run.Redacted {
			was[mark.Was] = true
		}
		for digest := range was {
			former[digest]++
		}
	}
	for _, n := range former {
		if n == len(records) {
			return 0
		}
	}
	return -1
}

// inBatch is where a run is in a batch.
type inBatch struct {
	*Batch
	run format.BatchRun
}

// Batch returns the batch that the run is in, or nil if it has its record in a folder of its own.
func (e *Entry) Batch() *Batch {
	if e.batch == nil {
		return nil
	}
	return e.batch.Batch
}

// locateBatched returns the path of a file of rows of the batch that the run is in. It is copied if it is only in Git.
func (e *Entry) locateBatched(name string) (string, error) {
	if e.from != nil {
		return e.from.batchedFile(e, name)
	}
	b := e.batch
	at := filepath.Join(b.Dir, name)
	if own := path.Join(b.Day, b.Name, name); e.repo.left.has(own) && !exists(at) {
		return e.repo.left.file(own)
	}
	return at, realDir(b.Dir)
}

// openBatched opens a file of rows of the batch that the run is in.
func (e *Entry) openBatched(name string) (*os.File, int64, error) {
	at, err := e.locateBatched(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := regular.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("%s is missing", filepath.Join(e.batch.show, name))
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
