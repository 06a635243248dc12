package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/parallel"
	"github.com/gitruns/runs/repo/regular"
)

// Home is a folder with finished runs in folders of days, and the cache of their columns.
type Home struct {
	Dir   string
	Cache *Cache

	// State is a digest of everything by which another program may have changed runs without the folder of their day,
	// as Git does when it checks out notes. In a new state, the folders of all runs are looked at once. 0 is a state that
	// is new each time.
	State uint64

	// Unsampled leaves out the look at some runs of days that did not change.
	Unsampled bool

	// From leaves out the days before it, if it is not empty. The cache is then not written, and keeps in memory what was
	// read.
	From string

	// Anew writes the whole cache anew, so that nothing stays in it of what the runs were before. If that fails, so does
	// Open.
	Anew bool

	// Read reads a finished run, with its notes. If its folder has no record, the error wraps fs.ErrNotExist.
	Read func(id string) (*format.Run, error)

	// ReadBatched reads finished runs of a day that are in one batch and nowhere else: nothing but the batch says
	// something about them. It returns a record or an error for each id. If it is nil, Read reads these runs too.
	ReadBatched func(day, batch string, ids []string) ([]*format.Run, []error)

	// Batches returns the batches of a day, by name. It is nil if the home has none.
	Batches func(day string) []Batch

	// Apart returns a function that returns what says something about the runs of a day outside of its folder, as it is
	// when Apart is called. It is nil if nothing does.
	Apart func() func(day string) Apart

	// Progress is called, if it is set, while many runs are being read.
	Progress func(done, total int)
}

// Contents are the runs of a home.
type Contents struct {
	Blocks []*Block // newest day first
	Bad    []string // ids of runs that could not be read, newest first
}

// reading is one call of Open.
type reading struct {
	*Home
	ctx   context.Context
	now   int64    // by the clock of this machine
	clock int64    // by the clock of the file system, before anything is read; see Day.Read
	tmp   *os.File // nil if the cache cannot be written
	same  uint64   // the device whose clock it is

	mu          sync.Mutex
	done, total int // runs that are read
}

// Open returns the runs of the home. It reads those that the cache does not have and those that may have changed, and
// writes the cache if it can.
func (h *Home) Open(ctx context.Context) (*Contents, error) {
	r := &reading{Home: h, ctx: ctx, now: time.Now().UnixNano()}
	names, err := h.days()
	if err != nil {
		return nil, err
	}
	days := make([]*Day, len(names))
	var changed, doubtful []int
	apart := h.lookApart() // once for all days
	for i, name := range names {
		d := h.Cache.Day(name)
		info, err := os.Lstat(filepath.Join(h.Dir, name))
		switch {
		case err != nil || d == nil || !r.trusts(d, StampOf(info), apart(name)):
			changed = append(changed, i)
		case h.State == 0 || !h.Cache.isVerified(d, h.State):
			days[i] = d
			doubtful = append(doubtful, i)
		default:
			days[i] = d
		}
	}
	verified := len(doubtful) > 0
	if !h.Unsampled {
		doubtful = append(doubtful, r.sample(days, doubtful)...)
	}
	if len(changed) > 0 || verified || h.Anew {
		r.begin()
		defer r.end()
	}
	doubted, err := r.verify(days, doubtful)
	if err != nil {
		return nil, err
	}
	if len(doubted) > 0 && r.clock == 0 {
		r.begin()
		defer r.end()
	}
	changed = append(changed, doubted...)
	slices.Sort(changed)
	err = r.readDays(names, days, changed)
	days = slices.DeleteFunc(days, func(d *Day) bool { return d == nil })
	if h.From != "" {
		h.Cache.remember(days)
	}
	saved := errors.New("the folder of the index cannot be written")
	if r.tmp != nil {
		saved = h.Cache.save(r.tmp, days, h.State, h.Anew) // without it, the next call is slower
	}
	if err != nil {
		return nil, err
	}
	if h.Anew && saved != nil {
		return nil, saved
	}
	return contents(days), nil
}

func contents(days []*Day) *Contents {
	c := &Contents{}
	for _, d := range slices.Backward(days) {
		c.Blocks = append(c.Blocks, d.Block)
		c.Bad = append(c.Bad, d.Bad...)
	}
	return c
}

