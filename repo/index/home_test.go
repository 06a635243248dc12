package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

// project is a home whose runs have a name for a record.
type project struct {
	t     *testing.T
	dir   string
	cache string
	state uint64

	mu    sync.Mutex
	reads int
	calls int // of readBatched

	batches func(day string) []Batch
	records map[string]string // of runs in batches
}

func newProject(t *testing.T) *project {
	dir := t.TempDir()
	return &project{t: t, dir: filepath.Join(dir, "runs"), cache: filepath.Join(dir, "cache"), state: 7}
}

func (p *project) read(id string) (*format.Run, error) {
	p.mu.Lock()
	p.reads++
	p.mu.Unlock()
	dir := filepath.Join(p.dir, format.IDDay(id), id)
	name, err := os.ReadFile(filepath.Join(dir, "record"))
	if batched, ok := p.records[id]; ok {
		name, err = []byte(batched), nil
	}
	if err != nil {
		return nil, err
	}
	if string(name) == "damaged" {
		return nil, errors.New("it is damaged")
	}
	note, _ := os.ReadFile(filepath.Join(dir, "notes", "note"))
	return &format.Run{ID: id, Started: format.IDTime(id), Name: string(name), Note: string(note)}, nil
}

// readBatched reads runs that must be in one batch only.
func (p *project) readBatched(day, batch string, ids []string) ([]*format.Run, []error) {
	runs, errs := make([]*format.Run, len(ids)), make([]error, len(ids))
	p.mu.Lock()
	p.calls++
	p.mu.Unlock()
	for i, id := range ids {
		in := 0
		for _, b := range p.batches(day) {
			if slices.Contains(b.IDs, id) && b.Name == batch {
				in++
			}
		}
		if _, err := os.Lstat(filepath.Join(p.dir, day, id)); err == nil || in != 1 {
			p.t.Errorf("run %s is read from %s only", id, batch)
		}
		runs[i], errs[i] = p.read(id)
	}
	return runs, errs
}

