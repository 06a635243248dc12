package view

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// MaxExportRuns is how many runs an export contains at most. A page that is not served cannot ask for more.
const MaxExportRuns = 20_000

// ExportOptions say what the answers of a view leave out because they are written into files.
type ExportOptions struct {
	MaxRuns int            // the newest are kept; 0 means MaxExportRuns
	Metrics *regexp.Regexp // of the metrics that are kept; nil means all
	Also    []string       // Git revisions whose runs may be selected too
	IDs     []string       // of the runs that are kept; nil means all
}

// LeftOut says what a view leaves out because of its ExportOptions.
type LeftOut struct {
	Runs    int
	Metrics []string // sorted
}

// LeftOut returns what the view leaves out.
func (v *View) LeftOut() LeftOut {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.left
}

// Entries returns the runs that are shown, newest first, each chain once. It reads all their records. The caller must
// not change them.
func (v *View) Entries() []*repo.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entries()
}

// entries is Entries for a caller that holds the lock. Without an error of the context of the view, there is no other.
func (v *View) entries() []*repo.Entry {
	entries, _ := v.catalog.Load(v.rows)
	return entries
}

// Missing returns the keys of the expression that no run has.
func (v *View) Missing() []catalog.MissingKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.missing)
}

// Running returns how many of the runs are still running, and the time of their last activity.
func (v *View) Running() (n int, last time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.rows {
		if e := r.Active(); e != nil {
			n++
			if e.Silent.After(last) {
				last = e.Silent
			}
		}
	}
	return n, last
}

// Bounds of the comparisons that an export contains.
const (
	allPairs  = 8  // runs of which each is compared with each
	bestPairs = 20 // runs that the best one is compared with
)

// ExportPairs returns the ids of the runs that an export compares, two by two: of a few runs each with each, of more
// the best by the primary metric with the newest others.
func (v *View) ExportPairs(ctx context.Context) [][]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var pairs [][]string
	entries := v.entries()
	if len(entries) <= allPairs {
		for _, a := range entries {
			for _, b := range entries {
				if a != b {
					pairs = append(pairs, []string{a.ID, b.ID})
				}
			}
		}
		return pairs
	}
	records := catalog.Records(entries)
	primary := query.Primary(v.catalog.Config().Primary, query.Records(records), v.catalog.Context())
	best := entries[1] // without a primary metric: the run before the newest
	if found, _, err := v.catalog.Select(ctx, "best="+primary); primary != "" && err == nil && len(found) == 1 {
		for _, e := range entries {
			if e.ID == found[0].ID {
				best = e
			}
		}
	}
	for _, e := range entries {
		if e != best && len(pairs) < bestPairs {
			pairs = append(pairs, []string{best.ID, e.ID})
		}
	}
	return pairs
}

// limit leaves out what the options of an export ask to leave out.
func (v *View) limit(c *catalog.Catalog, rows []*catalog.Row) (*catalog.Catalog, []*catalog.Row, error) {
	o := v.options.Export
	entries, err := c.Load(rows)
	if err != nil {
		return c, nil, err
	}
	if o.IDs != nil {
		entries = slices.DeleteFunc(slices.Clone(entries), func(e *repo.Entry) bool { return !slices.Contains(o.IDs, e.ID) })
	}
	most := o.MaxRuns
	if most == 0 {
		most = MaxExportRuns
	}
	v.left = LeftOut{Runs: max(0, len(entries)-most)}
	entries = entries[:len(entries)-v.left.Runs]
	if o.Metrics == nil { // runs that are left out are in no answer
		of := c.With(entries)
		return of, of.RowsOf(entries), nil
	}
	left := map[string]bool{}
	keep := func(metric string) bool {
		kept := o.Metrics.MatchString(metric)
		if !kept {
			left[metric] = true
		}
		return kept
	}
	kept := make([]*repo.Entry, len(entries))
	for i, e := range entries {
		kept[i] = e.WithMetrics(keep)
	}
	v.left.Metrics = slices.Sorted(maps.Keys(left))
	of := c.With(kept)
	return of, of.RowsOf(kept), nil
}

// addRevisions adds the runs of revisions from which an export may select.
func (o *ExportOptions) addRevisions(ctx context.Context, c *catalog.Catalog) error {
	for _, rev := range o.Also {
		if err := c.AddRevision(ctx, rev); err != nil {
			return err
		}
	}
	return nil
}
