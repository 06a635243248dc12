package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/parallel"
)

// Watch holds the runs of a repository and notices what changes, without reading again what is unchanged. It looks at
// the times of folders: a poll of 10,000 unchanged runs takes about a millisecond. It takes the finished runs that
// there are at first from the columns of a Table, and reads records only of those that change or come later. It is for
// one goroutine at a time.
type Watch struct {
	r          *Repository
	days       map[string]*watchedDay // by the path of the folder
	finals     map[string]*watchedRun // finished runs by id
	actives    map[string]*watchedActive
	folders    map[string]stamp // of the homes, which list the days
	removed    []stamp          // of the folders of removal markers
	config     stamp
	settings   string          // what config.toml contains
	gone       map[string]bool // the runs with a removal marker
	turn       []string        // the ids whose notes are still to be looked at, newest last
	top        []string        // the newest runs; nil if they must be found again
	newBatches []*Batch        // the newest, which are looked at each time
	batches    []*Batch        // those that are still to be looked at, the newest last; nil if they must be found again
	table      *Table          // of the first poll; nil before it
	began      time.Time       // when the table was made
	later      bool            // the finished runs of the first poll are known: the table says nothing about others
	left       *Revision       // the runs that a sparse checkout leaves out, as they were last listed; may be nil
	looked     time.Time       // when the processes of the active runs were last looked for

	ctx     context.Context // for what is read in the background
	cancel  func()
	reading sync.WaitGroup
}

// stamp says when a file or a folder last changed. A folder that changed less than settled before it was read may
// change again without a new time: some file systems count in seconds.
type stamp struct {
	time time.Time
	size int64
	read time.Time
}

const settled = 2 * time.Second

type watchedDay struct {
	stamp stamp
	ids   map[string]bool
}

// watchedRun is a finished run. Its entry is nil if it could not be read, or if it is a row of the table.
type watchedRun struct {
	entry *Entry
	err   error
	read  time.Time
	dir   stamp // of its folder
	notes stamp
	late  stamp // of the folder of notes in the common store
	row   int32 // of the table; noRow if the run was read
	again bool  // its batch has changed
}

const noRow = -1

// known reports whether the run can be shown.
func (r *watchedRun) known() bool { return r.entry != nil || r.row != noRow }

type watchedActive struct {
	active *Active
	entry  *Entry
	err    error
	files  string // sizes and times of its files
	points int64  // bytes of its journals
	next   time.Time
	took   time.Duration    // to read it last
	coming chan activeEntry // of a reading in the background; nil if there is none
	stale  bool             // the files have changed since the reading of the entry began
}

// activeEntry is what reading an active run gave.
type activeEntry struct {
	entry *Entry
	err   error
	took  time.Duration
}

// Changed says what a poll found.
type Changed struct {
	Runs     bool     // entries were added, replaced or removed, or damage changed
	Points   []string // active runs whose journals grew
	Settings bool     // config.toml changed: the repository must be opened again
}

// Watch begins to watch. The caller closes the watch.
func (r *Repository) Watch(ctx context.Context) *Watch {
	ctx, cancel := context.WithCancel(ctx)
	return &Watch{
		r: r, ctx: ctx, cancel: cancel, days: map[string]*watchedDay{}, finals: map[string]*watchedRun{},
		folders: map[string]stamp{},
		actives: map[string]*watchedActive{},
	}
}

// Close ends what is still being read.
func (w *Watch) Close() {
	w.cancel()
	w.reading.Wait()
}

// Listed is the runs that a poll of a Watch has found.
type Listed struct {
	Table   *Table   // the same for all polls
	Rows    []int    // the runs that are as the table says, sorted: newest first
	Entries []*Entry // the others, newest first; those that did not change stay the same pointers
	Damage  []Damage // the runs that could not be read, sorted by id
}

