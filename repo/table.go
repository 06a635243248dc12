package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// Table holds the columns of the runs of a repository, finished and active, newest first, in the order of List. The
// columns of finished runs may come from the index, which does not notice that another program edited a file in place.
// Load reads the records from the files.
type Table struct {
	*index.Table

	// Damage holds the runs that could not be read. They have no row.
	Damage []Damage

	repo    *Repository
	entries map[string]*Entry // those that were read to make the table; it has all active runs
}

// Table returns the columns of all runs.
func (r *Repository) Table(ctx context.Context) (*Table, error) {
	entries, damage, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	return r.tableOf(entries, damage), nil
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

// Active returns the entry of a run in progress, or nil if the run of the row is finished. It reads nothing.
func (t *Table) Active(row int) *Entry {
	if e := t.entries[t.ID(row)]; e != nil && e.Active != nil {
		return e
	}
	return nil
}

// Load reads the records of some rows from the files, with their notes. The entries are in the order of rows. A run
// that was removed since the table was made is left out, and so is a damaged one, which is returned as damage.
func (t *Table) Load(ctx context.Context, rows []int) ([]*Entry, []Damage, error) {
	entries := make([]*Entry, len(rows))
	errs := make([]error, len(rows))
	inParallel(len(rows), func(i int) {
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

func (t *Table) load(ctx context.Context, id string) (*Entry, error) {
	if e := t.entries[id]; e != nil {
		return e, nil
	}
	if err := format.CheckID(id); err != nil { // the index is not trusted to name paths
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	e, err := t.repo.readFinished(id)
	if errors.Is(err, fs.ErrNotExist) {
		return t.repo.Read(ctx, id)
	}
	return e, err
}
