// Package view answers what a page that shows runs asks: tables, curves, records and comparisons, as values that
// become JSON.
//
// It only reads. It knows no HTTP, no browser and no terminal. It imports repo, repo/catalog, repo/query, repo/review,
// diff and format. Start in view.go for which runs are shown and when they are read again; each other file is one
// answer.
package view

import (
	"context"
	"sync"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Options say which runs a view shows.
type Options struct {
	Selectors []string       // empty is all runs
	Where     string         // an expression; empty is all runs
	Revision  string         // a Git revision, which is read without a checkout; empty is the working tree
	Export    *ExportOptions // nil unless the answers are written into files
}

// View is the runs of a repository, as a page shows them. It is safe for concurrent use.
type View struct {
	repo    *repo.Repository
	options Options

	mu      sync.Mutex // a Catalog is not safe for concurrent use
	catalog *catalog.Catalog
	entries []*repo.Entry // those shown, newest first, each chain once
	left    LeftOut
	missing []catalog.MissingKey // keys of the expression that no run has

	logs   logIndexes
	curves pointsCache
}

// Open reads the runs that o names. The context must stay valid until the view is closed, because files of a revision
// are read when they are needed. The caller closes the view.
func Open(ctx context.Context, r *repo.Repository, o Options) (*View, error) {
	v := &View{repo: r, options: o}
	if err := v.read(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *View) read(ctx context.Context) (err error) {
	c, err := catalog.Open(ctx, v.repo, catalog.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if v.options.Revision != "" {
		at, err := c.At(ctx, v.options.Revision)
		if err != nil {
			return err
		}
		c = at
	}
	if o := v.options.Export; o != nil {
		if err := o.addRevisions(ctx, c); err != nil {
			return err
		}
	}
	entries, err := c.SelectAll(ctx, v.options.Selectors)
	if err != nil {
		return err
	}
	entries = c.Wholes(ctx, entries)
	if entries, v.missing, err = c.Match(entries, v.options.Where); err != nil {
		return err
	}
	if v.options.Export != nil {
		c, entries = v.limit(c, entries)
	}
	v.catalog, v.entries = c, entries
	return nil
}

// At opens a view of the same runs at another Git revision. The caller closes it.
func (v *View) At(ctx context.Context, rev string) (*View, error) {
	o := v.options
	o.Revision = rev
	return Open(ctx, v.repo, o)
}

// Revision returns the Git revision that the view was opened for, or "" for the working tree.
func (v *View) Revision() string { return v.options.Revision }

// Close removes what the view made to read runs of revisions.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.catalog.Close()
}
