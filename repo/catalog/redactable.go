package catalog

import (
	"context"
	"errors"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// SelectRedactable returns the runs that selectors name, or those that match an expression, each once. A selector may
// name a removed run. With a run that matches the expression come the earlier runs that it resumes.
func (c *Catalog) SelectRedactable(ctx context.Context, selectors []string, where string) ([]*repo.Entry, []MissingKey,
	error,
) {
	var entries []*repo.Entry
	seen := map[string]bool{}
	add := func(found ...*repo.Entry) {
		for _, e := range found {
			if !seen[e.ID] {
				seen[e.ID] = true
				entries = append(entries, e)
			}
		}
	}
	for _, selector := range selectors {
		found, _, err := c.Select(ctx, selector)
		if none := (*query.NotFoundError)(nil); errors.As(err, &none) {
			if t, failed := Removed(c.repo, selector); failed == nil {
				found, err = []*repo.Entry{t.Entry}, nil
			}
		}
		if err != nil {
			return nil, nil, err
		}
		add(found...)
	}
	if where == "" {
		return entries, nil, nil
	}
	rows, missing, err := c.MatchRows(c.rowsInScope(), where)
	if err == nil {
		rows, err = c.Prove(rows, where)
	}
	if err != nil {
		return nil, missing, err
	}
	matching, err := c.Load(rows)
	if err != nil {
		return nil, missing, err
	}
	for _, e := range matching {
		add(e)
		add(c.Earlier(e)...)
	}
	if len(entries) == 0 {
		return nil, missing, &query.NotFoundError{Selector: where, Reason: "no run matches"}
	}
	return entries, missing, nil
}