// Listed returns the runs that the last poll found. There must have been one.
func (w *Watch) Listed() Listed {
	l := Listed{Table: w.table, Damage: w.damage()}
	for id, run := range w.finals {
		switch {
		case w.gone[id]:
		case run.entry != nil:
			l.Entries = append(l.Entries, run.entry)
		case run.row != noRow:
			l.Rows = append(l.Rows, int(run.row))
		}
	}
	for id, a := range w.actives {
		if final := w.finals[id]; a.entry != nil && (final == nil || !final.known()) {
			l.Entries = append(l.Entries, a.entry)
		}
	}
	slices.Sort(l.Rows)
	slices.SortFunc(l.Entries, func(a, b *Entry) int { return newer(a.Run, b.Run) })
	return l
}

func (w *Watch) damage() []Damage {
	var damage []Damage
	for id, run := range w.finals {
		if isDamage(run.err) && !w.gone[id] {
			damage = append(damage, Damage{id, run.err})
		}
	}
	for id, a := range w.actives {
		if isDamage(a.err) {
			damage = append(damage, Damage{id, a.err})
		}
	}
	damage = append(damage, w.r.damagedBatches()...)
	listsort.Sort(damage, func(a, b Damage) int { return strings.Compare(a.ID, b.ID) })
	return damage
}

// isDamage reports whether an error means that a run is damaged. Otherwise it was removed or finished since it was
// listed.
func isDamage(err error) bool {
	return err != nil && !errors.Is(err, ErrFinished) && !errors.Is(err, ErrNotActive) && !errors.Is(err, fs.ErrNotExist)
}

// Poll looks for changes. If the .runs folder does not exist, the error wraps fs.ErrNotExist, and the runs stay those
// of the poll before.
func (w *Watch) Poll(ctx context.Context) (Changed, error) {
	var c Changed
	first := len(w.folders) == 0
	listed, err := w.listDays()
	if err != nil {
		return c, fmt.Errorf("listing runs: %w", err)
	}
	if w.table == nil {
		w.began = time.Now()
		if w.table, err = w.r.Table(ctx); err != nil {
			return c, err
		}
	}
	marked, err := w.readMarkers()
	if err != nil {
		return c, err
	}
	again := w.pollBatches(ctx)
	added, dropped, err := w.listRuns()
	if err != nil {
		return c, err
	}
	away, left, err := w.listLeftOut(ctx)
	if err != nil {
		return c, err
	}
	added, dropped = append(added, away...), dropped || left
	var read bool
	if read, err = w.readFinished(ctx, added); err != nil {
		return c, err
	}
	active, points, err := w.pollActive(ctx)
	if err != nil {
		return c, err
	}
	if listed || dropped || read {
		w.top, w.batches = nil, nil
	}
	c.Runs, c.Points = listed || marked || dropped || read || active || first, points
	c.Settings = w.readSettings() && !first
	if !first {
		noted, err := w.pollNotes(ctx)
		if err != nil {
			return c, err
		}
		for _, id := range again {
			noted = w.look(id) || noted
		}
		c.Runs = c.Runs || noted || len(again) > 0
	}
	return c, nil
}

// readSettings reports whether config.toml has another content than before.
func (w *Watch) readSettings() bool {
	name := filepath.Join(w.r.Dir, configName)
	if !w.config.differs(name) {
		return false
	}
	data, err := readBounded(name, format.MaxConfigBytes)
	content := string(data)
	if err != nil { // who reads the settings reports it
		content = "\x00" + err.Error()
	}
	before := w.settings
	w.settings = content
	return content != before
}

// differs reports whether a file or folder has changed since it was last read, or may have. It takes the new stamp.
func (s *stamp) differs(path string) bool {
	now := time.Now()
	at := stamp{read: now}
	if info, err := os.Lstat(path); err == nil {
		at.time, at.size = info.ModTime(), info.Size()
	}
	before := *s
	*s = at
	return before.read.IsZero() || !at.time.Equal(before.time) || at.size != before.size ||
		before.read.Sub(at.time) < settled && !at.time.IsZero()
}

// listDays finds the folders of days. It reports whether a day has vanished.
func (w *Watch) listDays() (vanished bool, err error) {
	info, err := os.Stat(w.r.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && w.r.leftRuns() != nil: // a sparse checkout leaves the whole folder out
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, fmt.Errorf("%s: %w", w.r.Dir, fs.ErrNotExist)
	}
	for _, home := range w.r.Homes() {
		gone, err := w.listDaysOf(home.Dir)
		vanished = gone || vanished
		if err != nil {
			return vanished, err
		}
	}
	return vanished, nil
}

