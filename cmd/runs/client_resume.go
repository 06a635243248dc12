package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Ways to go on with an older run.
const (
	resumeNever = "never"
	resumeMust  = "must"
	resumeAllow = "allow"
	resumeAuto  = "auto"
)

// earlier is the run of which a new one is the continuation.
type earlier struct {
	entry *repo.Entry
	same  bool // it is in progress: the process goes on with it instead of starting another
	// existing is a run with the same key that is not continued.
	existing string
	changed  []string // params whose values the program changes
}

// lookEarlier finds the run to go on with.
func (a *app) lookEarlier(ctx context.Context, r *repo.Repository, q *clientRequest) (*earlier, error) {
	switch q.Resume {
	case "", resumeNever, resumeAuto:
	case resumeMust, resumeAllow:
		if q.Key == "" {
			return nil, usagef("resume=%q needs the id of the run", q.Resume)
		}
	default:
		return nil, usagef("resume is never, must, allow or auto, not %q", q.Resume)
	}
	byKey := q.Key != ""
	if q.Resume == resumeAuto && !byKey {
		q.Key = os.Getenv("SLURM_JOB_ID")
	}
	if q.Key == "" && q.Resume != resumeAuto {
		return &earlier{}, nil
	}
	c, err := a.collect(ctx, r, q.Experiment)
	if err != nil {
		return nil, err
	}
	var e *repo.Entry
	if q.Key != "" {
		e = newestWith(c, func(e *repo.Entry) bool { return e.Key == q.Key || e.ID == q.Key || format.IDRandom(e.ID) == q.Key })
	} else {
		e = newestWith(c, a.sameProgram(r, c, q))
	}
	if e == nil {
		if q.Resume == resumeMust {
			return nil, &clientError{clientMissing, &repo.HintError{Err: fmt.Errorf("resuming %s: no run has this id", q.Key), Hint: "'runs ls --columns key' shows them; resume=\"allow\" starts one where there is none"}}
		}
		return &earlier{}, nil
	}
	switch q.Resume {
	case "":
		return &earlier{existing: e.ID}, nil
	case resumeNever:
		return nil, &clientError{clientExists, &repo.HintError{Err: fmt.Errorf("starting %s: run %s has this id already", q.Key, e.ID), Hint: "resume=\"allow\" goes on with it; without resume it becomes a second run of that id"}}
	}
	return a.mayContinue(e, q, byKey)
}

// newestWith is the newest run of this clone that fits.
func newestWith(c *catalog.Catalog, fits func(*repo.Entry) bool) *repo.Entry {
	for _, e := range c.Entries() { // newest first
		if (e.Active == nil || e.Life != repo.Foreign) && fits(e) {
			return e
		}
	}
	return nil
}

// sameProgram tells runs of the same program, for the same experiment, on this machine.
func (a *app) sameProgram(r *repo.Repository, c *catalog.Catalog, q *clientRequest) func(*repo.Entry) bool {
	entry := ""
	if q.Entry != "" {
		entry = entryOf(r.TreeRoot(), a.dir, []string{q.Entry})
	}
	host, _ := os.Hostname()
	experiment := q.Experiment
	if experiment == "" {
		experiment = c.Config().Experiment
	}
	return func(e *repo.Entry) bool {
		return entry != "" && e.Source != nil && e.Source.Entry == entry && e.Experiment == experiment && e.Parent == q.Parent && e.Reproduces == "" &&
			e.Machine != nil && e.Machine.Host == host
	}
}

// mayContinue decides what becomes of a run that was found.
func (a *app) mayContinue(e *repo.Entry, q *clientRequest, byKey bool) (*earlier, error) {
	guessed := q.Resume == resumeAuto && !byKey
	if e.Active == nil {
		if guessed && e.Status == format.Finished {
			return &earlier{}, nil
		}
		return &earlier{entry: e}, nil
	}
	alive := e.Life == repo.Alive || e.Life == repo.Elsewhere && !e.Requeued()
	switch {
	case !alive && (!guessed || e.Life != repo.Detached):
		return &earlier{entry: e, same: true}, nil
	case guessed:
		return &earlier{}, nil
	case e.Life == repo.Alive:
		return nil, &clientError{clientAlive, &repo.HintError{Err: fmt.Errorf("resuming %s: run %s is in progress", q.Key, e.ID), Hint: "its process is alive on this machine; end it first"}}
	}
	return nil, &clientError{clientAlive, &repo.HintError{
		Err:  fmt.Errorf("resuming %s: run %s may be in progress on another machine, boot or container", q.Key, e.ID),
		Hint: "'runs recover " + e.ID + " --force' ends it, if you know that its process is gone",
	}}
}

