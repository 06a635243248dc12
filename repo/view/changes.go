package view

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Changes is what has changed since a cursor. A page asks for it again and again with the cursor of the last answer.
type Changes struct {
	Cursor string `json:"cursor"`
	// Reset means that the page reads everything again: the cursor is not known, or files could not be read for a
	// time. The lists are then empty.
	Reset   bool     `json:"reset,omitempty"`
	Added   []string `json:"added,omitempty"`   // ids of runs that are shown now and were not before
	Changed []string `json:"changed,omitempty"` // ids of runs whose record, notes or metrics differ
	Removed []string `json:"removed,omitempty"` // ids of runs that are no longer shown
	Points  []string `json:"points,omitempty"`  // ids of active runs that have new points
	Project bool     `json:"project,omitempty"` // the answer of Project differs
}

func (c *Changes) empty() bool {
	return !c.Reset && !c.Project && len(c.Added)+len(c.Changed)+len(c.Removed)+len(c.Points) == 0
}

const (
	// waitChanges is how long an answer waits for a change. Proxies and the server end requests after 30 s.
	waitChanges = 25 * time.Second
	// betweenPolls is how often the files are looked at while somebody waits.
	betweenPolls = 300 * time.Millisecond
)

// Changes returns what has changed since a cursor, as soon as something has. It answers at once if the cursor is empty
// or not known. If nothing changes for 25 s, the answer has the same cursor.
func (v *View) Changes(ctx context.Context, cursor string) (*Changes, error) {
	end := time.Now().Add(waitChanges)
	for {
		if err := v.Refresh(ctx); err != nil {
			return nil, err
		}
		v.mu.Lock()
		c := v.history.since(cursor)
		v.mu.Unlock()
		if !c.empty() || time.Now().After(end) {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(betweenPolls):
		}
	}
}

// history holds which runs changed when. Its clock counts the changes. Its size is that of the runs that were ever
// shown.
type history struct {
	epoch   string // of this view: a cursor of another one is not known
	clock   int64
	shown   map[string]shownRun
	added   map[string]int64
	changed map[string]int64
	removed map[string]int64
	grown   map[string]int64
	project int64
	healed  int64 // when files could be read again
	problem string
	damaged string
}

// shownRun is what a history remembers of a run.
type shownRun struct {
	version catalog.Version
	active  bool
}

func newHistory() history {
	return history{
		epoch: format.RandomLetters(8), shown: map[string]shownRun{}, added: map[string]int64{},
		changed: map[string]int64{}, removed: map[string]int64{}, grown: map[string]int64{},
	}
}

// cursor returns the present of the history.
func (h *history) cursor() string { return h.epoch + "-" + strconv.FormatInt(h.clock, 10) }

// show notes which runs are shown now.
func (h *history) show(rows []*catalog.Row) {
	first := h.clock == 0
	now := make(map[string]shownRun, len(rows))
	next := h.clock + 1
	different := first
	for _, r := range rows {
		id, one := r.ID(), shownRun{r.Version(), r.Active() != nil}
		now[id] = one
		before, known := h.shown[id]
		switch {
		case known && before.version == one.version:
			continue
		case first:
		case !known:
			h.added[id] = next
			delete(h.removed, id)
		default:
			h.changed[id] = next
			if before.active != one.active {
				h.project = next
			}
		}
		different = true
	}
	for id := range h.shown {
		if _, still := now[id]; !still {
			different = true
			h.removed[id] = next
			delete(h.added, id)
			delete(h.changed, id)
			delete(h.grown, id)
		}
	}
	if different {
		h.clock = next
	}
	if len(now) != len(h.shown) {
		h.project = next
	}
	h.shown = now
}

// points notes that journals grew.
func (h *history) points(ids []string) {
	if len(ids) == 0 {
		return
	}
	h.clock++
	for _, id := range ids {
		if _, shown := h.shown[id]; shown {
			h.grown[id] = h.clock
		}
	}
}

// settings notes that everything may differ.
func (h *history) settings() {
	h.clock++
	h.project = h.clock
}

// trouble notes why runs cannot be read, or "" if they can.
func (h *history) trouble(problem string) {
	if problem == h.problem {
		return
	}
	h.problem = problem
	h.settings()
	if problem == "" { // what a page asked meanwhile may have failed
		h.healed = h.clock
	}
}

// damage notes which runs cannot be read.
func (h *history) damage(list []repo.Damage) {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.ID + "\x00" + d.Error() + "\x00")
	}
	if b.String() != h.damaged {
		h.damaged = b.String()
		h.settings()
	}
}

// since returns what changed after a cursor.
func (h *history) since(cursor string) *Changes {
	c := &Changes{Cursor: h.cursor()}
	epoch, count, _ := strings.Cut(cursor, "-")
	at, err := strconv.ParseInt(count, 10, 64)
	if err != nil || epoch != h.epoch || at > h.clock || at < h.healed {
		c.Reset = true
		return c
	}
	after := func(times map[string]int64) (ids []string) {
		for id, t := range times {
			if t > at {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	c.Added, c.Changed, c.Removed, c.Points = after(h.added), after(h.changed), after(h.removed), after(h.grown)
	c.Changed = slices.DeleteFunc(c.Changed, func(id string) bool { return h.added[id] > at })
	c.Project = h.project > at
	return c
}
