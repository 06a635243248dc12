// Package catalog finds runs. It lists those of the working tree, of the runs branch and of any Git revision,
// resolves selectors within an experiment, reads each chain of resumed runs as one run, and decides which run a new
// one resumes.
//
// The package uses no terminal and no environment variable, and prints nothing. It returns damaged runs and missing
// keys as values. It imports repo, repo/query and format. Start in catalog.go to change where runs are looked for, in
// select.go for how they are named, in chain.go for chains, and in resume.go for the policy of resuming. What a
// selector or an expression may contain is in package query.
package catalog

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Catalog holds the runs of a working tree or of a revision, which it reads once. It is not safe for concurrent use.
type Catalog struct {
	repo    *repo.Repository
	config  *format.Config
	scope   string
	entries []*repo.Entry // newest first
	runs    []*format.Run // their records, in the same order
	damage  []repo.Damage
	branch  []repo.Damage // those of damage that were found in the runs branch
	byRun   map[*format.Run]*repo.Entry
	byID    map[string]*repo.Entry      // nil until it is needed
	goals   func(metric string) string  // nil until it is needed
	names   map[string]bool             // what named has found
	wholes  map[*repo.Entry]*repo.Entry // what Whole has made
	family  *family
}

// family holds what a catalog shares with the catalogs that were opened from it.
type family struct {
	damage  []repo.Damage // of all these catalogs, in the order in which it was found
	doubts  []error       // of all these catalogs
	closers []func()
}

// Options say how selectors are resolved.
type Options struct {
	// Experiment is the experiment that selectors look in. If it is empty, selectors look in the experiment of the
	// configuration, or in every experiment if that is empty too.
	Experiment string
}

// Open lists the runs of a repository, including active ones and those of the runs branch. It leaves out damaged
// runs; see Damage. The caller closes the catalog.
func Open(ctx context.Context, r *repo.Repository, o Options) (*Catalog, error) {
	if _, err := r.Config(); err != nil {
		return nil, err
	}
	entries, damage, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	return Of(ctx, r, o, entries, damage)
}

// Of is like Open, for runs of the repository that the caller has listed. It adds those of the runs branch. The context
// must stay valid until the catalog is closed.
func Of(ctx context.Context, r *repo.Repository, o Options, entries []*repo.Entry, damage []repo.Damage) (*Catalog,
	error,
) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	root := &Catalog{config: config, scope: cmp.Or(o.Experiment, config.Experiment), family: &family{}}
	c := root.derive(r, entries, damage)
	if err := c.addBranch(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// derive returns a catalog of other runs, with the settings and the family of c.
func (c *Catalog) derive(r *repo.Repository, entries []*repo.Entry, damage []repo.Damage) *Catalog {
	other := &Catalog{
		repo: r, config: c.config, scope: c.scope, family: c.family, byRun: make(map[*format.Run]*repo.Entry, len(entries)),
	}
	other.Add(entries)
	other.addDamage(damage)
	return other
}

// Close removes the temporary files of runs of revisions. It also closes the catalogs that were opened from c.
func (c *Catalog) Close() {
	for _, closer := range c.family.closers {
		closer()
	}
	c.family.closers = nil
}

// At lists the runs of a Git revision, without a checkout. Closing c also closes the catalog.
func (c *Catalog) At(ctx context.Context, rev string) (*Catalog, error) {
	v, err := c.repo.At(ctx, rev)
	if err != nil {
		return nil, err
	}
	c.family.closers = append(c.family.closers, v.Close)
	entries, damage, err := v.List(ctx)
	if err != nil {
		return nil, err
	}
	return c.derive(v.Repository, entries, damage), nil
}

// With returns a catalog of other runs with the settings of c. Closing c also closes it.
func (c *Catalog) With(entries []*repo.Entry) *Catalog {
	return c.derive(c.repo, entries, nil)
}

// Apart is like With, but the catalog shares nothing with c that either of them changes, so that both may be used at
// the same time. The caller closes it.
func (c *Catalog) Apart(entries []*repo.Entry) *Catalog {
	root := &Catalog{config: c.config, scope: c.scope, family: &family{}}
	return root.derive(c.repo, entries, nil)
}

// Add adds runs to the catalog.
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
	c.goals, c.byID, c.names, c.wholes = nil, nil, nil, nil
}

// AddRevision adds the runs of a Git revision that are not in the catalog yet.
func (c *Catalog) AddRevision(ctx context.Context, rev string) error {
	known := c.IDs()
	return c.addFrom(c.repo.ListRevision(ctx, rev, func(id string) bool { return known[id] }))
}

// addBranch adds the runs of the runs branch. They count no matter which branch is checked out.
func (c *Catalog) addBranch(ctx context.Context) error {
	if c.config.Commit.Branch == "" {
		return nil
	}
	known := c.IDs()
	before := len(c.damage)
	err := c.addFrom(c.repo.ListBranch(ctx, func(id string) bool { return known[id] }))
	c.branch = c.damage[before:]
	return err
}

