package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// OpenActive opens the active run that a selector names. It returns the catalog that it opened to resolve the
// selector, as ReadOne does, or nil if it needed none. The caller closes it, also after an error. If the selector
// names no run, the error is a *query.NotFoundError. If the run is finished, the error is repo.ErrFinished.
func OpenActive(ctx context.Context, r *repo.Repository, selector string, o Options) (a *repo.Active, of *Catalog,
	err error,
) {
	id := selector
	if format.CheckID(selector) != nil {
		var e *repo.Entry
		if e, of, err = ReadOne(ctx, r, selector, o); err != nil {
			return nil, of, err
		}
		id = e.ID
	}
	a, err = r.Open(id)
	if errors.Is(err, repo.ErrNotActive) && of == nil {
		err = &query.NotFoundError{Selector: selector, Reason: "names no run in progress"}
	}
	return a, of, err
}

// OnlyActive opens the only active run that was started in this clone. If there is none, or if there are several, the
// error is a *query.NotFoundError.
func OnlyActive(r *repo.Repository) (*repo.Active, error) {
	actives, err := r.Actives()
	if err != nil {
		return nil, err
	}
	actives = slices.DeleteFunc(actives, (*repo.Active).Foreign)
	switch len(actives) {
	case 1:
		return actives[0], nil
	case 0:
		return nil, &query.NotFoundError{
			Reason: "no run is in progress", Hint: "run 'runs start' to start one, or 'runs ls' to list the finished ones",
		}
	}
	ids := make([]string, len(actives))
	for i, active := range actives {
		ids[i] = active.ID
	}
	return nil, &query.NotFoundError{Reason: fmt.Sprintf("%d runs are in progress; name one: %s", len(ids),
		strings.Join(ids, ", "))}
}

// MayChange returns an error if a selector may not be used to change e. A run of another revision is read-only, and a
// run of another author must be selected by its full id. author returns the author of the change, or "" if it is not
// known.
func MayChange(e *repo.Entry, selector string, author func() string) error {
	if s, err := query.ParseSelector(selector); err == nil && s.Rev != "" {
		return &repo.HintError{
			Err:  fmt.Errorf("changing %s: a run of another revision is read-only", selector),
			Hint: "switch to that branch, or use a Git worktree",
		}
	}
	if format.CheckID(selector) == nil || e.Author == "" {
		return nil
	}
	if who := author(); who == "" || who == e.Author {
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("changing run %s: it was recorded by %s, not by you", e.ID, e.Author),
		Hint: "use its full id to change it anyway",
	}
}

// SelectRemovable returns the runs to remove. These are the runs that any of the selectors names and, if where is not
// empty, the finished runs of the scope that match it and that no other worktree has recorded. If MayChange does not
// allow one of them, its error is returned. If there is nothing to remove, the error is a *query.NotFoundError.
func (c *Catalog) SelectRemovable(ctx context.Context, selectors []string, where string,
	author func() string,
) ([]*repo.Entry, []MissingKey, error) {
	var entries []*repo.Entry
	seen := map[string]bool{}
	add := func(e *repo.Entry, selector string) error {
		if seen[e.ID] {
			return nil
		}
		seen[e.ID] = true
		entries = append(entries, e)
		return MayChange(e, selector, author)
	}
	for _, selector := range selectors {
		found, _, err := c.Select(ctx, selector)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range found {
			if err := add(e, selector); err != nil {
				return nil, nil, err
			}
		}
	}
	if where == "" {
		return entries, nil, nil
	}
	rows, missing, err := c.MatchRows(c.rowsInScope(), where)
	if err != nil {
		return nil, missing, err
	}
	if rows, err = c.Prove(rows, where); err != nil {
		return nil, missing, err
	}
	matching, err := c.Load(rows)
	if err != nil {
		return nil, missing, err
	}
	for _, e := range matching {
		if e.Active != nil || e.Worktree() != nil {
			continue
		}
		if err := add(e, where); err != nil {
			return nil, missing, err
		}
	}
	if len(entries) == 0 {
		return nil, missing, &query.NotFoundError{Selector: where, Reason: "no finished run matches"}
	}
	return entries, missing, nil
}
