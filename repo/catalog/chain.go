package catalog

import (
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Earlier are the runs that a run goes back to, newest first, as far as the catalog has them.
func (c *Catalog) Earlier(e *repo.Entry) []*repo.Entry {
	if e.Resumes == "" {
		return nil
	}
	if c.byID == nil {
		c.byID = make(map[string]*repo.Entry, len(c.entries))
		for _, other := range c.entries {
			c.byID[other.ID] = other
		}
	}
	var earlier []*repo.Entry
	seen := map[string]bool{e.ID: true}
	for part := c.byID[e.Resumes]; part != nil && !seen[part.ID]; part = c.byID[part.Resumes] {
		seen[part.ID] = true
		earlier = append(earlier, part)
	}
	return earlier
}

// Whole is a run with those that it resumes, read as one.
func (c *Catalog) Whole(e *repo.Entry) *repo.Entry {
	earlier := c.Earlier(e)
	if len(earlier) == 0 {
		return e
	}
	run := diff.MergeChain(append([]*format.Run{e.Run}, Records(earlier)...))
	run.Started = e.Started
	whole := e.Continuing(run, earlier)
	c.byRun[run] = whole
	return whole
}

// Wholes are the entries with each chain among them read as one, in the place of its newest run.
func (c *Catalog) Wholes(entries []*repo.Entry) []*repo.Entry {
	if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Resumes != "" }) {
		return entries
	}
	newest := map[*format.Run]bool{}
	for _, chain := range query.Chains(Records(entries)) {
		newest[chain[0]] = true
	}
	var wholes []*repo.Entry
	for _, e := range entries {
		if newest[e.Run] {
			wholes = append(wholes, c.Whole(e))
		}
	}
	return wholes
}

// Place is which parts of a chain an entry is.
type Place struct {
	First, Last int // counted from 1, the oldest part
	Of          int // how many parts the chain has
}

// Places returns a function that gives the place of an entry in its chain, false for a run that neither resumes nor is
// resumed. It is nil if no run of the catalog resumes another.
func (c *Catalog) Places() func(e *repo.Entry) (Place, bool) {
	if !slices.ContainsFunc(c.runs, func(r *format.Run) bool { return r.Resumes != "" }) {
		return nil
	}
	places := map[string]Place{}
	for _, chain := range query.Chains(c.runs) {
		for i, r := range chain {
			if _, ok := places[r.ID]; !ok && len(chain) > 1 {
				places[r.ID] = Place{len(chain) - i, len(chain) - i, len(chain)}
			}
		}
	}
	return func(e *repo.Entry) (Place, bool) {
		at, ok := places[e.ID]
		if e.Parts() > 1 {
			at.First, at.Last = 1, e.Parts()
		}
		return at, ok
	}
}
