package view

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// missing makes the error for something that does not exist, with the next step.
func missing(hint, format string, args ...any) error {
	return &repo.HintError{Err: &NotFoundError{fmt.Sprintf(format, args...)}, Hint: hint}
}

// unreadable makes the error for a file of a run that cannot be read. It keeps the next step of err.
func unreadable(doing string, err error) error {
	hint := ""
	var with *repo.HintError
	if errors.As(err, &with) {
		hint = with.Hint
	}
	return missing(hint, "%s: %v", doing, err)
}

// unreadableFile is unreadable for an error that may be nil or that of ctx.
func unreadableFile(ctx context.Context, doing string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return unreadable(doing, err)
}

// noRun is the error for an id that no run has.
func noRun(id string) error {
	return missing("run 'runs ls' to list the runs, or 'runs pull' to fetch those of others", "no run has the id %s", id)
}

// findRun returns the run with an id, or the one that a selector like "last" names, read as one with those that it
// resumes. If the run could not be read, it returns its damage. The files of the run can be read without the lock.
func (v *View) findRun(ctx context.Context, selector string) (*repo.Entry, *repo.Damage, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.findLocked(ctx, selector)
}

// findLocked is findRun for a caller that holds the lock.
func (v *View) findLocked(ctx context.Context, selector string) (*repo.Entry, *repo.Damage, error) {
	var e *repo.Entry
	if format.CheckID(selector) == nil {
		found, err := v.load(map[string]bool{selector: true})
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			damage := v.catalog.AllDamage()
			i := slices.IndexFunc(damage, func(d repo.Damage) bool { return d.ID == selector })
			if i >= 0 {
				return nil, &damage[i], nil
			}
			return nil, nil, noRun(selector)
		}
		e = found[0]
	} else {
		found, of, err := v.catalog.One(ctx, selector)
		if err != nil {
			return nil, nil, err
		}
		if of != v.catalog {
			return nil, nil, missing("run 'runs ui --rev REV' to see the runs of a revision",
				"%.100q names a run of another revision", selector)
		}
		e = found
	}
	earlier := v.catalog.Earlier(e)
	for _, part := range append([]*repo.Entry{e}, earlier...) {
		if !part.OnDisk() {
			_, _ = part.NoteFiles() // copies the files of a run of a revision; who reads one meets the error again
		}
	}
	whole := v.catalog.Whole(ctx, e)
	if !whole.OnDisk() { // it was made before its files were copied
		whole = e.Continuing(whole.Run, earlier)
	}
	return whole, nil, nil
}

// load returns runs by their ids, also those that are not shown. The caller holds the lock.
func (v *View) load(ids map[string]bool) ([]*repo.Entry, error) {
	var rows []*catalog.Row
	for _, r := range v.catalog.Rows() {
		if ids[r.ID()] {
			rows = append(rows, r)
		}
	}
	return v.catalog.Load(rows)
}

// readable returns a run that could be read. The damage of another is an error.
func (v *View) readable(ctx context.Context, run string) (*repo.Entry, error) {
	e, damage, err := v.findRun(ctx, run)
	if damage != nil {
		return nil, missing("run 'runs verify "+run+"' for details", "run %s is damaged: %v", run, damage.Err)
	}
	return e, err
}
