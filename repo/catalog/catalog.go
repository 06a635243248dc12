// Package catalog answers which runs there are and which of them is meant: it lists the runs of the working tree, of
// the runs branch and of any revision, resolves selectors within an experiment, and reads chains of resumed runs as
// one.
//
// It prints nothing, knows no terminal and reads no environment variable: what went wrong with single runs is returned
// as a value, and whoever opens a catalog closes it. It stands on repo, repo/query and format. A change to what a
// selector may name begins in repo/query; one to where runs are looked for begins in catalog.go; one to chains in
// chain.go.
package catalog

import (
	"context"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Catalog is the runs of a working tree or of a revision, read once. It is not safe for concurrent use.
type Catalog struct {
	repo    *repo.Repository
	config  *format.Config
	scope   string
	entries []*repo.Entry // newest first
	runs    []*format.Run // their records, in the same order
	damage  []repo.Damage // own
	all     *[]repo.Damage
	byRun   map[*format.Run]*repo.Entry
	byID    map[string]*repo.Entry     // nil until it is needed
	goals   func(metric string) string // nil until it is needed
	closers *[]func()                  // shared by the catalogs that were opened from one another
}

// Options say how selectors are read.
type Options struct {
	Experiment string // that selectors look in; empty is the one of the configuration, and then every experiment
}

// Open lists the runs of a repository, those in progress too, and those of the runs branch. Damaged runs are left out
// and listed by Damage. Close the catalog.
func Open(ctx context.Context, r *repo.Repository, o Options) (*Catalog, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	entries, damage, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	scope := o.Experiment
	if scope == "" {
		scope = config.Experiment
	}
	c := newCatalog(r, config, scope, entries, damage, &[]repo.Damage{}, &[]func(){})
	if err := c.addBranch(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func newCatalog(r *repo.Repository, config *format.Config, scope string, entries []*repo.Entry, damage []repo.Damage,
	all *[]repo.Damage, closers *[]func(),
) *Catalog {
	c := &Catalog{
		repo: r, config: config, scope: scope, byRun: make(map[*format.Run]*repo.Entry, len(entries)),
		all: all, closers: closers,
	}
	c.Add(entries)
	c.addDamage(damage)
	return c
}

// Close removes what was fetched for the runs of revisions, also of the catalogs that were opened from this one.
func (c *Catalog) Close() {
	for _, closer := range *c.closers {
		closer()
	}
	*c.closers = nil
}

// At lists the runs of a Git revision, without a checkout. It is closed with c.
func (c *Catalog) At(ctx context.Context, rev string) (*Catalog, error) {
	v, err := c.repo.At(ctx, rev)
	if err != nil {
		return nil, err
	}
	*c.closers = append(*c.closers, v.Close)
	entries, damage, err := v.List(ctx)
	if err != nil {
		return nil, err
	}
	return newCatalog(v.Repository, c.config, c.scope, entries, damage, c.all, c.closers), nil
}

// With is a catalog of other runs, read by the same settings. It is closed with c.
func (c *Catalog) With(entries []*repo.Entry) *Catalog {
	return newCatalog(c.repo, c.config, c.scope, entries, nil, c.all, c.closers)
}

// Add adds runs.
func (c *Catalog) Add(entries []*repo.Entry) {
	if len(entries) == 0 {
		return
	}
	c.entries = append(slices.Clone(c.entries), entries...)
	slices.SortFunc(c.entries, func(a, b *repo.Entry) int { return query.Newer(a.Run, b.Run) })
	c.runs = Records(c.entries)
	for _, e := range entries {
		c.byRun[e.Run] = e
	}
	c.goals, c.byID = nil, nil
}

// AddRevision adds the runs of a Git revision, but those that are known already.
func (c *Catalog) AddRevision(ctx context.Context, rev string) error {
	known := c.IDs()
	return c.addFrom(c.repo.ListRevision(ctx, rev, func(id string) bool { return known[id] }))
}

// addBranch adds the runs of the branch that commit.branch names: it is where runs are whatever is checked out.
func (c *Catalog) addBranch(ctx context.Context) error {
	if c.config.Commit.Branch == "" {
		return nil
	}
	known := c.IDs()
	return c.addFrom(c.repo.ListBranch(ctx, func(id string) bool { return known[id] }))
}

func (c *Catalog) addFrom(rev *repo.Revision, entries []*repo.Entry, damage []repo.Damage, err error) error {
	if err != nil {
		return err
	}
	if rev != nil {
		*c.closers = append(*c.closers, rev.Close)
	}
	c.addDamage(damage)
	c.Add(entries)
	return nil
}

func (c *Catalog) addDamage(damage []repo.Damage) {
	c.damage = append(c.damage, damage...)
	*c.all = append(*c.all, damage...)
}

// Repository is where the runs are read: the working tree's, or that of a revision.
func (c *Catalog) Repository() *repo.Repository { return c.repo }

// Config is the project's configuration.
func (c *Catalog) Config() *format.Config { return c.config }

// Scope is the experiment that selectors look in; empty is every experiment.
func (c *Catalog) Scope() string { return c.scope }

// InScope reports whether a run is of the experiment that selectors look in.
func (c *Catalog) InScope(run *format.Run) bool { return c.scope == "" || run.Experiment == c.scope }

// Entries are all runs, newest first. The caller must not change the slice.
func (c *Catalog) Entries() []*repo.Entry { return c.entries }

// Runs are the records of Entries, in the same order. The caller must not change the slice.
func (c *Catalog) Runs() []*format.Run { return c.runs }

// Damage is the runs of this catalog that could not be read.
func (c *Catalog) Damage() []repo.Damage { return c.damage }

// AllDamage is the damage of all catalogs that were opened from one another, in the order in which it was found.
func (c *Catalog) AllDamage() []repo.Damage { return *c.all }

// IDs are the ids of the runs that could be read.
func (c *Catalog) IDs() map[string]bool {
	ids := make(map[string]bool, len(c.entries))
	for _, e := range c.entries {
		ids[e.ID] = true
	}
	return ids
}

// Goal is min, max or empty: the configured goal of a metric, otherwise the one that the newest run defines, otherwise
// the one that its name implies.
func (c *Catalog) Goal(metric string) string {
	if c.goals == nil {
		c.goals = c.config.GoalIn(c.runs...)
	}
	return c.goals(metric)
}

// Context is what expressions, sorting and groups need.
func (c *Catalog) Context() query.Context {
	return query.Context{Goal: c.Goal, Now: time.Now()}
}

// Records are the records of entries, in their order.
func Records(entries []*repo.Entry) []*format.Run {
	runs := make([]*format.Run, len(entries))
	for i, e := range entries {
		runs[i] = e.Run
	}
	return runs
}

// EntriesOf are the entries of records that this catalog gave, in their order.
func (c *Catalog) EntriesOf(runs []*format.Run) []*repo.Entry {
	entries := make([]*repo.Entry, len(runs))
	for i, r := range runs {
		entries[i] = c.byRun[r]
	}
	return entries
}
