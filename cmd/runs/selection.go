package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// collection is all runs of a repository, read once a command.
type collection struct {
	app     *app
	repo    *repo.Repository
	rev     *repo.Revision // nil for the working tree
	entries []*repo.Entry
	byRun   map[*format.Run]*repo.Entry
	byID    map[string]*repo.Entry // nil until it is asked for
	runs    []*format.Run
	config  *format.Config
	scope   string
	damaged []repo.Damage
	goals   func(metric string) string // nil until it is asked for
}

// atRevision lists the runs of a git revision, without a checkout.
func (c *collection) atRevision(ctx context.Context, rev string) (*collection, error) {
	v, err := c.repo.At(ctx, rev)
	if err != nil {
		return nil, err
	}
	c.app.cleanup = append(c.app.cleanup, v.Close)
	entries, damaged, err := v.List(ctx)
	if err != nil {
		return nil, err
	}
	at := c.app.collection(v.Repository, entries, damaged, c.config, c.scope)
	at.rev = v
	return at, nil
}

// addRevision lists the runs of a revision too, but those that are known already.
func (c *collection) addRevision(ctx context.Context, rev string) error {
	known := c.known()
	return c.addFrom(c.repo.ListRevision(ctx, rev, func(id string) bool { return known[id] }))
}

// addFrom takes over what a listing of a revision gave.
func (c *collection) addFrom(rev *repo.Revision, entries []*repo.Entry, damaged []repo.Damage, err error) error {
	if err != nil {
		return err
	}
	if rev != nil {
		c.app.cleanup = append(c.app.cleanup, rev.Close)
	}
	c.damage(damaged)
	c.add(entries)
	return nil
}

// known are the ids of all runs here that could be read.
func (c *collection) known() map[string]bool {
	known := make(map[string]bool, len(c.entries))
	for _, e := range c.entries {
		known[e.ID] = true
	}
	return known
}

func (c *collection) add(entries []*repo.Entry) {
	if len(entries) == 0 {
		return
	}
	for _, e := range entries {
		c.entries = append(c.entries, e)
		c.runs = append(c.runs, e.Run)
		c.byRun[e.Run] = e
	}
	slices.SortFunc(c.entries, func(a, b *repo.Entry) int { return query.Newer(a.Run, b.Run) })
	slices.SortFunc(c.runs, query.Newer)
	c.goals, c.byID = nil, nil
}

// addBranch lists the runs of the branch that commit.branch names too: it is where runs lie whatever is checked out.
func (c *collection) addBranch(ctx context.Context) error {
	if c.config.Commit.Branch == "" {
		return nil
	}
	known := c.known()
	return c.addFrom(c.repo.ListBranch(ctx, func(id string) bool { return known[id] }))
}

// damage names runs that could not be read.
func (c *collection) damage(damaged []repo.Damage) {
	c.damaged = append(c.damaged, damaged...)
	for _, d := range damaged {
		c.app.progress("runs: damaged run left out: %v", d.Err)
	}
}

// collect lists the runs. Damaged ones are named on stderr; the command goes on with the others.
func (a *app) collect(ctx context.Context, r *repo.Repository, experiment string) (*collection, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	// Records are small and all stay: collecting garbage meanwhile would be a third of the time of a long list.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	entries, damaged, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	c := a.collection(r, entries, damaged, config, scope(experiment, config))
	return c, c.addBranch(ctx)
}

func (a *app) collection(r *repo.Repository, entries []*repo.Entry, damaged []repo.Damage, config *format.Config, scope string) *collection {
	c := &collection{app: a, repo: r, entries: entries, config: config, scope: scope, byRun: make(map[*format.Run]*repo.Entry, len(entries))}
	for _, e := range entries {
		c.runs = append(c.runs, e.Run)
		c.byRun[e.Run] = e
	}
	c.damage(damaged)
	return c
}

// scope is the experiment that selectors look into: the flag, the environment, the configuration, else all.
func scope(experiment string, config *format.Config) string {
	if experiment != "" {
		return experiment
	}
	if env := os.Getenv("RUNS_EXPERIMENT"); env != "" {
		return env
	}
	return config.Experiment
}

func (c *collection) context() query.Context {
	return query.Context{Goal: c.goal, Now: time.Now()}
}

