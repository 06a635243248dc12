package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// TableNewest is like Table for a caller that needs only the newest runs. If records would have to be read that the
// index cannot keep, because its folder is read-only or the disk is full, it reads days from the newest on until enough
// returns true. Table.From then says which days were read.
func (r *Repository) TableNewest(ctx context.Context, enough func(*Table) bool) (*Table, error) {
	if os.Getenv(IndexVariable) == IndexOff {
		return r.Table(ctx)
	}
	homes := r.indexes()
	var days []string
	forgets := false
	for _, h := range homes {
		names, kept := h.Days()
		days = append(days, names...)
		forgets = forgets || !kept
	}
	slices.Sort(days)
	days = slices.Compact(days)
	if forgets {
		// Twice as many days each time: a day that was read is in memory, and the last answer is made of few others.
		for n := 1; n < len(days); n *= 2 {
			t, err := r.tableFrom(ctx, homes, days[len(days)-n])
			if err != nil || enough(t) {
				return t, err
			}
		}
	}
	return r.tableFrom(ctx, homes, "")
}

// indexes returns the indexes of the homes.
func (r *Repository) indexes() []*index.Home {
	var homes []*index.Home
	for _, home := range r.Homes() {
		homes = append(homes, r.indexOf(home))
	}
	return homes
}

// Since returns a time. A run that the table does not have, because its day was not read, started before it. It is the
// zero time if all days were read.
//
// A record is valid only if it started within a day of the time in its id, which names the day. A run of the newest
// unread day, the one before From, has therefore started before the end of From.
func (t *Table) Since() time.Time {
	day, err := time.Parse(time.DateOnly, t.From)
	if err != nil {
		return time.Time{}
	}
	return day.Add(24 * time.Hour)
}

// Unread reports whether a run may be in a day that was not read.
func (t *Table) Unread(id string) bool {
	return t.From != "" && format.CheckID(id) == nil && format.IDDay(id) < t.From
}

// openIndex returns the finished runs of a home, by its index.
func (r *Repository) openIndex(ctx context.Context, h *index.Home) (*index.Contents, error) {
	found, err := h.Open(ctx)
	if errors.Is(err, fs.ErrNotExist) && (h.Dir != r.Dir || r.absent || r.leftRuns() != nil) {
		return &index.Contents{}, nil
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("listing runs: %w", err)
	}
	return found, err
}
