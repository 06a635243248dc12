package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
)

// clientStart starts the run of a process that is none of ours.
func (a *app) clientStart(ctx context.Context, q *clientRequest) (map[string]any, error) {
	if q.PID <= 0 {
		return nil, usagef("starting a run: pid is %d, not a process", q.PID)
	}
	r, err := a.setup(ctx)
	if err != nil {
		return nil, err
	}
	before, err := a.lookEarlier(ctx, r, q)
	if err != nil {
		return nil, err
	}
	a.finishGone(ctx, r, func(id string) bool { return before.same && id == before.entry.ID })
	run, err := a.describeClient(ctx, r, q)
	if err != nil {
		return nil, err
	}
	var active *repo.Active
	if before.entry != nil {
		before.changed = changes(before.entry.Params, run.Params)
	}
	switch {
	case before.same:
		active = before.entry.Active
		err = a.rejoin(before.entry, run, q)
		run = before.entry.Run
	case before.entry != nil:
		if err = continued(run, before.entry.Run, q.AllowValChange); err != nil {
			break
		}
		fallthrough
	default:
		active, err = r.StartFor(ctx, run, q.PID)
	}
	if err != nil {
		return nil, err
	}
	answer := a.clientRun(active, run)
	answer["existing"] = before.existing
	if before.entry != nil {
		if answer["resumed"], err = before.answer(ctx, r, run.Params); err != nil {
			a.progress("runs: the last step of run %s is not known: %v", before.entry.ID, err)
			answer["resumed"] = map[string]any{"id": before.entry.ID, "same": before.same, "next_step": 0, "params": orEmpty(run.Params), "summary": orEmpty(before.entry.Summary)}
		}
	}
	if wanted, _ := q.Sidecar.(bool); wanted {
		if answer["sidecar"], err = startSidecar(active, q.PID, q.System); err != nil {
			a.progress("runs: nothing attends the run: %v", err)
		}
	}
	return answer, nil
}

// describeClient makes the record of the new run.
func (a *app) describeClient(ctx context.Context, r *repo.Repository, q *clientRequest) (*format.Run, error) {
	f := beginFlags{
		name: q.Name, experiment: q.Experiment, group: q.Group, key: q.Key, parent: q.Parent, datasets: q.Datasets,
	}
	run, _, err := a.describeWithin(ctx, r, &f, q.Command, 0)
	if err != nil {
		return nil, err
	}
	root := r.TreeRoot()
	run.Command = make([]string, len(q.Command))
	for i, arg := range q.Command {
		run.Command[i] = capture.Portable(root, strings.ToValidUTF8(arg, "\ufffd"))
	}
	if run.Source != nil && q.Entry != "" {
		run.Source.Entry = entryOf(root, a.dir, []string{q.Entry})
	}
	if l := q.line; l != nil {
		run.Params, run.Nulls, run.Tags, run.Note = l.Params.Clone(), slices.Compact(slices.Sorted(slices.Values(l.Nulls))), l.Tags, l.Note
		run.Params.Override(l.Set)
		portable(root, run.Params)
	}
	return run, nil
}

// clientRun is what the client must know of its run.
func (a *app) clientRun(active *repo.Active, run *format.Run) map[string]any {
	r := active.Repository()
	return map[string]any{
		"protocol": clientProtocol, "format": format.Schema, "version": version,
		"id": active.ID, "dir": active.Dir, "runs": r.Dir, "root": r.TreeRoot(), "host": repo.Host(),
		"experiment": run.Experiment, "name": run.Name, "sidecar": 0, "resumed": nil, "existing": "",
	}
}

// clientJoin adds a process to those that keep a run open. A program that begins names what the run belongs to where
// its starter has not; one with a run of its own to go on with is told to stay apart.
func (a *app) clientJoin(ctx context.Context, q *clientRequest) (map[string]any, error) {
	active, err := clientActive(q)
	if err != nil {
		return nil, err
	}
	existing := ""
	if q.Names {
		apart, known, err := a.staysApart(ctx, active, q)
		if err != nil || apart {
			return map[string]any{"protocol": clientProtocol, "apart": apart}, err
		}
		existing = known
	}
	if err := active.JoinFor(q.PID); err != nil {
		return nil, err
	}
	var lines []*format.Line
	if q.Names {
		lines = append(lines, &format.Line{Joined: &format.JoinedLine{Experiment: q.Experiment, Group: q.Group, Key: q.Key}})
	}
	if q.line != nil {
		lines = append(lines, q.line)
	}
	if len(lines) > 0 {
		if err := a.appendShared(active, lines...); err != nil {
			return nil, err
		}
	}
	e, err := active.Entry(ctx)
	if err != nil {
		return nil, err
	}
	answer := a.clientRun(active, e.Run)
	answer["params"], answer["group"], answer["existing"] = orEmpty(e.Params), e.Group, existing
	return answer, nil
}

// staysApart reports whether a program that begins within a run needs one of its own: its key is not the run's and cannot
// become it, or there is an older run to go on with. existing is a run that has the key and is not continued.
func (a *app) staysApart(ctx context.Context, active *repo.Active, q *clientRequest) (apart bool, existing string, err error) {
	for _, text := range []string{q.Experiment, q.Group, q.Key} {
		if err := format.CheckKey(text); text != "" && err != nil {
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
	before, err := a.lookEarlier(ctx, active.Repository(), q)
	var known *clientError
	if errors.As(err, &known) {
		return true, "", nil // which start says
	}
	if err != nil {
		return false, "", err
	}
	return before.entry != nil, before.existing, nil
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// clientActive is the run whose folder the client names.
func clientActive(q *clientRequest) (*repo.Active, error) {
	if !filepath.IsAbs(q.Dir) {
		return nil, usagef("dir is %q, not the absolute path of a run in progress", q.Dir)
	}
	return repo.OpenDir(filepath.Clean(q.Dir))
}