func (w *Watch) listDaysOf(dir string) (vanished bool, err error) {
	before := w.folders[dir]
	folder := before
	changed := folder.differs(dir)
	w.folders[dir] = folder
	if !changed {
		return false, nil
	}
	days, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.folders[dir] = before
		return false, err
	}
	now := map[string]bool{}
	for _, day := range days {
		if path := filepath.Join(dir, day.Name()); day.IsDir() && format.CheckDay(day.Name()) == nil {
			if now[path] = true; w.days[path] == nil {
				w.days[path] = &watchedDay{}
			}
		}
	}
	for path, day := range w.days {
		if filepath.Dir(path) == dir && !now[path] {
			delete(w.days, path)
			vanished = w.drop(day.ids) || vanished
		}
	}
	return vanished, nil
}

// drop forgets runs that a folder no longer has. What another home has is listed again.
func (w *Watch) drop(ids map[string]bool) bool {
	for id := range ids {
		delete(w.finals, id)
		for _, home := range w.r.Homes() {
			if day := w.days[filepath.Dir(home.RunDir(id))]; day != nil {
				day.stamp = stamp{}
			}
		}
	}
	return len(ids) > 0
}

// readMarkers reads the names of the removal markers. It reports whether they have changed.
func (w *Watch) readMarkers() (bool, error) {
	folders := w.r.MarkerFolders()
	if len(w.removed) != len(folders) {
		w.removed = make([]stamp, len(folders))
	}
	changed := false
	for i, dir := range folders {
		changed = w.removed[i].differs(dir) || changed
	}
	if !changed {
		return false, nil
	}
	gone, err := w.r.RemovedIDs()
	if err != nil {
		w.removed = nil
		return false, err
	}
	same := len(gone) == len(w.gone)
	for id := range gone {
		same = same && w.gone[id]
	}
	w.gone = gone
	return !same, nil
}

// listRuns lists the folders of days that have changed. It returns the runs that are new, and reports whether one has
// vanished.
func (w *Watch) listRuns() (added []string, vanished bool, err error) {
	known := map[string]bool{} // the runs in added
	for path, day := range w.days {
		name := filepath.Base(path)
		if !day.stamp.differs(path) {
			continue
		}
		names, err := readNames(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			day.stamp = stamp{}
			return nil, false, fmt.Errorf("listing runs: %w", err)
		}
		now := make(map[string]bool, len(names))
		for _, b := range w.r.batchesIn(Home{Dir: w.r.Dir}, name, nil) {
			names = append(names, b.ids...)
		}
		for _, id := range names {
			if format.CheckID(id) != nil || format.IDDay(id) != name || now[id] {
				continue
			}
			now[id] = true
			if w.finals[id] == nil && !known[id] {
				known[id] = true
				added = append(added, id)
			}
		}
		for id := range day.ids {
			if !now[id] {
				vanished = w.drop(map[string]bool{id: true})
			}
		}
		day.ids = now
	}
	return added, vanished, nil
}

// listLeftOut lists the runs that a sparse checkout leaves out, if the index has changed. It returns the new ones, and
// reports whether one has vanished.
func (w *Watch) listLeftOut(ctx context.Context) (added []string, vanished bool, err error) {
	runs := w.r.leftRuns()
	if runs == w.left {
		return nil, false, nil
	}
	now := map[string]bool{}
	if runs != nil {
		if err := w.r.left.load(ctx, nil); err != nil { // which lists those of batches
			return nil, false, err
		}
		unread := slices.DeleteFunc(slices.Clone(runs.ids), func(id string) bool { return w.fromTable(id) != nil })
		if err := w.r.left.load(ctx, unread); err != nil {
			return nil, false, err
		}
		for _, id := range runs.ids {
			now[id] = true
			if w.finals[id] == nil {
				added = append(added, id)
			}
		}
	}
	if w.left != nil {
		for _, id := range w.left.ids {
			if day := w.days[filepath.Dir(w.r.RunDir(id))]; !now[id] && (day == nil || !day.ids[id]) {
				vanished = w.drop(map[string]bool{id: true}) || vanished
			}
		}
	}
	w.left = runs
	return added, vanished, nil
}

