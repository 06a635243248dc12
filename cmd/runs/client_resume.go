package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// slurmJob returns the Slurm job of this process.
func slurmJob() repo.Job {
	return repo.Job{ID: os.Getenv("SLURM_JOB_ID"), Restarts: os.Getenv("SLURM_RESTART_COUNT")}
}

// resumption finds the run that the client's new run continues, and sets q.Key to the key that it looked for. It
// returns the catalog in which it looked, or nil if that was not needed.
func (a *app) resumption(ctx context.Context, r *repo.Repository, q *clientRequest) (catalog.Resumption,
	*catalog.Catalog, error,
) {
	ask := catalog.ResumeRequest{Mode: catalog.ResumeMode(q.Resume), Key: q.Key}
	switch ask.Mode {
	case catalog.ResumeNone, catalog.ResumeNever:
	case catalog.ResumeMust, catalog.ResumeAllow:
		if q.Key == "" {
			return catalog.Resumption{}, nil, usagef("resume=%q requires the id of the run", q.Resume)
		}
	case catalog.ResumeAuto:
		host, _ := os.Hostname()
		ask.Program = catalog.Program{Experiment: q.Experiment, Parent: q.Parent, Host: host}
		if q.Entry != "" {
			ask.Program.Entry = r.EntryPoint(a.dir, []string{q.Entry})
		}
	default:
		return catalog.Resumption{}, nil, usagef("resume must be never, must, allow or auto, got %q", q.Resume)
	}
	if q.Key == "" && ask.Mode != catalog.ResumeAuto {
		return catalog.Resumption{}, nil, nil
	}
	ask.Job = slurmJob()
	c, err := a.collect(ctx, r, q.Experiment)
	if err != nil {
		return catalog.Resumption{}, nil, err
	}
	before, err := c.Resume(ask)
	q.Key = before.Key
	return before, c, withResumeHint(err)
}

// withResumeHint adds a hint about the next step to an error from resuming.
func withResumeHint(err error) error {
	var problem *catalog.ResumeError
	var params *catalog.ParamsError
	hint := ""
	switch {
	case errors.As(err, &params):
		hint = "use allow_val_change=True to take the new value"
	case !errors.As(err, &problem):
		return err
	case problem.Problem == catalog.KeyExists:
		hint = `use resume="allow" to continue it, or leave resume out to start a second run with that id`
	case problem.Problem == catalog.KeyMissing:
		hint = `run 'runs ls --columns key' to list the ids, or use resume="allow" to start one`
	case problem.Problem == catalog.IsActive:
		hint = stopProcess
	case problem.Problem == catalog.MayBeActive:
		hint = "run 'runs recover " + problem.Run + " --force' if you know that its process no longer exists"
	}
	return &repo.HintError{Err: err, Hint: hint}
}

const stopProcess = "stop its process on this machine first"

// rejoin makes the client's process an owner of the active run that it continues.
func (a *app) rejoin(before catalog.Resumption, run *format.Run, q *clientRequest) error {
	if err := before.Join(run, q.PID, q.AllowValChange); err != nil {
		return withResumeHint(err)
	}
	e := before.Entry
	if run.Source != nil && e.Source != nil && run.Source.Tree != e.Source.Tree {
		a.warn("the source has changed since run %s started; its record keeps the source from its start", e.ID)
	}
	return nil
}

// resumedJSON describes the run that the client continues. If its chain cannot be read, metrics, tags and changed
// params are left out.
type resumedJSON struct {
	Changed  []string           `json:"changed,omitzero"`
	ID       string             `json:"id"`
	Metrics  map[string]float64 `json:"metrics,omitzero"`
	NextStep int64              `json:"next_step"`
	Params   format.Params      `json:"params"`
	Same     bool               `json:"same"`
	Summary  map[string]any     `json:"summary"`
	Tags     []string           `json:"tags,omitzero"`
}

// resumed describes to the client the run that it continues. params are the params of the client's own run.
func (a *app) resumed(ctx context.Context, c *catalog.Catalog, before catalog.Resumption, params format.Params,
	changed []string,
) *resumedJSON {
	e := before.Entry
	answer := &resumedJSON{ID: e.ID, Same: before.Same, Params: params, Summary: e.Summary}
	next, err := c.NextStep(ctx, e)
	if err != nil {
		a.warn("the last step of run %s is not known: %v", e.ID, err)
		return answer
	}
	answer.NextStep = next
	answer.Metrics = map[string]float64{}
	for key, m := range c.Whole(ctx, e).Metrics {
		answer.Metrics[key] = m.Last
	}
	answer.Tags = append([]string{}, slices.Sorted(maps.Keys(e.Tags))...)
	answer.Changed = append([]string{}, changed...)
	return answer
}
