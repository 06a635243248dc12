package view

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// MaxExportRuns is how many runs an export contains at most. A page that is not served cannot ask for more.
const MaxExportRuns = 20_000

// ExportOptions say what the answers of a view leave out because they are written into files.
type ExportOptions struct {
	MaxRuns int            // the newest are kept; 0 means MaxExportRuns
	Metrics *regexp.Regexp // of the metrics that are kept; nil means all
	Also    []string       // Git revisions whose runs may be selected too
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

// Entries returns the runs that are shown, newest first, each chain once. The caller must not change them.
func (v *View) Entries() []*repo.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.entries)
}

// Missing returns the keys of the expression that no run has.
func (v *View) Missing() []catalog.MissingKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.missing)
}

// Running returns how many of the runs are still running, and the time of their last activity.
func (v *View) Running() (n int, last time.Time) {
	for _, e := range v.Entries() {
		if e.Active != nil {
			n++
			if e.Silent.After(last) {
				last = e.Silent
			}
		}
	}
	return n, last
}

// limit leaves out what the options of an export ask to leave out.
func (v *View) limit(c *catalog.Catalog, entries []*repo.Entry) (*catalog.Catalog, []*repo.Entry) {
	o := v.options.Export
	most := o.MaxRuns
	if most == 0 {
		most = MaxExportRuns
	}
	v.left = LeftOut{Runs: max(0, len(entries)-most)}
	entries = entries[:len(entries)-v.left.Runs]
	if o.Metrics == nil {
		return c, entries
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
	return c.With(kept), kept
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
