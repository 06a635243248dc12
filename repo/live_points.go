package repo

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/gitruns/runs/format"
)

// LivePoints are the points of a run in progress, which grow with its journals. It is for one goroutine at a time.
type LivePoints struct {
	active  *Active
	fold    *fold
	read    []journalFile // those that have been read, in their order; size is how far
	points  map[string][]format.Point
	count   int
	unknown bool            // the points cannot be added to: all are read again
	mixed   map[string]bool // keys whose points are not in order
	firsts  map[string]journalFile
}

// LivePoints returns the points of the run, none of which have been read yet.
func (a *Active) LivePoints() *LivePoints { return &LivePoints{active: a, unknown: true} }

// Count returns the number of points that are in memory.
func (l *LivePoints) Count() int { return l.count }

// Read reads what the journals have gained since the last call. As long as only the journal that comes last grows, it
// reads nothing twice; otherwise, it reads all of them, because steps that a program left out depend on their order.
func (l *LivePoints) Read(ctx context.Context) error {
	files, err := l.active.journals(journalPrefix)
	if err != nil {
		l.unknown = true
		return err
	}
	l.sort(files)
	if l.unknown || !l.continues(files) {
		l.restart()
	}
	for i, file := range files {
		from := int64(0)
		if i < len(l.read) {
			from = l.read[i].size
		}
		if from == file.size {
			continue
		}
		if err := l.fold.journal(ctx, file, from, file.size); err != nil {
			l.unknown = true
			return err
		}
		l.fold.warnings, l.fold.aside, l.fold.asideSize = nil, nil, 0 // a finish keeps these
		file.size = l.fold.end
		l.read = append(l.read[:min(i, len(l.read))], file)
	}
	return nil
}

// sort is sortJournals. It reads the beginning of a journal once: a page asks for each metric, and a line may be long.
func (l *LivePoints) sort(files []journalFile) {
	for i := range files {
		file := &files[i]
		known, ok := l.firsts[file.name]
		if !ok || file.size < known.size {
			known.first = firstTime(file.path)
		}
		if file.first = known.first; file.first == math.MaxInt64 { // no line is valid yet
			delete(l.firsts, file.name)
			continue
		}
		if l.firsts == nil {
			l.firsts = map[string]journalFile{}
		}
		l.firsts[file.name] = *file
	}
	sortByFirst(files)
}

// continues reports whether the files are those that were read, of which only the last one has grown, and new ones
// after them.
func (l *LivePoints) continues(files []journalFile) bool {
	if len(files) < len(l.read) {
		return false
	}
	for i, before := range l.read {
		last := i == len(l.read)-1
		switch grown := files[i].size - before.size; {
		case files[i].name != before.name, grown < 0, grown > 0 && !last, grown > 0 && len(files) > len(l.read):
			return false
		}
	}
	return true
}

func (l *LivePoints) restart() {
	l.read, l.points, l.mixed, l.count, l.unknown = nil, map[string][]format.Point{}, map[string]bool{}, 0, false
	l.fold = newFold(&format.Run{}, func(key string, p format.Point) error {
		points := l.points[key]
		if n := len(points); n > 0 && comparePoints(points[n-1], p) > 0 {
			l.mixed[key] = true
		}
		l.points[key] = append(points, p)
		l.count++
		return nil
	})
}

// Points returns the points of a metric, ordered by step and time. They stay as they are when more are read.
func (l *LivePoints) Points(key string) []format.Point {
	if l.mixed[key] {
		l.points[key] = slices.Clone(l.points[key]) // an earlier caller may still have it
		sortPoints(l.points[key])
		delete(l.mixed, key)
	}
	return slices.Clip(l.points[key])
}

// Params returns the params that journals have set, as far as Read has read them.
func (l *LivePoints) Params() format.Params {
	if l.fold == nil {
		return nil
	}
	return l.fold.run.Params
}

// Tags returns the tags that journals have set, as far as Read has read them, and those of notes.
func (l *LivePoints) Tags() (map[string]string, error) {
	run := format.Run{Tags: map[string]string{}}
	if l.fold != nil {
		maps.Copy(run.Tags, l.fold.run.Tags)
	}
	notes, err := notesIn(l.active.Dir)
	if err == nil {
		err = applyNotes(&run, notes)
	}
	return run.Tags, err
}

// Keys returns the keys of the metrics, in no order.
func (l *LivePoints) Keys() iter.Seq[string] { return maps.Keys(l.points) }

func comparePoints(a, b format.Point) int {
	if a.Step != b.Step {
		return cmpInt(a.Step, b.Step)
	}
	return cmpInt(a.Time, b.Time)
}
