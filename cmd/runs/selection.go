package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/view"
)

// selectIn returns the options for a catalog. The experiment is the given one, or that of the environment if experiment
// is empty.
func selectIn(experiment string) catalog.Options {
	return catalog.Options{Experiment: orEnv(experiment, "RUNS_EXPERIMENT")}
}

// collect opens the catalog of all runs. It reports damaged runs and continues without them.
func (a *app) collect(ctx context.Context, r *repo.Repository, experiment string) (*catalog.Catalog, error) {
	return a.collectNewest(ctx, r, experiment, 0)
}

// collectNewest is like collect, for a caller that needs only the newest n runs, or all if n is 0.
func (a *app) collectNewest(ctx context.Context, r *repo.Repository, experiment string, n int) (*catalog.Catalog,
	error,
) {
	defer collectLess()()
	c, err := catalog.OpenNewest(ctx, r, selectIn(experiment), n)
	if err != nil {
		return nil, err
	}
	a.keep(c)
	a.warnSettings(r)
	if n := c.WithUnknownKeys(); n > 0 {
		verb := "have"
		if n == 1 {
			verb = "has"
		}
		a.warn("%s %s keys that this version of runs does not know; 'runs show' lists them", terminal.Count(int64(n), "run"),
			verb)
	}
	return c, nil
}

// warnSettings warns about settings that have no effect.
func (a *app) warnSettings(r *repo.Repository) {
	config, err := r.Config()
	if err != nil || a.settings {
		return // who needs the settings reports the error
	}
	a.settings = true
	for _, u := range config.Unknown {
		a.warn("%s", u)
	}
}

// keep closes a catalog at the end of the command. It reports damaged runs now, and at the end those that were found
// later.
func (a *app) keep(c *catalog.Catalog) {
	reported, doubted := 0, 0
	report := func() {
		damage := c.AllDamage()
		a.reportUnreadable(damage[reported:])
		reported = len(damage)
		doubts := c.Doubts()
		for _, err := range doubts[doubted:] {
			a.warn("%v", err)
		}
		doubted = len(doubts)
	}
	report()
	a.cleanup = append(a.cleanup, func() {
		report()
		c.Close()
	})
}

// maxSkipped is the maximum number of damaged runs to report one by one.
const maxSkipped = 5

const damageHint = "run 'runs verify' to list what is damaged, or 'runs help troubleshooting'"

// reportUnreadable reports runs and batches that could not be read: the first of them, and how many more there are.
func (a *app) reportUnreadable(damage []repo.Damage) {
	batch, run := false, false
	for i, d := range damage {
		if i == maxSkipped && len(damage) > maxSkipped+1 {
			a.progress("runs: skipped %s more", damageCount(damage[i:]))
			run = true
			break
		}
		switch {
		case d.Denied():
			a.progress("runs: skipped %s, which you may not read: %v", damagedName(d.ID), d.Err)
		case format.IsBatchName(d.ID):
			batch = true
			a.progress("runs: skipped a damaged batch: %v", d.Err)
		default:
			run = run || len(damage) > 1
			a.progress("runs: skipped a damaged run: %v", d.Err)
		}
	}
	switch {
	case batch:
		a.hint("run 'git checkout HEAD -- .runs' if a commit has it; otherwise remove the folder that is named")
	case run:
		a.hint(damageHint)
	}
}

// reportDamagedOf is like reportUnreadable, for the project of a page.
func (a *app) reportDamagedOf(p *view.Project) {
	for i, d := range p.Damaged {
		if i == maxSkipped && len(p.Damaged) > maxSkipped+1 {
			a.progress("runs: skipped %s more", plural(len(p.Damaged)-i, "damaged run"))
			break
		}
		a.progress("runs: skipped a damaged run: %s", d.Message)
	}
	if len(p.Damaged) > 1 {
		a.hint(damageHint)
	}
}

// damagedName names a run or batch in a sentence.
func damagedName(id string) string {
	if format.IsBatchName(id) {
		return id
	}
	return "run " + id
}

// damageCount counts runs and batches that could not be read, in words.
func damageCount(damage []repo.Damage) string {
	runs, batches, denied := 0, 0, 0
	for _, d := range damage {
		switch {
		case d.Denied():
			denied++
		case format.IsBatchName(d.ID):
			batches++
		default:
			runs++
		}
	}
	var parts []string
	if runs > 0 {
		parts = append(parts, plural(runs, "damaged run"))
	}
	if batches > 0 {
		parts = append(parts, fmt.Sprintf("%d damaged %s", batches, verb(batches, "batch", "batches")))
	}
	if denied > 0 {
		what := verb(denied, "run or batch", "runs or batches")
		parts = append(parts, fmt.Sprintf("%d %s that you may not read", denied, what))
	}
	return strings.Join(parts, ", ")
}

// warnMissing warns about keys that no run has, and suggests similar keys.
func (a *app) warnMissing(keys ...catalog.MissingKey) {
	for _, m := range keys {
		if len(m.Near) > 0 {
			a.warn("no run has %s; did you mean %s?", m.Key, strings.Join(m.Near, " or "))
		} else {
			a.warn("no run has %s", m.Key)
		}
	}
}

// warnMissingKey warns if no run has the key, and reports whether it warned.
func (a *app) warnMissingKey(c *catalog.Catalog, key string) bool {
	m := c.Missing(key)
	if m != nil {
		a.warnMissing(*m)
	}
	return m != nil
}

// oneRun reads a single run. For a full id it does not read any other run.
func (a *app) oneRun(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry, error) {
	e, _, err := a.oneRunOf(ctx, r, selector, experiment)
	return e, err
}

// oneRunOf is like oneRun and also returns the catalog of the run. The catalog is nil if it was not needed.
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

// oneWhole reads a run together with the runs that it resumes, or the run by itself if alone is true.
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
	return of.Whole(ctx, e), nil
}

// enclosingRun opens the active run in RUNS_DIR and RUNS_ID. It returns nil if neither is set.
func (a *app) enclosingRun(ctx context.Context) (*repo.Active, error) {
	e := repo.Enclosing{Dir: os.Getenv("RUNS_DIR"), ID: os.Getenv("RUNS_ID")}
	return e.Open(func() (*repo.Repository, error) { return a.find(ctx) })
}

// activeRun opens the active run that matches the selector.
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

// mayChange returns an error if the selector must not be used to change e.
func (a *app) mayChange(ctx context.Context, e *repo.Entry, selector string) error {
	return catalog.MayChange(e, selector, func() string { return a.author(ctx) })
}
