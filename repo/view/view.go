// Package view answers what a page that shows runs asks: tables, curves, records and comparisons, as values that
// become JSON.
//
// It only reads. It knows no HTTP, no browser and no terminal. It imports repo, repo/catalog, repo/query,
// repo/registry, repo/review, diff and format. Start in view.go for which runs are shown and when they are read again;
// each other file is one answer.
package view

import (
	"context"
	"sync"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Options say which runs a view shows.
type Options struct {
	Selectors  []string       // empty is all runs
	Where      string         // an expression; empty is all runs
	Revision   string         // a Git revision, which is read without a checkout; empty is the working tree
	Experiment string         // the one that selectors look in; empty is that of the settings, otherwise all
	Version    string         // of the program, which the page shows
	Export     *ExportOptions // nil unless the answers are written into files
}

// View is the runs of a repository, as a page shows them. It is safe for concurrent use.
type View struct {
	repo    *repo.Repository // as it was opened
	options Options
	ctx     context.Context // for what is read later: the files of revisions
	watch   refreshing

	mu      sync.Mutex       // a Catalog is not safe for concurrent use
	current *repo.Repository // with the settings that are in force
	catalog *catalog.Catalog
	rows    []*catalog.Row           // those shown, newest first, each chain once
	pinned  map[string][]*repo.Entry // what selectors with a revision name
	left    LeftOut
	related *relatives           // of an export; nil until it is needed
	missing []catalog.MissingKey // keys of the expression that no run has
	history history
	listed  branchList
	summed  *summedProject
	counted countedModels

	logs   logIndexes
	curves pointsCache
	tables tables
	live   liveRuns
}

// Open reads the runs that o names. The context must stay valid until the view is closed, because files of a revision
// are read when they are needed. The caller closes the view.
func Open(ctx context.Context, r *repo.Repository, o Options) (*View, error) {
	v := &View{repo: r, current: r, options: o, ctx: ctx, history: newHistory()}
	c, err := v.openCatalog(ctx)
	if err != nil {
		v.stopWatching()
		return nil, err
	}
	rows, err := v.choose(ctx, c)
	if err == nil && v.options.Export != nil {
		c, rows, err = v.limit(c, rows)
	}
	if err != nil {
		v.stopWatching()
		c.Close()
		return nil, err
	}
	v.catalog, v.rows = c, rows
	v.history.show(rows)
	v.history.damage(c.AllDamage())
	return v, nil
}

// openCatalog lists all runs, and begins to watch those of the working tree.
func (v *View) openCatalog(ctx context.Context) (*catalog.Catalog, error) {
	v.watch.polled, v.watch.asked = time.Now(), time.Now()
	commit, err := v.commitShown(ctx)
	if err != nil {
		return nil, err
	}
	v.watch.commit = commit
	if v.options.Revision == "" {
		w := v.current.Watch(v.ctx)
		if _, err := w.Poll(ctx); err != nil {
			w.Close()
			return nil, err
		}
		v.stopWatching()
		v.watch.runs = w
		return catalog.Watched(v.ctx, v.current, catalog.Options{Experiment: v.options.Experiment}, w.Listed())
	}
	c, err := catalog.Of(v.ctx, v.current, catalog.Options{Experiment: v.options.Experiment}, nil, nil)
	if err != nil {
		return nil, err
	}
	at, err := c.At(v.ctx, v.options.Revision)
	if err != nil {
		c.Close()
		return nil, err
	}
	return at, nil
}

func (v *View) stopWatching() {
	if v.watch.runs != nil {
		v.watch.runs.Close()
	}
}

// screenRows is how many runs a page shows at once, at least. Their records are read when they are first listed, so
// that the page names those that are damaged, as a list in a terminal does.
const screenRows = 60

// choose returns the runs of a catalog that the view shows, each chain once.
func (v *View) choose(ctx context.Context, c *catalog.Catalog) ([]*catalog.Row, error) {
	if o := v.options.Export; o != nil {
		if err := o.addRevisions(ctx, c); err != nil {
			return nil, err
		}
	}
	rows, err := v.selected(ctx, c)
	if err != nil {
		return nil, err
	}
	rows, missing, err := c.MatchRows(c.WholeRows(ctx, rows), v.options.Where)
	v.mu.Lock()
	v.missing = missing
	v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	first := min(screenRows, len(rows))
	proved, err := c.Prove(rows[:first], v.options.Where)
	return append(proved, rows[first:]...), err
}

// selected returns the runs that the selectors name, each once, or all. What a selector with a revision names is found
// only once, because it takes a Git process.
func (v *View) selected(ctx context.Context, c *catalog.Catalog) ([]*catalog.Row, error) {
	if len(v.options.Selectors) == 0 {
		return c.SelectRows(ctx, nil)
	}
	var entries []*repo.Entry
	seen := map[string]bool{}
	for _, selector := range v.options.Selectors {
		found, known := v.pinned[selector]
		if !known {
			var of *catalog.Catalog
			var err error
			if found, of, err = c.Select(ctx, selector); err != nil {
				return nil, err
			}
			if of != c {
				if v.pinned == nil {
					v.pinned = map[string][]*repo.Entry{}
				}
				v.pinned[selector] = found
			}
		}
		for _, e := range found {
			if !seen[e.ID] {
				seen[e.ID] = true
				entries = append(entries, e)
			}
		}
	}
	return c.RowsOf(entries), nil
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
	v.watch.mu.Lock()
	defer v.watch.mu.Unlock()
	v.stopWatching()
	for _, r := range v.watch.retired {
		r.catalog.Close()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.catalog.Close()
}
