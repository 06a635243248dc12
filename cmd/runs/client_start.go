package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// clientStart starts a run for the client's process. If the process continues an active run, it becomes an owner of
// that run instead.
func (a *app) clientStart(ctx context.Context, q *clientRequest) (clientAnswer, error) {
	if q.PID <= 0 {
		return nil, usagef("starting a run: pid must be a process id, got %d", q.PID)
	}
	r, err := a.setup(ctx)
	if err != nil {
		return nil, err
	}
	before, c, err := a.resumption(ctx, r, q)
	if err != nil {
		return nil, err
	}
	a.finishGone(ctx, r, func(id string) bool { return before.Same && id == before.Entry.ID })
	run, err := a.describeClient(ctx, r, q)
	if err != nil {
		return nil, err
	}
	var changed []string
	if before.Entry != nil {
		changed = before.ChangedParams(run.Params)
	}
	var active *repo.Active
	switch {
	case before.Same:
		active = before.Entry.Active
		err = a.rejoin(before, run, q)
		run = before.Entry.Run
	case before.Entry != nil:
		if err = withResumeHint(before.Inherit(run, q.AllowValChange)); err != nil {
			break
		}
		fallthrough
	default:
		active, err = r.StartFor(ctx, run, q.PID)
	}
	if err != nil {
		return nil, err
	}
	answer := clientRun(active, run)
	answer.Existing = before.Existing
	if config, err := r.Config(); err == nil && config.Data.Trace != format.TraceOff {
		if answer.Reads, answer.ReadsRoot, err = active.TraceReads(); err != nil {
			a.warn("%v", err)
		}
	}
	if before.Entry != nil {
		answer.Resumed = a.resumed(ctx, c, before, run.Params, changed)
	}
	if wanted, _ := q.Sidecar.(bool); wanted {
		if answer.Sidecar, err = startSidecar(active, q.PID, q.System); err != nil {
			a.warn("the run has no sidecar: %v", err)
		}
	}
	return answer, nil
}

// describeClient creates the record of the client's new run.
func (a *app) describeClient(ctx context.Context, r *repo.Repository, q *clientRequest) (*format.Run, error) {
	f := newRunFlags{
		name: q.Name, experiment: q.Experiment, group: q.Group, key: q.Key, parent: q.Parent, datasets: q.Datasets,
		doing: "starting a run",
	}
	n, err := a.describe(ctx, r, &f)
	if err != nil {
		return nil, err
	}
	n.Command, n.python = q.Command, q.Python
	if l := q.line; l != nil {
		n.Params, n.Tags, n.Note = l.Params.Clone(), l.Tags, l.Note
		n.Params.Override(l.Set)
	}
	run, _, err := a.capture(ctx, r, n)
	if err != nil {
		return nil, err
	}
	if run.Source != nil && q.Entry != "" {
		run.Source.Entry = r.EntryPoint(a.dir, []string{q.Entry})
	}
	return run, nil
}

// clientRunJSON describes a run to the client that starts or joins it.
type clientRunJSON struct {
	warnedJSON
	Dir        string        `json:"dir"`
	Existing   string        `json:"existing"` // id of a run that has the same key but is not continued
	Experiment string        `json:"experiment"`
	Format     int           `json:"format"`
	Group      *string       `json:"group,omitzero"` // for join
	Host       string        `json:"host"`
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Params     format.Params `json:"params,omitzero"` // for join
	Protocol   int           `json:"protocol"`
	Reads      string        `json:"reads,omitempty"` // the folder for what processes of the program open
	ReadsRoot  string        `json:"reads_root,omitempty"`
	Resumed    *resumedJSON  `json:"resumed"`
	Root       string        `json:"root"`
	Runs       string        `json:"runs"`
	Sidecar    int           `json:"sidecar"` // process id; 0 if there is none
	Version    string        `json:"version"`
}