// fromTable returns a run as it is in the table, which was just made, or nil if the run must be read. A row of a run in
// progress says less than the record of the same run, which has finished since.
func (w *Watch) fromTable(id string) *watchedRun {
	if w.later {
		return nil
	}
	if e := w.table.entries[id]; e != nil {
		if e.Active != nil {
			return nil
		}
		return &watchedRun{entry: e, read: w.began, row: noRow}
	}
	if row, ok := w.table.Row(id); ok {
		return &watchedRun{read: w.began, row: int32(row)}
	}
	return nil
}

// readFinished reads new runs, on all processors.
func (w *Watch) readFinished(ctx context.Context, ids []string) (bool, error) {
	runs := make([]*watchedRun, len(ids))
	parallel.Each(len(ids), func(i int) {
		if ctx.Err() != nil {
			return
		}
		if runs[i] = w.fromTable(ids[i]); runs[i] == nil {
			runs[i] = &watchedRun{read: time.Now(), row: noRow}
			runs[i].entry, runs[i].err = w.r.readFinished(ids[i])
		}
	})
	if err := ctx.Err(); err != nil {
		for _, id := range ids { // the days that list them must be listed again
			for _, home := range w.r.Homes() {
				if day := w.days[filepath.Dir(home.RunDir(id))]; day != nil {
					day.stamp = stamp{}
				}
			}
		}
		return false, err
	}
	for i, id := range ids {
		w.finals[id] = runs[i]
	}
	w.later = true
	return len(ids) > 0, nil
}

// The bounds of a look at notes: the newest runs are looked at each time, the others in turn.
const (
	newestLooked = 100
	lookTime     = 2 * time.Millisecond
)

// pollNotes looks for notes and records that have changed, and for runs that could not be read before. It looks at as
// many runs as the time allows and goes on with the others the next time.
func (w *Watch) pollNotes(ctx context.Context) (changed bool, err error) {
	if len(w.turn) == 0 {
		for id := range w.finals {
			w.turn = append(w.turn, id)
		}
		slices.Sort(w.turn)
	}
	began := time.Now()
	if w.top == nil {
		w.top = w.newest()
	}
	for _, id := range w.top {
		changed = w.look(id) || changed
	}
	for len(w.turn) > 0 && time.Since(began) < lookTime && ctx.Err() == nil {
		changed = w.look(w.turn[len(w.turn)-1]) || changed
		w.turn = w.turn[:len(w.turn)-1]
	}
	return changed, ctx.Err()
}

