package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// resumed are the runs that a run goes back to, newest first, as far as they are in the collection.
func (c *collection) resumed(e *repo.Entry) []*repo.Entry {
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

// whole is a run with those that it resumes, read as one.
func (c *collection) whole(e *repo.Entry) *repo.Entry {
	earlier := c.resumed(e)
	if len(earlier) == 0 {
		return e
	}
	run := diff.MergeChain(append([]*format.Run{e.Run}, recordsOf(earlier)...))
	run.Started = e.Started
	whole := e.Continuing(run, earlier)
	c.byRun[run] = whole
	return whole
}

// wholes are the entries with each chain among them as one, in the place of its newest run.
func (c *collection) wholes(entries []*repo.Entry) []*repo.Entry {
	if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Resumes != "" }) {
		return entries
	}
	newest := map[*format.Run]bool{}
	for _, chain := range query.Chains(recordsOf(entries)) {
		newest[chain[0]] = true
	}
	var wholes []*repo.Entry
	for _, e := range entries {
		if newest[e.Run] {
			wholes = append(wholes, c.whole(e))
		}
	}
	return wholes
}

// partOf says which parts of a chain an entry is, empty for a run that neither resumes nor is resumed.
func (c *collection) partOf() func(e *repo.Entry) string {
	if !slices.ContainsFunc(c.runs, func(r *format.Run) bool { return r.Resumes != "" }) {
		return nil
	}
	type place struct{ part, of int }
	places := map[string]place{}
	for _, chain := range query.Chains(c.runs) {
		for i, r := range chain {
			if _, ok := places[r.ID]; !ok && len(chain) > 1 {
				places[r.ID] = place{len(chain) - i, len(chain)}
			}
		}
	}
	return func(e *repo.Entry) string {
		at, ok := places[e.ID]
		switch {
		case !ok:
			return ""
		case e.Parts() > 1 && e.Parts() == at.of:
			return fmt.Sprintf("%d parts", at.of)
		case e.Parts() > 1:
			return fmt.Sprintf("parts 1 to %d of %d", at.part, at.of)
		}
		return fmt.Sprintf("part %d of %d", at.part, at.of)
	}
}

// oneWhole reads a single run with those that it resumes; alone says to leave these.
func (a *app) oneWhole(ctx context.Context, r *repo.Repository, selector, experiment string, alone bool) (*repo.Entry, error) {
	e, of, err := a.oneRunOf(ctx, r, selector, experiment)
	if err != nil || alone || e.Resumes == "" {
		return e, err
	}
	if of == nil {
		if of, err = a.collect(ctx, r, experiment); err != nil {
			return nil, err
		}
	}
	return of.whole(e), nil
}
