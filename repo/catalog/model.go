package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/registry"
)

// modelRun returns the run of the version of a model that a selector such as taxi@production names. ok is false if the
// selector has another form, or no model has this name.
func modelRun(ctx context.Context, r *repo.Repository, s query.Selector) (id string, ok bool, err error) {
	text, ok := s.MayNameVersion()
	if !ok {
		return "", false, nil
	}
	models := registry.Open(r)
	if s.Rev != "" {
		at, done, err := registry.At(ctx, r, s.Rev)
		if err != nil {
			return "", false, nil // whoever reads the runs of the revision reports it
		}
		defer done()
		models = at
	}
	if !models.IsSelector(ctx, text) {
		return "", false, nil
	}
	v, _, err := models.Resolve(ctx, text)
	if err != nil {
		return "", true, err
	}
	return v.Run, true, nil
}

// selectModel returns the run of a version. With a revision, it is looked for there first: with a runs branch, it may
// be on that.
func (c *Catalog) selectModel(ctx context.Context, s query.Selector, selector, id string) ([]*repo.Entry, *Catalog,
	error,
) {
	var at *Catalog
	if s.Rev != "" {
		var err error
		if at, err = c.At(ctx, s.Rev); err != nil {
			return nil, nil, err
		}
	}
	full, err := query.ParseSelector(id)
	if err != nil {
		return nil, nil, err
	}
	var none *query.NotFoundError
	for _, of := range []*Catalog{at, c} {
		if of == nil {
			continue
		}
		entries, err := of.resolve(ctx, full)
		if errors.As(err, &none) {
			continue
		}
		for _, e := range entries {
			c.byRun[e.Run] = e
		}
		return entries, of, err
	}
	return nil, nil, &query.NotFoundError{
		Selector: selector, Reason: fmt.Sprintf("it names run %s, which is not in this clone", id),
		Hint: "run 'runs pull' to fetch it, or 'runs model verify' to see what is missing",
	}
}

// FindRun returns a run by its full id, also one of the runs branch.
func FindRun(ctx context.Context, r *repo.Repository, id string) (e *repo.Entry, closed func(), err error) {
	if err := format.CheckID(id); err != nil {
		return nil, nil, err
	}
	e, c, err := ReadOne(ctx, r, id, Options{})
	closed = func() {}
	if c != nil {
		closed = c.Close
	}
	var none *query.NotFoundError
	if errors.As(err, &none) {
		err = &repo.HintError{
			Err:  fmt.Errorf("run %s is not in this clone", id),
			Hint: "run 'runs pull' to fetch it, or ask whoever recorded it to push it",
		}
	}
	return e, closed, err
}