// newest returns some of the newest finished runs, which people annotate most.
func (w *Watch) newest() []string {
	days := make([]string, 0, len(w.days))
	for path := range w.days {
		days = append(days, path)
	}
	slices.SortFunc(days, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	var ids []string
	for _, path := range slices.Backward(days) {
		for id := range w.days[path].ids {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, func(a, b string) int { return strings.Compare(b, a) })
		ids = slices.Compact(ids)
		if len(ids) >= newestLooked {
			return ids[:newestLooked]
		}
	}
	return ids
}

// look reads a finished run again if its folder or its notes may have changed. It reports whether the run did.
func (w *Watch) look(id string) bool {
	run := w.finals[id]
	if run == nil {
		return false
	}
	dir, _ := w.r.FindRun(id)
	changed := run.dir.since(dir, run.read)
	changed = run.notes.since(filepath.Join(dir, notesName), run.read) || changed || run.again
	if home, ok := w.r.lateHome(); ok {
		changed = run.late.since(filepath.Join(home.RunDir(id), notesName), run.read) || changed
	}
	if !changed {
		return false
	}
	run.read, run.again = time.Now(), false
	entry, err := w.r.readFinished(id)
	if run.row != noRow {
		run.entry, run.err, run.row = entry, err, noRow
		return true
	}
	if sameDamage(err, run.err) && (entry == nil && run.entry == nil ||
		entry != nil && run.entry != nil && reflect.DeepEqual(entry.Run, run.entry.Run)) {
		if entry != nil && entry.Batch() != run.entry.Batch() {
			run.entry = entry
		}
		return false
	}
	run.entry, run.err = entry, err
	return true
}

func sameDamage(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

// since is like differs. At the first call it compares with the time when the folder was read.
func (s *stamp) since(path string, read time.Time) bool {
	first := s.read.IsZero()
	if changed := s.differs(path); !first {
		return changed
	}
	return read.Sub(s.time) < settled && !s.time.IsZero()
}

// lookAtProcesses is how often the processes of active runs are looked for.
const lookAtProcesses = 2 * time.Second

// pollActive looks at the active runs.
func (w *Watch) pollActive(ctx context.Context) (changed bool, points []string, err error) {
	actives, err := w.r.Actives()
	if err != nil {
		return false, nil, err
	}
	actives = append(actives, w.r.OtherActives()...)
	lives := time.Since(w.looked) > lookAtProcesses
	if lives {
		w.looked = time.Now()
	}
	now := map[string]bool{}
	for _, a := range actives {
		now[a.ID] = true
		at := w.actives[a.ID]
		if at == nil {
			at = &watchedActive{active: a}
			w.actives[a.ID] = at
		}
		grew := at.lookAtFiles()
		if grew && at.entry != nil {
			points = append(points, a.ID)
		}
		if lives && !at.stale && at.entry != nil {
			life, err := a.Life("")
			at.stale = err == nil && life != at.entry.Life
		}
		changed = w.readActive(ctx, at) || changed
		if err := ctx.Err(); err != nil {
			return false, nil, err
		}
	}
	for id := range w.actives {
		if !now[id] {
			delete(w.actives, id)
			changed = true
		}
	}
	return changed, points, nil
}

// lookAtFiles notes whether the files of an active run have changed. It reports whether its journals grew.
func (a *watchedActive) lookAtFiles() (grew bool) {
	var b strings.Builder
	var points int64
	for _, dir := range []string{a.active.Dir, filepath.Join(a.active.Dir, notesName)} {
		names, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			info, err := name.Info()
			if err != nil || strings.HasPrefix(name.Name(), "output") {
				continue
			}
			fmt.Fprintf(&b, "%s %d %d\n", name.Name(), info.Size(), info.ModTime().UnixNano())
			if strings.HasPrefix(name.Name(), journalPrefix) {
				points += info.Size()
			}
		}
	}
	files := b.String()
	if files != a.files {
		a.stale = true
	}
	grew = points != a.points
	a.files, a.points = files, points
	return grew
}

// Bounds of reading an active run, which takes all of its journals.
const (
	restActive = 500 * time.Millisecond // it is not read again earlier
	slowActive = 50 * time.Millisecond  // if it takes longer, polls do not wait for it
)

// readActive reads an active run if it has changed. It is not repeated until four times as long has passed as it took.
// readActive reports whether there is another entry.
func (w *Watch) readActive(ctx context.Context, a *watchedActive) bool {
	if a.coming != nil {
		select {
		case got := <-a.coming:
			a.coming = nil
			return a.take(got)
		default:
			return false
		}
	}
	if !a.stale || time.Now().Before(a.next) {
		return false
	}
	a.stale = false
	if a.took <= slowActive {
		got := a.active.timedEntry(ctx)
		if ctx.Err() != nil {
			a.stale = true
			return false
		}
		return a.take(got)
	}
	coming := make(chan activeEntry, 1)
	a.coming = coming
	active := a.active
	w.reading.Go(func() { coming <- active.timedEntry(w.ctx) })
	return false
}

func (a *Active) timedEntry(ctx context.Context) activeEntry {
	began := time.Now()
	entry, err := a.Entry(ctx)
	return activeEntry{entry, err, time.Since(began)}
}

func (a *watchedActive) take(got activeEntry) bool {
	a.took = got.took
	a.next = time.Now().Add(max(4*got.took, restActive))
	if got.err != nil && sameDamage(got.err, a.err) {
		return false
	}
	a.entry, a.err = got.entry, got.err
	return true
}
