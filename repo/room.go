package repo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// Room says what a run in progress still has room for. It is for one goroutine.
type Room struct{ f *fold }

// Room reads the journals of the run.
func (a *Active) Room(ctx context.Context) (*Room, error) {
	run, err := a.record()
	if err != nil {
		return nil, err
	}
	files, err := a.journals(journalPrefix)
	if err != nil {
		return nil, err
	}
	sortJournals(files)
	f := newFold(run, nil)
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file.name, err)
		}
	}
	return &Room{f}, nil
}

// Take adds a line to what the run holds. The error says which part of the line a finish would set aside.
func (r *Room) Take(l *format.Line) error {
	r.f.aside, r.f.leftOut, r.f.asideSize, r.f.lostValue, r.f.warnings = nil, 0, 0, 0, nil
	if n := len(r.f.run.Note) + 1 + len(l.Note); l.Note != "" && n > format.MaxTextBytes {
		return fmt.Errorf("the note of the run would have %d bytes, and the limit is %d", n, format.MaxTextBytes)
	}
	if err := r.f.line("", 0, nil, l); err != nil {
		return err
	}
	switch {
	case len(r.f.aside) > 0:
		return errors.New(r.f.aside[0].reason)
	case r.f.lostValue > 0:
		return fmt.Errorf("the run has values under more than %d keys", format.MaxMetrics)
	}
	return nil
}

// Fit adds a line to what the run holds, and removes from the line what the run has no room for, or what is not valid.
// It returns the reasons. The points of the line stay, also beside a note or params that do not fit.
func (r *Room) Fit(l *format.Line) (reasons []string) {
	if l.Aside != "" {
		reasons = append(reasons, l.Aside)
		l.Aside = ""
	}
	points := &format.Line{Time: l.Time, Step: l.Step, HasStep: l.HasStep, Metrics: l.Metrics, Labels: l.Labels}
	if err := r.Take(points); err != nil {
		reasons = append(reasons, err.Error())
		l.Metrics = slices.DeleteFunc(slices.Clone(l.Metrics), func(m format.MetricValue) bool {
			return !r.f.has(m.Key, l.Labels)
		})
	}
	if len(l.Values)+len(l.Params)+len(l.Set)+len(l.Tags)+len(l.Summary)+len(l.Note) == 0 && l.Defined == nil &&
		l.Dataset == nil {
		return reasons
	}
	for _, part := range []func(from, to *format.Line){
		func(from, to *format.Line) { to.Values, from.Values = from.Values, nil },
		func(from, to *format.Line) { to.Note, from.Note = from.Note, "" },
		func(from, to *format.Line) { to.Params, from.Params = from.Params, nil },
		func(from, to *format.Line) { to.Set, from.Set = from.Set, nil },
		func(from, to *format.Line) { to.Tags, from.Tags = from.Tags, nil },
		func(from, to *format.Line) { to.Summary, from.Summary = from.Summary, nil },
		func(from, to *format.Line) { to.Defined, from.Defined = from.Defined, nil },
		func(from, to *format.Line) { to.Dataset, from.Dataset = from.Dataset, nil },
	} {
		alone := &format.Line{Time: l.Time, Step: l.Step, HasStep: l.HasStep}
		part(l, alone)
		if err := r.Take(alone); err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		part(alone, l)
	}
	return reasons
}

// alwaysFits is a size of all journals, with the record that the run began with, within which everything fits: the
// smallest bound, that of null params, takes more bytes.
const alwaysFits = 8000

// CheckLines returns an error if a finish would set a part of the lines aside. It reads the journals of the run only if
// they are so large that a bound may be reached. For lines that have metrics alone it does not read them at all,
// because a call that logs a point must be fast: it checks the number of metrics of these lines.
func (a *Active) CheckLines(ctx context.Context, lines ...*format.Line) error {
	size, described, keys := int64(0), false, map[string]bool{}
	for _, l := range lines {
		size += int64(len(format.AppendLine(nil, l)))
		for _, m := range l.Metrics {
			keys[m.Key] = true
		}
		described = described || len(l.Params)+len(l.Set)+len(l.Tags)+len(l.Note)+len(l.Summary) > 0 ||
			l.Dataset != nil || l.Defined != nil
	}
	if len(keys) > format.MaxMetrics {
		return fmt.Errorf("recording in run %s: %d metrics, and the limit is %d", a.ID, len(keys), format.MaxMetrics)
	}
	if !described {
		return nil
	}
	files, err := a.journals(journalPrefix)
	if err != nil {
		return fmt.Errorf("recording in run %s: %w", a.ID, err)
	}
	for _, f := range files {
		size += f.size
	}
	record, err := readBounded(filepath.Join(a.Dir, RecordName), format.MaxRecordBytes)
	if err == nil && size+int64(len(record)) < alwaysFits {
		return nil
	}
	room, err := a.Room(ctx)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := room.Take(l); err != nil {
			return withHint(
				fmt.Errorf("recording in run %s: %w", a.ID, err), "shorten it, or keep it as a file with 'runs log -a FILE'",
			)
		}
	}
	return nil
}
