package catalog

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// A run and the runs that it resumes are a chain. Wherever runs are counted or compared, a chain is one run. The
// following rules are implemented here for records, and in repo.Entry.Continuing for points and values:
//
//   - Each run that no other resumes ends a chain, which goes back from run to run as far as they are known (Chains).
//     If two runs resume the same one, both chains contain it. A ring of runs ends with the newest of them.
//   - The record of a chain is that of its newest run, with the metrics of all its runs (repo.ChainMetrics).
//   - A point or a value counts unless a later part has one of the same key at the same or an earlier step. A part that
//     adds its points replaces none. The metrics are those of the points that count.

// Chains returns the chains of runs. The newest chain comes first, and in each chain the newest run. A run that
// neither resumes nor is resumed is a chain of its own.
func Chains(runs []*format.Run) [][]*format.Run {
	found := chainsOf(query.Records(runs))
	chains := make([][]*format.Run, len(found))
	for i, chain := range found {
		chains[i] = query.RecordsOf(chain)
	}
	return chains
}

// chainsOf is like Chains, for rows.
func chainsOf[R query.Row](rows []R) [][]R {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b R) int { return query.NewerRow(a, b) })
	byID := make(map[string]R, len(rows))
	resumed := make(map[string]bool)
	for _, r := range rows {
		byID[r.ID()] = r
		resumed[r.Resumes()] = true
	}
	var chains [][]R
	seen := make(map[string]bool, len(rows))
	follow := func(r R) {
		var chain []R
		in := map[string]bool{}
		for ok := true; ok && !in[r.ID()]; r, ok = byID[r.Resumes()] {
			in[r.ID()], seen[r.ID()] = true, true
			chain = append(chain, r)
		}
		chains = append(chains, chain)
	}
	for _, r := range rows {
		if !resumed[r.ID()] {
			follow(r)
		}
	}
	for _, r := range rows {
		if !seen[r.ID()] { // a ring, or a run that resumes itself, has no end, so the newest run counts as the end
			follow(r)
		}
	}
	listsort.Stable(chains, func(a, b []R) int { return query.NewerRow(a[0], b[0]) })
	return chains
}

// linkedRows returns the rows that resume another run, or that one of them resumes. Only these can be in a chain with
// others.
func linkedRows(rows []*Row) []*Row {
	resumed := map[string]bool{}
	for _, r := range rows {
		if before := r.Resumes(); before != "" {
			resumed[before] = true
		}
	}
	if len(resumed) == 0 {
		return nil
	}
	var linked []*Row
	for _, r := range rows {
		if r.Resumes() != "" || resumed[r.ID()] {
			linked = append(linked, r)
		}
	}
	return linked
}

// Inner returns the ids of the runs that another run of their chain continues. The caller must not change the map.
func (c *Catalog) Inner() map[string]bool {
	if c.inner == nil {
		c.inner = map[string]bool{}
		for _, chain := range chainsOf(linkedRows(c.rows)) {
			for _, r := range chain[1:] {
				c.inner[r.ID()] = true
			}
		}
	}
	return c.inner
}

// Newest returns the newest run of each chain among runs, newest first.
func Newest(runs []*format.Run) []*format.Run {
	if !slices.ContainsFunc(runs, resumes) {
		runs = slices.Clone(runs)
		slices.SortFunc(runs, query.Newer)
		return runs
	}
	chains := Chains(runs)
	newest := make([]*format.Run, len(chains))
	for i, chain := range chains {
		newest[i] = chain[0]
	}
	return newest
}

func resumes(r *format.Run) bool { return r.Resumes != "" }

// Earlier returns the earlier runs of the chain of e that are in the catalog, newest first.
func (c *Catalog) Earlier(e *repo.Entry) []*repo.Entry {
	if e.Resumes == "" {
		return nil
	}
	if c.linked == nil {
		c.linked = map[string]*Row{}
		for _, r := range linkedRows(c.rows) {
			c.linked[r.ID()] = r
		}
	}
	var parts []*Row
	seen := map[string]bool{e.ID: true}
	for part := c.linked[e.Resumes]; part != nil && !seen[part.ID()]; part = c.linked[part.Resumes()] {
		seen[part.ID()] = true
		parts = append(parts, part)
	}
	_ = c.load(parts) // it fails only if the search was canceled, which the caller sees
	var earlier []*repo.Entry
	for _, part := range parts {
		if part.entry == nil {
			break // as if the run did not exist
		}
		earlier = append(earlier, part.entry)
	}
	return earlier
}

// Whole returns an entry that reads e and the runs that it resumes as one. Its record is that of e, with the metrics
// of all its parts. It starts when e started. If points cannot be read, it counts steps that a later part repeated too,
// and notes that in Doubts.
func (c *Catalog) Whole(ctx context.Context, e *repo.Entry) *repo.Entry {
	earlier := c.Earlier(e)
	if len(earlier) == 0 {
		return e
	}
	if whole := c.wholes[e]; whole != nil {
		return whole
	}
	metrics, err := repo.ChainMetrics(ctx, append([]*repo.Entry{e}, earlier...))
	return c.join(e, earlier, metrics, err)
}