func clientRun(active *repo.Active, run *format.Run) *clientRunJSON {
	r := active.Repository()
	return &clientRunJSON{
		Protocol: clientProtocol, Format: format.Schema, Version: version,
		ID: active.ID, Dir: active.Dir, Runs: r.Dir, Root: r.TreeRoot(), Host: repo.Host(),
		Experiment: run.Experiment, Name: run.Name,
	}
}

// apartJSON tells a program to start its own run instead of joining this one.
type apartJSON struct {
	warnedJSON
	Apart    bool `json:"apart"`
	Protocol int  `json:"protocol"`
}

// clientJoin makes a process an owner of a run. A starting program also sets those of experiment, group and key that
// the starter of the run left open. If the program needs its own run, it does not join, and the answer says so.
func (a *app) clientJoin(ctx context.Context, q *clientRequest) (clientAnswer, error) {
	active, err := clientActive(q)
	if err != nil {
		return nil, err
	}
	existing := ""
	if q.Names {
		apart, known, err := a.staysApart(ctx, active, q)
		if err != nil || apart {
			return &apartJSON{Protocol: clientProtocol, Apart: apart}, err
		}
		existing = known
	}
	if err := active.JoinFor(q.PID); err != nil {
		return nil, err
	}
	if q.Names && q.Python != nil {
		ask := repo.InterpreterRequest{Interpreter: *q.Python, Dir: a.dir}
		if q.Entry != "" {
			ask.Entry = active.Repository().EntryPoint(a.dir, []string{q.Entry})
		}
		if err := active.UseInterpreter(ctx, ask); err != nil {
			a.warn("%v", err)
		}
	}
	var lines []*format.Line
	if q.Names {
		lines = append(lines, &format.Line{Joined: &format.JoinedLine{Experiment: q.Experiment, Group: q.Group, Key: q.Key}})
	}
	if q.line != nil {
		lines = append(lines, q.line)
	}
	if len(lines) > 0 {
		if err := active.AppendShared(lines...); err != nil {
			return nil, err
		}
	}
	e, err := active.Entry(ctx)
	if err != nil {
		return nil, err
	}
	answer := clientRun(active, e.Run)
	answer.Existing, answer.Group, answer.Params = existing, &e.Group, e.Params
	if answer.Params == nil {
		answer.Params = format.Params{}
	}
	return answer, nil
}

// staysApart reports whether a program that starts within a run needs its own run. It does if the run has another key
// or cannot take the program's key, or if the program resumes another run. existing is the id of a run that has the key
// but is not resumed.
func (a *app) staysApart(ctx context.Context, active *repo.Active, q *clientRequest) (apart bool, existing string,
	err error,
) {
	for _, text := range []struct{ what, text string }{
		{"experiment", q.Experiment}, {"group", q.Group}, {"key", q.Key},
	} {
		if err := format.CheckNamed(text.what, text.text); text.text != "" && err != nil {
			return false, "", usagef("joining run %s: %v", active.ID, err)
		}
	}
	if q.Key == "" && q.Resume == "" {
		return false, "", nil
	}
	e, err := active.Entry(ctx)
	if err != nil {
		return false, "", err
	}
	if q.Key != "" && (e.Key != "" || e.Joined) {
		return e.Key != q.Key, "", nil
	}
	before, _, err := a.resumption(ctx, active.Repository(), q)
	var problem *catalog.ResumeError
	if errors.As(err, &problem) {
		return true, "", nil // the start that follows reports this error
	}
	if err != nil {
		return false, "", err
	}
	return before.Entry != nil, before.Existing, nil
}

// clientActive opens the run in the active folder that the client sent.
func clientActive(q *clientRequest) (*repo.Active, error) {
	if !filepath.IsAbs(q.Dir) {
		return nil, usagef("dir must be the absolute path of a run in progress, got %q", q.Dir)
	}
	return repo.OpenDir(filepath.Clean(q.Dir))
}
