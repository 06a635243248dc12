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
	if id, ok, err := modelRun(ctx, c.repo, s); err != nil || ok {
		if err != nil {
			return nil, nil, err
		}
		return c.selectModel(ctx, s, selector, id)
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

// resolve returns the runs that a selector without a revision names. If the file of one says something else than its
// columns, the selector is resolved again, with what the file says.
func (c *Catalog) resolve(ctx context.Context, s query.Selector) ([]*repo.Entry, error) {
	var before []query.Row
	for {
		among := c.queryRows()
		if s.IsBest() { // a chain is one run
			among = AsRows(c.WholeRows(ctx, c.rows))
		}
		found, err := s.Resolve(among, c.scope, c.Context())
		if err != nil {
			return nil, err
		}
		rows := ownRows(found)
		if err := c.load(rows); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(rows, func(r *Row) bool { return r.columns != nil }) || sameRows(before, found) {
			return entriesOf(rows), nil
		}
		before = found
	}
}

// sameRows reports whether two answers are the same and can be read.
func sameRows(a, b []query.Row) bool {
	return slices.Equal(a, b) && !slices.ContainsFunc(ownRows(b), func(r *Row) bool { return r.gone })
}

// AsRows returns rows for package query, in the same order.
func AsRows(rows []*Row) []query.Row {
	list := make([]query.Row, len(rows))
	for i, r := range rows {
		list[i] = r
	}
	return list
}

// ownRows is the reverse of asRows.
func ownRows(list []query.Row) []*Row {
	rows := make([]*Row, len(list))
	for i, r := range list {
		rows[i] = r.(*Row)
	}
	return rows
}

// entriesOf returns the entries of rows that were read, each as the newest part of its chain alone.
func entriesOf(rows []*Row) []*repo.Entry {
	entries := make([]*repo.Entry, 0, len(rows))
	for _, r := range rows {
		if r.entry != nil {
			entries = append(entries, r.entry.Newest())
		}
	}
	return entries
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
// the scope, and reads all their records; see SelectRows.
func (c *Catalog) SelectAll(ctx context.Context, selectors []string) ([]*repo.Entry, error) {
	rows, err := c.SelectRows(ctx, selectors)
	if err != nil {
		return nil, err
	}
	return c.Load(rows)
}

// SelectRows is like SelectAll, without reading the records of all runs.
func (c *Catalog) SelectRows(ctx context.Context, selectors []string) ([]*Row, error) {
	if len(selectors) == 0 {
		return c.rowsInScope(), nil
	}
	var rows []*Row
	seen := map[*repo.Entry]bool{}
	for _, selector := range selectors {
		found, _, err := c.Select(ctx, selector)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if !seen[e] {
				seen[e] = true
				rows = append(rows, &Row{catalog: c, entry: e})
			}
		}
	}
	return rows, nil
}

func (c *Catalog) rowsInScope() []*Row {
	if c.scope == "" {
		return slices.Clone(c.rows)
	}
	var rows []*Row
	for _, r := range c.rows {
		if r.Experiment() == c.scope {
			rows = append(rows, r)
		}
	}
	return rows
}

// Load reads the records of rows that were not read yet. It returns the entries in the order of the rows, without runs
// that were removed meanwhile or are damaged. An error means that the context of the catalog was canceled.
func (c *Catalog) Load(rows []*Row) ([]*repo.Entry, error) {
	if err := c.load(rows); err != nil {
		return nil, err
	}
	entries := make([]*repo.Entry, 0, len(rows))
	for _, r := range rows {
		if r.entry != nil {
			entries = append(entries, r.entry)
		}
	}
	return entries, nil
}

// LoadOnce is like Load, in another order. The catalog does not keep what it reads.
func (c *Catalog) LoadOnce(rows []*Row) ([]*repo.Entry, error) {
	once := c.WithRows(rows)
	return once.Load(once.rows)
}

// Match returns the entries that match an expression, or all if it is empty. It also returns the keys of the
// expression that no run of the catalog has. If the expression is not valid, the error is a *query.SyntaxError. Match
// reuses the slice of entries.
func (c *Catalog) Match(entries []*repo.Entry, where string) ([]*repo.Entry, []MissingKey, error) {
	if where == "" {
		return entries, nil, nil
	}
	expr, missing, err := c.parse(where)
	if err != nil {
		return nil, nil, err
	}
	context := c.Context()
	return slices.DeleteFunc(entries, func(e *repo.Entry) bool {
		return !expr.Match(query.Record(e.Run), context)
	}), missing, nil
}

// MatchRows is like Match, for rows.
func (c *Catalog) MatchRows(rows []*Row, where string) ([]*Row, []MissingKey, error) {
	if where == "" {
		return rows, nil, nil
	}
	expr, missing, err := c.parse(where)
	if err != nil {
		return nil, nil, err
	}
	context := c.contextOf(rows)
	expr.Narrow(context)
	return slices.DeleteFunc(rows, func(r *Row) bool { return !expr.Match(r, context) }), missing, nil
}

// Prove reads the records of rows that match an expression, which may be empty. It leaves out runs that were removed
// meanwhile or are damaged, and those whose file says something else than the columns did, if they do not match any
// more. It reuses the slice. An error means that the context of the catalog was canceled.
func (c *Catalog) Prove(rows []*Row, where string) ([]*Row, error) {
	if err := c.load(rows); err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r *Row) bool { return r.entry == nil })
	if where == "" {
		return rows, nil
	}
	expr, err := query.Parse(where)
	if err != nil {
		return nil, err
	}
	context := c.Context()
	return slices.DeleteFunc(rows, func(r *Row) bool { return !expr.Match(r, context) }), nil
}

// parse reads an expression, and finds the keys in it that no run has.
func (c *Catalog) parse(where string) (*query.Expr, []MissingKey, error) {
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
	return expr, missing, expr.Unordered(c.queryRows(), c.Context())
}

// SortRows sorts rows as query.SortFirst does: the first ones, or all if first is 0.
func (c *Catalog) SortRows(rows []*Row, spec string, first int) {
	list := AsRows(rows)
	if first == 0 {
		first = len(list)
	}
	query.SortFirst(list, spec, first, c.contextOf(rows))
	for i, r := range list {
		rows[i] = r.(*Row)
	}
}

// MissingKey is a key that no run has.
type MissingKey struct {
	Key  string
	Near []string // similar keys that the user may have meant
}

// Missing returns a MissingKey if there are runs and none has the key. Otherwise it returns nil.
func (c *Catalog) Missing(key string) *MissingKey {
	if len(c.rows) == 0 {
		return nil
	}
	near, missing := query.Missing(c.queryRows(), key, c.KeyNames, c.Context())
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
	var newest int
	var experiment string
	if s, err := query.ParseSelector(selector); err == nil {
		if id, ok, err := modelRun(ctx, r, s); err == nil && ok && s.Rev == "" {
			if e, of, err := ReadOne(ctx, r, id, o); err == nil {
				return e, of, nil
			} else if of != nil {
				of.Close()
			}
		}
		newest, experiment = s.Newest()
	}
	c, err := openNewest(ctx, r, o, newest, experiment)
	if err != nil {
		return nil, nil, err
	}
	e, of, err = c.One(ctx, selector)
	if err != nil {
		return nil, c, err
	}
	return e, of, nil
}