// goal is the goal of a metric: the configured one, else the one that the newest run defines, else what its name says.
func (c *collection) goal(metric string) string {
	if c.goals == nil {
		c.goals = c.config.GoalIn(c.runs...)
	}
	return c.goals(metric)
}

// sayMissing names a key that no run has, with those that are near it. Whether it is there may be asked of any key: then it
// is named only where it looks like another. It reports whether there are runs and the
// key is missing.
func (c *collection) sayMissing(key string, asked bool) bool {
	near, missing := query.Missing(c.runs, key, c.context())
	missing = missing && len(c.runs) > 0
	switch {
	case !missing:
	case len(near) > 0:
		c.app.warn("no run has %s; did you mean %s?", key, strings.Join(near, " or "))
	case !asked:
		c.app.warn("no run has %s", key)
	}
	return missing
}

// selectRuns returns the entries that a selector names.
func (c *collection) selectRuns(ctx context.Context, selector string) ([]*repo.Entry, error) {
	entries, _, err := c.selectIn(ctx, selector)
	return entries, err
}

// selectIn is selectRuns with the collection that the entries are of: another one where the selector names a revision.
func (c *collection) selectIn(ctx context.Context, selector string) ([]*repo.Entry, *collection, error) {
	s, err := query.ParseSelector(selector)
	if err != nil {
		return nil, nil, usageError{err}
	}
	if s.Rev == "" {
		entries, err := c.resolve(s)
		return entries, c, err
	}
	at, err := c.atRevision(ctx, s.Rev)
	if err != nil {
		return nil, nil, err
	}
	entries, err := at.resolve(s)
	for _, e := range entries {
		c.byRun[e.Run] = e
	}
	return entries, at, err
}

func (c *collection) resolve(s query.Selector) ([]*repo.Entry, error) {
	runs, err := s.Resolve(c.runs, c.scope, c.context())
	if err != nil {
		return nil, err
	}
	entries := make([]*repo.Entry, len(runs))
	for i, run := range runs {
		entries[i] = c.byRun[run]
	}
	return entries, nil
}

// one returns the single entry that a selector names.
func (c *collection) one(ctx context.Context, selector string) (*repo.Entry, error) {
	e, _, err := c.oneOf(ctx, selector)
	return e, err
}

// oneOf is one with the collection that the entry is of.
func (c *collection) oneOf(ctx context.Context, selector string) (*repo.Entry, *collection, error) {
	entries, of, err := c.selectIn(ctx, selector)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) != 1 {
		return nil, nil, &query.NotFoundError{Selector: selector, Reason: "names several runs"}
	}
	return entries[0], of, nil
}

// oneRun reads a single run: by its full id without a look at any other.
func (a *app) oneRun(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry, error) {
	e, _, err := a.oneRunOf(ctx, r, selector, experiment)
	return e, err
}

// oneRunOf is oneRun with the collection that the run is of, nil where it was read without one.
func (a *app) oneRunOf(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry, *collection, error) {
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
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return nil, nil, err
	}
	return c.oneOf(ctx, selector)
}

// runInCharge returns the run in progress that RUNS_DIR or RUNS_ID name, nil where neither is set.
func (a *app) runInCharge(ctx context.Context) (*repo.Active, error) {
	if dir := os.Getenv("RUNS_DIR"); dir != "" {
		id := os.Getenv("RUNS_ID")
		if id == "" || id == filepath.Base(dir) {
			return repo.OpenDir(dir)
		}
	}
	id := os.Getenv("RUNS_ID")
	if id == "" {
		return nil, nil
	}
	r, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	return r.Open(id)
}

// activeRun returns the run in progress that a selector names.
func (a *app) activeRun(ctx context.Context, selector string) (*repo.Active, error) {
	r, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	if format.CheckID(selector) == nil {
		active, err := r.Open(selector)
		if errors.Is(err, repo.ErrNotActive) {
			return nil, &query.NotFoundError{Selector: selector, Reason: "names no run in progress"}
		}
		return active, err
	}
	e, err := a.oneRun(ctx, r, selector, "")
	if err != nil {
		return nil, err
	}
	return r.Open(e.ID)
}