// days lists the folders of days, oldest first.
func (h *Home) days() ([]string, error) {
	entries, err := os.ReadDir(h.Dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && format.CheckDay(e.Name()) == nil && e.Name() >= h.From {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Days lists the folders of days, oldest first. kept is false if the cache lacks some of them and cannot be written.
func (h *Home) Days() (names []string, kept bool) {
	names, err := h.days()
	if err != nil {
		return nil, true // whoever opens the home reports it
	}
	for _, name := range names {
		if h.Cache.Day(name) == nil {
			return names, h.Cache.writable()
		}
	}
	return names, true
}

// trusts reports whether a day is as it was when it was read. A folder whose time is in the future tells nothing: the
// clock was set back, and will show the same time again.
func (r *reading) trusts(d *Day, now Stamp, apart Apart) bool {
	newest := max(now.newest(), apart.newest())
	return d.Stamp.same(now) && d.Apart == apart.digest() && newest < d.Read && newest <= r.now
}

// How many runs are looked at each time, whatever the state: those that people annotate most, and some others in turn,
// so that nothing that another program did stays unnoticed for ever.
const (
	newestLooked = 200
	othersLooked = 500
)

// sample returns the places of days that are looked at although nothing says that they changed.
func (r *reading) sample(days []*Day, doubtful []int) []int {
	var sample []int
	take := func(i, most int) bool {
		if days[i] == nil || days[i].Block.Len() > most || slices.Contains(doubtful, i) {
			return false
		}
		sample = append(sample, i)
		return true
	}
	left := newestLooked
	for i := len(days) - 1; i >= 0 && left > 0 && take(i, left+newestLooked); i-- {
		left -= days[i].Block.Len()
	}
	if len(days) > len(sample) {
		if i := rand.IntN(len(days)); !slices.Contains(sample, i) {
			take(i, othersLooked)
		}
	}
	return sample
}

// begin takes the time of the file system's clock, from the temporary file that the cache is then written to.
func (r *reading) begin() {
	r.clock = r.now - int64(2*time.Second) // the coarsest tick of a file system's clock
	if r.From != "" {
		return
	}
	tmp, err := r.Cache.temporary()
	if err != nil {
		return
	}
	r.tmp = tmp
	if info, err := tmp.Stat(); err == nil {
		s := StampOf(info)
		r.clock, r.same = s.Modified, s.Device
	}
}

func (r *reading) end() {
	if r.tmp != nil {
		_ = r.tmp.Close()
		_ = os.Remove(r.tmp.Name())
	}
}

// clockFor returns the time that Day.Read has for a folder: a time of another file system's clock is not compared.
func (r *reading) clockFor(s Stamp) int64 {
	if r.tmp == nil || s.Device == r.same {
		return r.clock
	}
	return r.now - int64(2*time.Second)
}

// verify returns the places of days with runs whose folders are not as they were.
func (r *reading) verify(days []*Day, places []int) (doubted []int, err error) {
	changed := make([]bool, len(places))
	parallel.Each(len(places), func(i int) {
		d := days[places[i]]
		l := looker{dir: filepath.Join(r.Dir, d.Name), apart: r.lookApart()(d.Name)}
		changed[i] = !d.sameBatches(r.Dir)
		for row, id := range d.Block.ids {
			if d.stamps[row] == noFolder && !l.apart.has(id) { // a new folder would have changed the day
				continue
			}
			at := l.look(id)
			at.batch.place = d.places[row]
			if r.ctx.Err() != nil || d.stamps[row] == 0 || at.digest() != d.stamps[row] {
				changed[i] = true
				return
			}
		}
		for _, left := range d.Left {
			changed[i] = changed[i] || left.stamp == 0 || l.look(left.ID).digest() != left.stamp
		}
	})
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	for i, place := range places {
		if changed[i] {
			doubted = append(doubted, place)
		}
	}
	return doubted, nil
}

// readDays reads days that have changed.
func (r *reading) readDays(names []string, days []*Day, changed []int) error {
	plans := make([]*plan, len(changed))
	for i, place := range changed {
		if r.ctx.Err() != nil {
			break
		}
		var err error
		if plans[i], err = r.plan(names[place]); err != nil {
			return fmt.Errorf("listing runs: %w", err)
		}
		days[place] = nil
		if plans[i] != nil {
			r.total += len(plans[i].read)
		}
	}
	errs := make([]error, len(plans))
	parallel.Each(len(plans), func(i int) {
		i = len(plans) - 1 - i // the newest first: they are kept if the reader is interrupted
		if plans[i] != nil && r.ctx.Err() == nil {
			days[changed[i]], errs[i] = r.execute(plans[i])
		}
	})
	return cmp.Or(r.ctx.Err(), errors.Join(errs...))
}

// plan says how a day is read again.
type plan struct {
	day  *Day
	old  *Day
	keep []int // rows of the block of old
	read []look
	// places are those of the rows of keep: see Day.places.
	places []uint16
}

// plan finds out what has changed in a day. It returns nil if the folder does not exist.
func (r *reading) plan(name string) (*plan, error) {
	dir := filepath.Join(r.Dir, name)
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	stamp := StampOf(info)
	p := &plan{day: &Day{Name: name, Stamp: stamp, Read: r.clockFor(stamp), State: r.State}, old: r.Cache.Day(name)}
	ids, err := runsIn(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, left := map[string]int{}, map[string]uint64{}
	if p.old != nil {
		rows = p.old.rows()
		for _, l := range p.old.Left {
			left[l.ID] = l.stamp
		}
	}
	in := r.batchesOf(name, p.old)
	if p.day.batches = in.batches; in.bad {
		p.day.Read = 0
	}
	l := looker{dir: dir, apart: r.lookApart()(name)}
	p.day.Apart = l.apart.digest()
	folders := ids
	for _, id := range in.ids(ids) {
		at, batch := look{id: id}, in.runs[id]
		if _, isFolder := slices.BinarySearch(folders, id); isFolder || l.apart.has(id) {
			at = l.look(id)
			batch.only = false
		}
		at.batch = batch
		row, ok := rows[id]
		switch stamp := at.digest(); {
		case ok && stamp != 0 && p.old.stamps[row] == stamp && p.old.sameRecord(row, at.batch):
			p.keep = append(p.keep, row)
			p.places = append(p.places, at.batch.place)
		case stamp != 0 && left[id] == stamp && at.batch.place == 0: // a batch may have brought the record
			p.day.Left = append(p.day.Left, Left{id, stamp})
		default:
			p.read = append(p.read, at)
		}
	}
	return p, nil
}

// runsIn lists the ids of the folders of runs in the folder of a day, sorted.
func runsIn(dir, day string) ([]string, error) {
	f, err := regular.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(id string) bool {
		return format.CheckID(id) != nil || format.IDDay(id) != day
	})
	slices.Sort(names)
	return names, nil
}

// together is how many records are decoded before their columns are taken.
const together = 256

// execute reads what a plan says.
func (r *reading) execute(p *plan) (*Day, error) {
	var b Builder
	var stamps []uint64
	places := p.places
	if len(p.keep) > 0 {
		b.AddRows(p.old.Block, p.keep)
		for _, row := range p.keep {
			stamps = append(stamps, p.old.stamps[row])
		}
	}
	for read := range slices.Chunk(p.read, together) {
		runs := make([]*format.Run, len(read))
		errs := make([]error, len(read))
		groups := r.groups(read)
		parallel.Each(len(groups), func(i int) {
			if g := groups[i]; r.ctx.Err() == nil {
				r.readGroup(p.day, read[g.from:g.to], runs[g.from:g.to], errs[g.from:g.to])
			}
		})
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		for i, at := range read {
			stamp := at.settled(p.day.Read)
			switch {
			case errs[i] == nil:
				b.Add(runs[i])
				stamps, places = append(stamps, stamp), append(places, at.batch.place)
			case errors.Is(errs[i], fs.ErrNotExist):
				p.day.Left = append(p.day.Left, Left{at.id, stamp})
			default:
				p.day.Bad = append(p.day.Bad, at.id)
			}
		}
		r.progress(len(read))
	}
	data, order := b.Encode()
	for _, row := range order {
		p.day.stamps = append(p.day.stamps, stamps[row])
		p.day.places = append(p.day.places, places[row])
	}
	slices.SortFunc(p.day.Bad, func(a, b string) int { return strings.Compare(b, a) })
	var err error
	p.day.Block, err = ParseBlock(data)
	return p.day, err
}

// group is a part of the runs that are read, by their places.
type group struct{ from, to int }

// atOnce is how many runs of one batch are read by one call of ReadBatched.
const atOnce = 64

// groups divides runs so that those of a group are in the same batch and nowhere else, or the group has one run.
func (r *reading) groups(read []look) []group {
	groups := make([]group, 0, len(read))
	for i := range read {
		if n := len(groups); n > 0 && r.ReadBatched != nil && read[i].batch.only && i-groups[n-1].from < atOnce {
			if first := read[groups[n-1].from].batch; first.only && first.place == read[i].batch.place {
				groups[n-1].to = i + 1
				continue
			}
		}
		groups = append(groups, group{i, i + 1})
	}
	return groups
}

// readGroup reads the runs of a group.
func (r *reading) readGroup(d *Day, read []look, runs []*format.Run, errs []error) {
	if first := read[0].batch; r.ReadBatched != nil && first.only {
		ids := make([]string, len(read))
		for i := range read {
			ids[i] = read[i].id
		}
		found, failed := r.ReadBatched(d.Name, d.batches[first.place-1].name, ids)
		copy(runs, found)
		copy(errs, failed)
		return
	}
	for i := range read {
		runs[i], errs[i] = r.Read(read[i].id)
	}
}

// few is the number of runs up to which reading them shows no progress.
const few = 1000

func (r *reading) progress(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done += n; r.Progress != nil && r.total > few {
		r.Progress(r.done, r.total)
	}
}