// join makes the entry that Whole returns.
func (c *Catalog) join(e *repo.Entry, earlier []*repo.Entry, metrics map[string]format.Metric, err error) *repo.Entry {
	if err != nil {
		c.family.doubts = append(c.family.doubts, err)
	}
	run := *e.Run
	run.Metrics = metrics
	whole := e.Continuing(&run, earlier)
	c.byRun[&run] = whole
	if c.wholes == nil {
		c.wholes = map[*repo.Entry]*repo.Entry{}
	}
	c.wholes[e] = whole
	return whole
}

// Doubts says which values of chains may be wrong, because points could not be read. It covers all catalogs that share
// the family of c.
func (c *Catalog) Doubts() []error { return c.family.doubts }

// Wholes returns the entries, with each chain among them replaced with one entry, at the place of its newest run.
func (c *Catalog) Wholes(ctx context.Context, entries []*repo.Entry) []*repo.Entry {
	if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Resumes != "" }) {
		return entries
	}
	newest := map[*format.Run]bool{}
	for _, chain := range Chains(Records(entries)) {
		newest[chain[0]] = true
	}
	c.joinAll(ctx, slices.DeleteFunc(slices.Clone(entries), func(e *repo.Entry) bool { return !newest[e.Run] }))
	var wholes []*repo.Entry
	for _, e := range entries {
		if newest[e.Run] {
			wholes = append(wholes, c.Whole(ctx, e))
		}
	}
	return wholes
}

// WholeRows is like Wholes, for rows. It reads the records of runs that are in a chain, and no others.
func (c *Catalog) WholeRows(ctx context.Context, rows []*Row) []*Row {
	linked := linkedRows(rows)
	if len(linked) == 0 {
		return rows
	}
	newest, inner := map[*Row]bool{}, map[*Row]bool{}
	for _, chain := range chainsOf(linked) {
		newest[chain[0]] = true
	}
	var ends []*repo.Entry
	for _, r := range linked {
		if inner[r] = !newest[r]; newest[r] {
			r.read()
			if r.entry != nil {
				ends = append(ends, r.entry)
			}
		}
	}
	c.joinAll(ctx, ends)
	var wholes []*Row
	for _, r := range rows {
		switch {
		case newest[r] && r.entry != nil:
			if whole := c.Whole(ctx, r.entry); whole != r.entry {
				r = &Row{catalog: c, entry: whole}
			}
			wholes = append(wholes, r)
		case !inner[r] && !r.gone:
			wholes = append(wholes, r)
		}
	}
	return wholes
}

// joinAll makes the entries that Whole returns, on all processors. Whole makes those of a revision, whose files are
// copied out one after another.
func (c *Catalog) joinAll(ctx context.Context, entries []*repo.Entry) {
	type chain struct {
		e       *repo.Entry
		earlier []*repo.Entry
		metrics map[string]format.Metric
		err     error
	}
	var chains []*chain
	for _, e := range entries {
		earlier := c.Earlier(e)
		away := func(e *repo.Entry) bool { return !e.OnDisk() }
		if len(earlier) > 0 && c.wholes[e] == nil && !away(e) && !slices.ContainsFunc(earlier, away) {
			chains = append(chains, &chain{e: e, earlier: earlier})
		}
	}
	todo := make(chan *chain)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chains)) {
		workers.Go(func() {
			for one := range todo {
				one.metrics, one.err = repo.ChainMetrics(ctx, append([]*repo.Entry{one.e}, one.earlier...))
			}
		})
	}
	for _, one := range chains {
		todo <- one
	}
	close(todo)
	workers.Wait()
	for _, one := range chains {
		c.join(one.e, one.earlier, one.metrics, one.err)
	}
}

// Place says which parts of a chain an entry covers.
type Place struct {
	First, Last int // counted from 1, the oldest part
	Of          int // how many parts the chain has
}

// String says the same in words, like "part 2 of 3" or, for a whole chain, "3 parts".
func (p Place) String() string {
	switch {
	case p.First == p.Last:
		return fmt.Sprintf("part %d of %d", p.Last, p.Of)
	case p.Last == p.Of:
		return fmt.Sprintf("%d parts", p.Of)
	default:
		return fmt.Sprintf("parts %d to %d of %d", p.First, p.Last, p.Of)
	}
}

// PlaceText returns a function that describes the place of a run in its chain, by its id and the number of parts that
// are read as one with it. The function returns "" for a run that neither resumes nor is resumed. PlaceText returns nil
// if no run of the catalog resumes another.
func (c *Catalog) PlaceText() func(id string, parts int) string {
	places := c.Places()
	if places == nil {
		return nil
	}
	return func(id string, parts int) string {
		if at, ok := places(id, parts); ok {
			return at.String()
		}
		return ""
	}
}

// Places returns a function that reports the place of a run in its chain, as PlaceText does. The function returns false
// for a run that neither resumes nor is resumed. It is nil if no run of the catalog resumes another.
func (c *Catalog) Places() func(id string, parts int) (Place, bool) {
	linked := linkedRows(c.rows)
	if len(linked) == 0 {
		return nil
	}
	places := map[string]Place{}
	for _, chain := range chainsOf(linked) {
		for i, r := range chain {
			if _, ok := places[r.ID()]; !ok && len(chain) > 1 {
				places[r.ID()] = Place{len(chain) - i, len(chain) - i, len(chain)}
			}
		}
	}
	return func(id string, parts int) (Place, bool) {
		at, ok := places[id]
		if parts > 1 {
			at.First, at.Last = 1, parts
		}
		return at, ok
	}
}