// Renew returns a catalog of the runs that the repository has now, with the settings, the runs of the runs branch and
// the temporary files of c. entries should contain the pointers of c for runs that did not change: what was read of
// chains is kept for them. c can still be used. Only one of the two is closed.
func (c *Catalog) Renew(entries []*repo.Entry, damage []repo.Damage) *Catalog {
	root := &Catalog{config: c.config, scope: c.scope, family: &family{closers: c.family.closers}}
	n := root.derive(c.repo, entries, damage)
	known := n.IDs()
	var branch []*repo.Entry
	for _, e := range c.entries {
		if e.Repository() != c.repo && !known[e.ID] {
			branch = append(branch, e)
		}
	}
	n.Add(branch)
	n.addDamage(c.branch)
	n.branch = c.branch
	for e, whole := range c.wholes {
		if n.byRun[e.Run] == e && slices.Equal(c.Earlier(e), n.Earlier(e)) {
			if n.wholes == nil {
				n.wholes = map[*repo.Entry]*repo.Entry{}
			}
			n.wholes[e], n.byRun[whole.Run] = whole, whole
		}
	}
	return n
}

// Know makes entries of another catalog known, as Select does for those of a revision.
func (c *Catalog) Know(entries []*repo.Entry) {
	for _, e := range entries {
		c.byRun[e.Run] = e
	}
}

func (c *Catalog) addFrom(rev *repo.Revision, entries []*repo.Entry, damage []repo.Damage, err error) error {
	if err != nil {
		return err
	}
	if rev != nil {
		c.family.closers = append(c.family.closers, rev.Close)
	}
	c.addDamage(damage)
	c.Add(entries)
	return nil
}

func (c *Catalog) addDamage(damage []repo.Damage) {
	c.damage = append(c.damage, damage...)
	c.family.damage = append(c.family.damage, damage...)
}

// Repository returns the repository that the runs are read from. It is that of the working tree or of a revision.
func (c *Catalog) Repository() *repo.Repository { return c.repo }

// Config returns the configuration of the project.
func (c *Catalog) Config() *format.Config { return c.config }

// Scope returns the experiment that selectors look in, or "" for every experiment.
func (c *Catalog) Scope() string { return c.scope }

// InScope reports whether a run belongs to the experiment that selectors look in.
func (c *Catalog) InScope(run *format.Run) bool { return c.scope == "" || run.Experiment == c.scope }

// Entries returns all runs, newest first. The caller must not change the slice.
func (c *Catalog) Entries() []*repo.Entry { return c.entries }

// Runs returns the records of Entries, in the same order. The caller must not change the slice.
func (c *Catalog) Runs() []*format.Run { return c.runs }

// Damage returns the runs of this catalog that could not be read.
func (c *Catalog) Damage() []repo.Damage { return c.damage }

// AllDamage returns the damage of this catalog and of all catalogs that share its family, in the order in which it
// was found.
func (c *Catalog) AllDamage() []repo.Damage { return c.family.damage }

// WithUnknownKeys returns how many runs have keys in their record that this version does not know.
func (c *Catalog) WithUnknownKeys() int {
	n := 0
	for _, r := range c.runs {
		if len(r.Unknown) > 0 {
			n++
		}
	}
	return n
}

// IDs returns the ids of the runs that could be read.
func (c *Catalog) IDs() map[string]bool {
	ids := make(map[string]bool, len(c.entries))
	for _, e := range c.entries {
		ids[e.ID] = true
	}
	return ids
}

// Goal returns the goal of a metric, min or max. It is the configured goal, otherwise the one that the newest run
// defines, otherwise the one that the name implies. It is empty if there is none.
func (c *Catalog) Goal(metric string) string {
	if c.goals == nil {
		c.goals = c.config.GoalIn(c.runs...)
	}
	return c.goals(metric)
}

// Context returns the context that expressions, sorting and groups need.
func (c *Catalog) Context() query.Context {
	return query.Context{Goal: c.Goal, Named: c.named, Now: time.Now()}
}

// named reports whether any run has a metric with this name.
func (c *Catalog) named(metric string) bool {
	has := func(r *format.Run) bool { _, ok := r.Metric(metric); return ok }
	if c.names == nil {
		c.names = map[string]bool{}
	}
	known, ok := c.names[metric]
	if !ok {
		known = slices.ContainsFunc(c.runs, has)
		c.names[metric] = known
	}
	return known
}

// Records returns the records of entries, in the same order.
func Records(entries []*repo.Entry) []*format.Run {
	runs := make([]*format.Run, len(entries))
	for i, e := range entries {
		runs[i] = e.Run
	}
	return runs
}

// EntriesOf returns the entries for records of this catalog, in the same order.
func (c *Catalog) EntriesOf(runs []*format.Run) []*repo.Entry {
	entries := make([]*repo.Entry, len(runs))
	for i, r := range runs {
		entries[i] = c.byRun[r]
	}
	return entries
}
