package main

import (
	"context"
	"os"
	"runtime/debug"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// selectIn are the options of a catalog for a command: the experiment of its flag, otherwise that of the environment.
func selectIn(experiment string) catalog.Options {
	return catalog.Options{Experiment: orEnv(experiment, "RUNS_EXPERIMENT")}
}

// collectLess lets garbage be collected less often until the function that it returns is called. Records are small and
// all stay: collecting while they are read would be a third of the time of a long list.
func collectLess() func() {
	percent := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(percent) }
}

// collect lists the runs. The command goes on without damaged ones, which are reported.
func (a *app) collect(ctx context.Context, r *repo.Repository, experiment string) (*catalog.Catalog, error) {
	defer collectLess()()
	c, err := catalog.Open(ctx, r, selectIn(experiment))
	if err != nil {
		return nil, err
	}
	a.keep(c)
	return c, nil
}

// keep closes a catalog when the command ends, and reports its damaged runs: those that it has now, and those that it
// meets.
func (a *app) keep(c *catalog.Catalog) {
	reported := 0
	report := func() {
		damage := c.AllDamage()
		for _, d := range damage[reported:] {
			a.progress("runs: skipped a damaged run: %v", d.Err)
		}
		reported = len(damage)
	}
	report()
	a.cleanup = append(a.cleanup, func() {
		report()
		c.Close()
	})
}

// warnMissing names keys that no run has, with those that may have been meant.
func (a *app) warnMissing(keys ...catalog.MissingKey) {
	for _, m := range keys {
		if len(m.Near) > 0 {
			a.warn("no run has %s; did you mean %s?", m.Key, strings.Join(m.Near, " or "))
		} else {
			a.warn("no run has %s", m.Key)
		}
	}
}

// warnMissingKey names a key if no run has it, and reports whether it did.
func (a *app) warnMissingKey(c *catalog.Catalog, key string) bool {
	m := c.Missing(key)
	if m != nil {
		a.warnMissing(*m)
	}
	return m != nil
}

// matching are the entries that match an expression; a key that no run has is reported.
func (a *app) matching(c *catalog.Catalog, entries []*repo.Entry, where string) ([]*repo.Entry, error) {
	entries, missing, err := c.Match(entries, where)
	a.warnMissing(missing...)
	return entries, err
}

// oneRun reads a single run: by its full id without a look at any other.
func (a *app) oneRun(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry, error) {
	e, _, err := a.oneRunOf(ctx, r, selector, experiment)
	return e, err
}

// oneRunOf is oneRun with the catalog that the run is of, nil if it was read without one.
func (a *app) oneRunOf(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry,
	*catalog.Catalog, error,
) {
	defer collectLess()()
	e, of, err := catalog.ReadOne(ctx, r, selector, selectIn(experiment))
	if of != nil {
		a.keep(of)
	}
	return e, of, err
}

// oneWhole reads a single run with those that it resumes; alone says to leave these.
func (a *app) oneWhole(ctx context.Context, r *repo.Repository, selector, experiment string, alone bool) (*repo.Entry,
	error,
) {
	e, of, err := a.oneRunOf(ctx, r, selector, experiment)
	if err != nil || alone || e.Resumes == "" {
		return e, err
	}
	if of == nil {
		if of, err = a.collect(ctx, r, experiment); err != nil {
			return nil, err
		}
	}
	return of.Whole(e), nil
}

// enclosingRun opens the active run that RUNS_DIR and RUNS_ID name, nil if neither is set.
func (a *app) enclosingRun(ctx context.Context) (*repo.Active, error) {
	e := repo.Enclosing{Dir: os.Getenv("RUNS_DIR"), ID: os.Getenv("RUNS_ID")}
	return e.Open(func() (*repo.Repository, error) { return a.find(ctx) })
}

// activeRun opens the active run that a selector names.
func (a *app) activeRun(ctx context.Context, selector string) (*repo.Active, error) {
	r, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	active, of, err := catalog.OpenActive(ctx, r, selector, selectIn(""))
	if of != nil {
		a.keep(of)
	}
	return active, err
}

// mayChange returns an error if selector may not name e for a change.
func (a *app) mayChange(ctx context.Context, e *repo.Entry, selector string) error {
	return catalog.MayChange(e, selector, func() string { return a.author(ctx) })
}