// continued makes the new run a continuation: it has what the older one had, but for what the program says anew.
func continued(run *format.Run, old *format.Run, changes bool) error {
	run.Resumes = old.ID
	for _, text := range []struct{ of, from *string }{{&run.Key, &old.Key}, {&run.Name, &old.Name}, {&run.Experiment, &old.Experiment}, {&run.Group, &old.Group}, {&run.Parent, &old.Parent}} {
		if *text.of == "" {
			*text.of = *text.from
		}
	}
	params, err := changedParams(old, run.Params, changes)
	if err != nil {
		return err
	}
	run.Params = params
	for _, null := range old.Nulls {
		path, err := format.ParseKeyPath(null)
		if _, set := params.Get(path...); (err != nil || !set) && !slices.Contains(run.Nulls, null) {
			run.Nulls = append(run.Nulls, null)
		}
	}
	tags := maps.Clone(old.Tags)
	if tags == nil {
		tags = run.Tags
	} else {
		maps.Copy(tags, run.Tags)
	}
	run.Tags, run.Summary, run.Defined = tags, old.Summary, old.Defined
	return nil
}

// changedParams are the params of the older run with those given now. That one has another value is an error unless
// changes are meant.
func changedParams(old *format.Run, given format.Params, changes bool) (format.Params, error) {
	params := old.Params.Clone()
	if changes {
		params.Override(given)
		return params, nil
	}
	if err := params.Add(given); err != nil {
		return nil, &clientError{clientParams, &repo.HintError{Err: fmt.Errorf("resuming run %s: %w", old.ID, err), Hint: "allow_val_change=True takes the new value"}}
	}
	return params, nil
}

// changes are the dotted keys of params that have another value in given.
func changes(old, given format.Params) []string {
	var keys []string
	for _, c := range old.Diff(given) {
		if c.Old != nil && c.New != nil {
			keys = append(keys, strings.Join(c.Path, "."))
		}
	}
	return keys
}

// rejoin lets the process go on with a run that is in progress.
func (a *app) rejoin(e *repo.Entry, run *format.Run, q *clientRequest) error {
	params, err := changedParams(e.Run, run.Params, q.AllowValChange)
	if err != nil {
		return err
	}
	join := e.Active.JoinFor
	if e.Life == repo.Elsewhere {
		join = e.Active.TakeOver
	}
	if err := join(q.PID); err != nil {
		return err
	}
	if run.Source != nil && e.Source != nil && run.Source.Tree != e.Source.Tree {
		a.progress("runs: the source has changed since run %s began: its record keeps the source of its beginning", e.ID)
	}
	if len(run.Params) == 0 && len(run.Nulls) == 0 && len(run.Tags) == 0 && run.Note == "" {
		return nil
	}
	l := &format.Line{Params: run.Params, Nulls: run.Nulls, Tags: run.Tags, Note: run.Note}
	if q.AllowValChange {
		l.Params, l.Set = nil, run.Params
	}
	e.Params = params
	return a.appendShared(e.Active, l)
}

// resumed is what the client must know of the run that it goes on with.
func (c *earlier) answer(ctx context.Context, r *repo.Repository, params map[string]any) (map[string]any, error) {
	last, some := int64(math.MinInt64), false
	seen, lasts := map[string]bool{}, map[string]any{}
	for e := c.entry; e != nil; {
		seen[e.ID] = true
		for key, m := range e.Metrics {
			if _, newer := lasts[key]; !newer {
				lasts[key] = m.Last
			}
		}
		step, has, err := e.LastStep(ctx)
		if err != nil {
			return nil, err
		}
		if has {
			last, some = max(last, step), true
		}
		if e.Resumes == "" || seen[e.Resumes] {
			break
		}
		next, err := r.Read(ctx, e.Resumes)
		if errors.Is(err, repo.ErrNotActive) {
			break // the chain begins where no record is
		}
		if err != nil {
			return nil, err
		}
		e = next
	}
	next := int64(0)
	if some && last < math.MaxInt64 {
		next = max(0, last+1)
	}
	return map[string]any{
		"id": c.entry.ID, "same": c.same, "next_step": next, "params": orEmpty(params), "summary": orEmpty(c.entry.Summary), "metrics": lasts,
		"tags": slices.Sorted(maps.Keys(c.entry.Tags)), "changed": c.changed,
	}, nil
}
