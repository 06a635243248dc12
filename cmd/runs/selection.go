package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// collection is all runs of a repository, read once a command.
type collection struct {
	entries []*repo.Entry
	byRun   map[*format.Run]*repo.Entry
	runs    []*format.Run
	config  *format.Config
	scope   string
	damaged []repo.Damage
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
	c := &collection{entries: entries, config: config, scope: scope(experiment, config), damaged: damaged, byRun: make(map[*format.Run]*repo.Entry, len(entries))}
	for _, e := range entries {
		c.runs = append(c.runs, e.Run)
		c.byRun[e.Run] = e
	}
	for _, d := range damaged {
		a.say("runs: damaged run left out: %v", d.Err)
	}
	return c, nil
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
	return query.Context{Goal: c.config.Goal, Now: time.Now()}
}

// selectRuns returns the entries that a selector names.
func (c *collection) selectRuns(selector string) ([]*repo.Entry, error) {
	s, err := query.ParseSelector(selector)
	if err != nil {
		return nil, usageError{err}
	}
	if s.Rev != "" {
		return nil, errors.New("reading runs of another revision: not supported by this version: check it out, or use a git worktree")
	}
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
func (c *collection) one(selector string) (*repo.Entry, error) {
	entries, err := c.selectRuns(selector)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, &query.NotFoundError{Selector: selector, Reason: "names several runs"}
	}
	return entries[0], nil
}

// oneRun reads a single run: by its full id without a look at any other.
func (a *app) oneRun(ctx context.Context, r *repo.Repository, selector, experiment string) (*repo.Entry, error) {
	if format.CheckID(selector) == nil {
		e, err := r.Read(ctx, selector)
		if errors.Is(err, repo.ErrNotActive) {
			return nil, &query.NotFoundError{Selector: selector, Reason: "names no run"}
		}
		return e, err
	}
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return nil, err
	}
	return c.one(selector)
}

// runInCharge returns the run in progress that RUNS_DIR or RUNS_ID name, nil where neither is set.
func (a *app) runInCharge() (*repo.Active, error) {
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
	r, err := a.find()
	if err != nil {
		return nil, err
	}
	return r.Open(id)
}

// activeRun returns the run in progress that a selector names.
func (a *app) activeRun(ctx context.Context, selector string) (*repo.Active, error) {
	r, err := a.find()
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
