package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/query"
)

// Select returns the runs that a selector names, newest first, and their catalog. The catalog is not c if the
// selector has a revision. If the selector is not valid, the error is a *query.SyntaxError. If it names no run, the
// error is a *query.NotFoundError.
func (c *Catalog) Select(ctx context.Context, selector string) ([]*repo.Entry, *Catalog, error) {
	s, err := query.ParseSelector(selector)
	if err != nil {
		return nil, nil, err
	}
	if s.Rev == "" {
		entries, err := c.resolve(ctx, s)
		return entries, c, err
	}
	at, err := c.At(ctx, s.Rev)
	if form := s.SuggestForm(); form != "" && errors.Is(err, git.ErrNoRevision) {
		return nil, nil, &query.NotFoundError{
			Selector: selector, Reason: fmt.Sprintf("%q is not a Git revision", s.Rev), Hint: "did you mean " + form + "?",
		}
	}
	if err != nil {
		return nil, nil, err
	}
	entries, err := at.resolve(ctx, s)
	for _, e := range entries {
		c.byRun[e.Run] = e
	}
	return entries, at, err
}

func (c *Catalog) resolve(ctx context.Context, s query.Selector) ([]*repo.Entry, error) {
	among := c.runs
	if s.IsBest() { // a chain is one run
		among = Records(c.Wholes(ctx, c.entries))
	}
	rows, err := s.Resolve(query.Records(among), c.scope, c.Context())
	if err != nil {
		return nil, err
	}
	entries := c.EntriesOf(query.RecordsOf(rows))
	for i, e := range entries {
		entries[i] = e.Newest()
	}
	return entries, nil
}

// One returns the single run that a selector names, and its catalog. If the selector names several runs, the error is
// a *query.NotFoundError.
func (c *Catalog) One(ctx context.Context, selector string) (*repo.Entry, *Catalog, error) {
	entries, of, err := c.Select(ctx, selector)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) != 1 {
		return nil, nil, &query.NotFoundError{Selector: selector, Reason: "names several runs"}
	}
	return entries[0], of, nil
}

// SelectAll returns the runs that any of the selectors names, each once. Without selectors, it returns all runs of
// the scope.
func (c *Catalog) SelectAll(ctx context.Context, selectors []string) ([]*repo.Entry, error) {
	var entries []*repo.Entry
	if len(selectors) == 0 {
		for _, e := range c.entries {
			if c.InScope(e.Run) {
				entries = append(entries, e)
			}
		}
	}
	for _, selector := range selectors {
		found, _, err := c.Select(ctx, selector)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if !slices.Contains(entries, e) {
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}

// Match returns the entries that match an expression, or all if it is empty. It also returns the keys of the
// expression that no run of the catalog has. If the expression is not valid, the error is a *query.SyntaxError. Match
// reuses the slice of entries.
func (c *Catalog) Match(entries []*repo.Entry, where string) ([]*repo.Entry, []MissingKey, error) {
	if where == "" {
		return entries, nil, nil
	}
	expr, err := query.Parse(where)
	if err != nil {
		return nil, nil, err
	}
	var missing []MissingKey
	expr.EachKey(func(key string, asks bool) {
		// An expression may ask whether a key exists. Such a key is reported only if it is similar to another.
		if m := c.Missing(key); m != nil && (!asks || len(m.Near) > 0) {
			missing = append(missing, *m)
		}
	})
	context := c.Context()
	if err := expr.Unordered(query.Records(c.runs), context); err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(entries, func(e *repo.Entry) bool { return !expr.Match(query.Record(e.Run), context) }), missing, nil
}

// MissingKey is a key that no run has.
type MissingKey struct {
	Key  string
	Near []string // similar keys that the user may have meant
}

// Missing returns a MissingKey if there are runs and none has the key. Otherwise it returns nil.
func (c *Catalog) Missing(key string) *MissingKey {
	if len(c.runs) == 0 {
		return nil
	}
	near, missing := query.Missing(query.Records(c.runs), key, c.Context())
	if !missing {
		return nil
	}
	return &MissingKey{key, near}
}

// ReadOne reads the single run that a selector names. If the selector is the full id of a run in the working tree, it
// reads no other run, and the returned catalog is nil. Otherwise it opens and returns a catalog, which the caller
// closes, also after an error.
func ReadOne(ctx context.Context, r *repo.Repository, selector string, o Options) (e *repo.Entry, of *Catalog,
	err error,
) {
	if format.CheckID(selector) == nil {
		e, err := r.Read(ctx, selector)
		if !errors.Is(err, repo.ErrNotActive) {
			return e, nil, err
		}
		if config, err := r.Config(); err != nil {
			return nil, nil, err
		} else if config.Commit.Branch == "" {
			return nil, nil, &query.NotFoundError{Selector: selector, Reason: "names no run"}
		}
	}
	c, err := Open(ctx, r, o)
	if err != nil {
		return nil, nil, err
	}
	e, of, err = c.One(ctx, selector)
	if err != nil {
		return nil, c, err
	}
	return e, of, nil
}