func (p *project) open() *Contents {
	p.t.Helper()
	h := &Home{
		Dir: p.dir, Cache: OpenCache(p.cache, "home", p.dir), State: p.state, Read: p.read, Batches: p.batches,
		ReadBatched: p.readBatched,
	}
	found, err := h.Open(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

// names returns the name and the note of each run.
func (p *project) names() string {
	p.t.Helper()
	table := NewTable(p.open().Blocks, nil)
	var all []string
	name, note := table.Column(Attributes, "name"), table.Column(Attributes, "note")
	for row := range table.Len() {
		text := name.Text(row)
		if note.Kind(row) == Text {
			text += "+" + note.Text(row)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (p *project) write(id, name, text string) {
	p.t.Helper()
	file := filepath.Join(p.dir, format.IDDay(id), id, name)
	err := os.MkdirAll(filepath.Dir(file), 0o777)
	if err = errors.Join(err, os.WriteFile(file, []byte(text), 0o666)); err != nil {
		p.t.Fatal(err)
	}
}

// settle makes the folders older than the clock of the file system.
func settle() { time.Sleep(30 * time.Millisecond) }

func (p *project) want(want string, reads int) {
	p.t.Helper()
	settle()
	p.reads = 0
	if got := p.names(); got != want {
		p.t.Errorf("the runs are %q, want %q", got, want)
	}
	if p.reads != reads {
		p.t.Errorf("%d records were read, want %d", p.reads, reads)
	}
	p.reads = 0
	settle()
	if got := p.names(); got != want || p.reads != 0 {
		p.t.Errorf("read again, %d records were read and the runs are %q", p.reads, got)
	}
}

func id(day, n int) string {
	started := time.Date(2026, 11, day, 6, 0, 0, 0, time.UTC)
	return format.IDOf(started, []byte{byte(n / 32), byte(n % 32), 0, 0, 0, 0, 0, 0})
}

// Only what has changed is read.
func TestHomeReadsWhatChanged(t *testing.T) {
	p := newProject(t)
	for day := range 3 {
		for n := range 3 {
			p.write(id(day+1, n), "record", fmt.Sprint(day, n))
		}
	}
	p.want("0 0 0 1 0 2 1 0 1 1 1 2 2 0 2 1 2 2", 9)
	p.write(id(2, 3), "record", "new")
	p.want("0 0 0 1 0 2 1 0 1 1 1 2 2 0 2 1 2 2 new", 1)
	if err := os.RemoveAll(filepath.Join(p.dir, "2026-11-01")); err != nil {
		t.Fatal(err)
	}
	p.want("1 0 1 1 1 2 2 0 2 1 2 2 new", 0)
	if err := os.RemoveAll(filepath.Join(p.dir, "2026-11-02", id(2, 0))); err != nil {
		t.Fatal(err)
	}
	p.want("1 1 1 2 2 0 2 1 2 2 new", 0)
}

// A folder without a record is no run until it gets one, and a damaged run is reported each time.
func TestHomeLeftAndDamaged(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.write(id(1, 1), "output", "left")
	p.write(id(1, 2), "record", "damaged")
	p.reads = 0
	for range 2 {
		settle()
		if found := p.open(); !slices.Equal(found.Bad, []string{id(1, 2)}) {
			t.Errorf("damaged are %q", found.Bad)
		}
	}
	if p.reads != 3 {
		t.Errorf("%d records were read", p.reads)
	}
	p.write(id(1, 1), "record", "b") // without the day
	p.state++
	settle()
	if got := p.names(); got != "a b" {
		t.Errorf("the runs are %q", got)
	}
}

// A folder that is left of a run gets its record from a batch, by a checkout or 'runs pack', and nothing in it changes.
func TestHomeBatchOfLeft(t *testing.T) {
	p := newProject(t)
	const name = "batch-k7qx2m9a"
	in := map[string]string{} // the names of the runs in the batch
	p.batches = func(string) []Batch {
		if len(in) == 0 {
			return nil
		}
		return []Batch{{Name: name, IDs: slices.Sorted(maps.Keys(in))}}
	}
	p.records = in
	day := filepath.Join(p.dir, format.IDDay(id(1, 0)))
	p.write(id(1, 0), "notes/note", "kept")
	p.write(id(1, 1), "record", "single")
	p.want("single", 2)
	for range 2 {
		in[id(1, 0)], in[id(1, 2)] = "noted", "bare"
		if err := errors.Join(os.Mkdir(filepath.Join(day, name), 0o777),
			os.WriteFile(batchRecords(day, name), nil, 0o666)); err != nil {
			t.Fatal(err)
		}
		p.want("bare noted+kept single", 2)
		clear(in)
		if err := os.RemoveAll(filepath.Join(day, name)); err != nil {
			t.Fatal(err)
		}
		p.want("single", 1)
	}
}

// Runs that are in one batch and nowhere else are read together. Those with a folder and those in two batches are not.
func TestHomeReadsBatches(t *testing.T) {
	p := newProject(t)
	p.records = map[string]string{}
	names := []string{"batch-k7qx2m9a", "batch-k7qx2m9b"}
	ids := map[string][]string{}
	var want []string
	for n := range 300 {
		name := fmt.Sprintf("run%03d", n)
		want = append(want, name)
		p.records[id(1, n)] = name
		switch {
		case n < 200:
			ids[names[0]] = append(ids[names[0]], id(1, n))
		case n < 298:
			ids[names[1]] = append(ids[names[1]], id(1, n))
		default: // in both
			ids[names[0]], ids[names[1]] = append(ids[names[0]], id(1, n)), append(ids[names[1]], id(1, n))
		}
	}
	p.write(id(1, 7), "notes/note", "noted")
	want[7] += "+noted"
	day := filepath.Join(p.dir, "2026-11-01")
	for _, name := range names {
		if err := errors.Join(os.MkdirAll(filepath.Join(day, name), 0o777),
			os.WriteFile(batchRecords(day, name), nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	p.batches = func(string) []Batch {
		return []Batch{{Name: names[0], IDs: ids[names[0]]}, {Name: names[1], IDs: ids[names[1]]}}
	}
	p.want(strings.Join(want, " "), 300)
	if p.calls == 0 || p.calls > 20 {
		t.Errorf("batches were read %d times", p.calls)
	}
}

// A batch whose records are left out of the working tree gets them without a change of the day.
func TestHomeBatchLeftOut(t *testing.T) {
	p := newProject(t)
	const name = "batch-k7qx2m9a"
	day := filepath.Join(p.dir, format.IDDay(id(1, 0)))
	p.records = map[string]string{id(1, 0): "batched"}
	p.batches = func(string) []Batch {
		if _, err := os.Lstat(batchRecords(day, name)); err != nil {
			return []Batch{{Name: name, Left: true}}
		}
		return []Batch{{Name: name, IDs: []string{id(1, 0)}}}
	}
	p.write(id(1, 1), "record", "single")
	if err := os.Mkdir(filepath.Join(day, name), 0o777); err != nil {
		t.Fatal(err)
	}
	p.want("single", 1)
	for range 2 {
		if err := os.WriteFile(batchRecords(day, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		p.state++
		p.want("batched single", 1)
		if err := os.Remove(batchRecords(day, name)); err != nil {
			t.Fatal(err)
		}
		p.state++
		p.want("single", 0)
	}
}

// In a new state, every run is looked at once: a note that did not touch the day is found.
func TestHomeVerifiesInANewState(t *testing.T) {
	p := newProject(t)
	for n := range othersLooked + 1 { // so many that no sample has them
		p.write(id(1, n), "record", "a")
	}
	want := strings.TrimSpace(strings.Repeat("a ", othersLooked+1))
	p.want(want, othersLooked+1)
	p.state++
	p.want(want, 0)
	p.write(id(1, 7), "notes/note", "late")
	p.state++
	p.want(want+"+late", 1)
}

// A folder with an old time, a time in the future, or that was away, is not believed.
func TestHomeTimes(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.want("a", 1)
	day := filepath.Join(p.dir, "2026-11-01")
	info, err := os.Stat(day)
	if err != nil {
		t.Fatal(err)
	}
	p.write(id(1, 1), "record", "b")
	if err := os.Chtimes(day, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	p.want("a b", 1)
	if err := os.Rename(day, p.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	p.want("", 0)
	if err := os.RemoveAll(filepath.Join(p.dir+"-away", id(1, 0))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.dir+"-away", day); err != nil {
		t.Fatal(err)
	}
	if settle(); p.names() != "b" {
		t.Errorf("the runs are %q", p.names())
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(day, future, future); err != nil {
		t.Fatal(err)
	}
	settle()
	_ = p.names()
	p.write(id(1, 2), "record", "c")
	if err := os.Chtimes(day, future, future); err != nil {
		t.Fatal(err)
	}
	if settle(); p.names() != "b c" {
		t.Errorf("with a time in the future, the runs are %q", p.names())
	}
}

// Whatever the bytes of the cache are, the runs are the same.
func TestHomeDamagedCache(t *testing.T) {
	p := newProject(t)
	var want []string
	for day := range 20 {
		p.write(id(day+1, 0), "record", fmt.Sprint("run", day))
		want = append(want, fmt.Sprint("run", day))
	}
	slices.Sort(want)
	text := strings.Join(want, " ")
	p.want(text, 20)
	random := rand.New(rand.NewPCG(9, 10))
	for range 60 {
		for _, kind := range []string{"base", "recent"} {
			file := filepath.Join(p.cache, "home."+kind)
			data, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			switch random.IntN(4) {
			case 0:
				data = data[:random.IntN(len(data))]
			case 1:
				data[random.IntN(len(data))] ^= byte(1 + random.IntN(255))
			case 2:
				at := random.IntN(len(data))
				data = append(data[:at:at], data[random.IntN(len(data)):]...)
			}
			if err := os.WriteFile(file, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.names(); got != text {
			t.Fatalf("the runs are %q", got)
		}
	}
}

// Without a place for the cache, the runs are read each time.
func TestHomeWithoutCache(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	for _, folder := range []string{"", filepath.Join(p.dir, "2026-11-01", id(1, 0), "record", "x")} {
		p.cache = folder
		for range 2 {
			if settle(); p.names() != "a" {
				t.Errorf("the runs are %q", p.names())
			}
		}
	}
}

// A home has its own cache, also if two have the same name.
func TestHomeOfAnother(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.want("a", 1)
	h := &Home{Dir: p.dir, Cache: OpenCache(p.cache, "home", "another"), State: 7, Read: p.read}
	if h.Cache.Day("2026-11-01") != nil {
		t.Error("the days of another home were read")
	}
}

// A file of another version is not read, however much else of it is right, and the next one replaces it.
func TestHomeOfAnotherVersion(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.want("a", 1)
	file := filepath.Join(p.cache, "home.recent")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head := len(magic) + 8 + 8 // the home and the state come next
	head += 4 + 8*int(binary.LittleEndian.Uint32(data[head:]))
	head += 4 + entry*int(binary.LittleEndian.Uint32(data[head:]))
	copy(data[len(magic)-2:], "9")
	binary.LittleEndian.PutUint32(data[head:], castagnoli(data[:head]))
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
	p.want("a", 1)
	copy(data, magic)
	binary.LittleEndian.PutUint32(data[head:], castagnoli(data[:head]))
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
	p.want("a", 0) // nothing but the version was wrong
}

// A cache that was copied with the folders of another machine, which are of the same path and times, is not believed.
func TestHomeOfAnotherMachine(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.want("a", 1)
	run := filepath.Join(p.dir, "2026-11-01", id(1, 0))
	times := map[string]time.Time{}
	for _, folder := range []string{filepath.Dir(run), run} {
		info, err := os.Stat(folder)
		if err != nil {
			t.Fatal(err)
		}
		times[folder] = info.ModTime()
	}
	if err := os.Rename(p.dir, p.dir+"-there"); err != nil {
		t.Fatal(err)
	}
	p.write(id(1, 0), "record", "b")
	for folder, at := range times {
		if err := os.Chtimes(folder, at, at); err != nil {
			t.Fatal(err)
		}
	}
	p.want("b", 1)
}

// Of two that read and write the cache at once, the one that is last takes nothing from the truth.
func TestHomeTwoWriters(t *testing.T) {
	p := newProject(t)
	p.write(id(1, 0), "record", "a")
	p.write(id(2, 0), "record", "b")
	p.want("a b", 2)
	var homes []*Home
	for range 2 {
		homes = append(homes, &Home{Dir: p.dir, Cache: OpenCache(p.cache, "home", p.dir), State: p.state, Read: p.read})
	}
	for i, h := range homes { // the second has not seen what the first has written
		p.write(id(i+1, 1), "record", fmt.Sprint("new", i))
		settle()
		if _, err := h.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.want("a b new0 new1", 0)
	if err := os.RemoveAll(filepath.Join(p.dir, "2026-11-01")); err != nil {
		t.Fatal(err)
	}
	stale := &Home{Dir: p.dir, Cache: OpenCache(p.cache, "home", p.dir), State: p.state, Read: p.read}
	p.want("b new1", 0)
	p.write(id(1, 0), "record", "c") // the day comes back, and the stale cache still has it as it was
	if settle(); len(OpenCache(p.cache, "home", p.dir).days) == 0 {
		t.Fatal("the cache is empty")
	}
	if _, err := stale.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.want("b c new1", 0)
}

// Runs of many days move from the recent file into the base file.
func TestHomeManyDays(t *testing.T) {
	p := newProject(t)
	note := strings.Repeat("long ", 180)
	for day := range 8 {
		for n := range 60 {
			p.write(id(day+1, n), "record", fmt.Sprint(note, day, n))
		}
	}
	settle()
	first := p.names()
	if _, err := os.Stat(filepath.Join(p.cache, "home.base")); err != nil {
		t.Fatal(err)
	}
	for day := range 8 {
		p.write(id(day+1, 60), "record", "more")
		p.reads = 0
		if settle(); len(p.names()) != len(first)+(day+1)*len("more ") || p.reads != 1 {
			t.Errorf("day %d: %d records were read", day, p.reads)
		}
	}
}

// The bytes of a file of the cache may be anything.
func FuzzParseFile(f *testing.F) {
	c := OpenCache("", "home", "x")
	d := &Day{Name: "2026-11-01", Block: NewBlock(nil), Left: []Left{{id(1, 1), 5}}, Bad: []string{id(1, 2)}}
	d.data = d.encode()
	file, err := os.CreateTemp(f.TempDir(), "")
	if err != nil {
		f.Fatal(err)
	}
	if err := c.write(file, []*Day{d}, []uint64{3}, 9); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(file.Name())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		c := OpenCache("", "home", "x")
		c.parse(data, false)
		for _, d := range c.days {
			readAll(NewTable([]*Block{d.Block}, nil))
		}
		if d, err := parseDay("2026-11-01", data); err == nil {
			readAll(NewTable([]*Block{d.Block}, nil))
		}
	})
}
