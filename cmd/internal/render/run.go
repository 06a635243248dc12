package render

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Run shows one run: its description, its results, and its source and environment.
type Run struct {
	Context query.Context
	Goal    func(string) string
	Curves  bool // draw a small curve of each metric; reads the points
	Hidden  bool // also show metrics that are defined as hidden
	// Environment is the run's environment file; nil if this clone does not have the file.
	Environment *format.EnvironmentFile
	// Lacking is the id of an earlier run of the chain that this clone does not have. It is empty if it has all.
	Lacking string
	// Title is the name that the run's experiment is shown under. It is empty if that is the one of the run.
	Title string
}

func (v Run) experiment(run *format.Run) string {
	if v.Title == "" {
		return run.Experiment
	}
	return fmt.Sprintf("%s (recorded as %s)", v.Title, run.Experiment)
}

// Write writes the run as text.
func (v Run) Write(ctx context.Context, w io.Writer, t *terminal.Terminal, e *repo.Entry) error {
	p := &page{w: w, t: t}
	head := t.Paint(terminal.Bold, terminal.Clean(e.Title()))
	status := Status(e, v.Context.Now)
	p.line("%s  %s", head, t.Paint(status.Style, status.Text))
	p.pair("id", e.ID)
	p.pair("experiment", v.experiment(e.Run))
	started, ago := e.Started.Local().Format(time.DateTime), terminal.Ago(v.Context.Now.Sub(e.Started))
	p.pair("started", fmt.Sprintf("%s (%s)", started, ago))
	if !e.Ended.IsZero() {
		took := terminal.Span(e.Ended.Sub(e.Started))
		if e.Parts() > 1 {
			took += " (this part alone)"
		}
		p.pair("took", took)
	}
	p.pair("ended", endOf(e.Run))
	if e.Active != nil {
		p.pair("process", processOf(e, v.Context.Now))
	}
	if w := e.Worktree(); w != nil {
		p.pair("worktree", terminal.Clean(w.String()))
	}
	p.pair("author", e.Author)
	p.pair("command", ShellWords(e.Command))
	p.pair("in", e.Cwd)
	for _, link := range []struct{ label, value string }{
		{"group", e.Group}, {"key", e.Key}, {"part of", e.Parent}, {"resumes", v.resumed(e)}, {"reproduces", e.Reproduces},
	} {
		p.pair(link.label, link.value)
	}
	p.pair("note", e.Note)
	v.params(p, e.Run)
	if tags := format.ShownTags(e.Tags); len(tags) > 0 {
		p.title("tags")
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			p.line("  %s = %s", terminal.Clean(key), terminal.Clean(tags[key]))
		}
	}
	v.metrics(ctx, p, e)
	v.summary(p, e.Run)
	v.values(ctx, p, e)
	v.origin(p, e.Run)
	v.outputs(p, e)
	return p.err
}

// resumed describes which run this run resumes.
func (v Run) resumed(e *repo.Entry) string {
	text := resumed(e)
	switch v.Lacking {
	case "":
		return text
	case e.Resumes:
		return text + ", which is not in this clone: its points and artifacts are missing here"
	}
	return text + "; " + v.Lacking + ", an earlier part, is not in this clone"
}

func resumed(e *repo.Entry) string {
	if e.Parts() == 1 {
		return e.Resumes
	}
	if e.Adds {
		return fmt.Sprintf("%s (%d parts shown as one, with the points of all; use --part for this part alone)", e.Resumes,
			e.Parts())
	}
	return fmt.Sprintf("%s (%d parts shown as one; use --part for this part alone)", e.Resumes, e.Parts())
}

// endOf describes how a run ended. It is empty after an ordinary end.
func endOf(r *format.Run) string {
	var parts []string
	if r.ExitCode != nil && *r.ExitCode != 0 {
		parts = append(parts, fmt.Sprintf("exit status %d", *r.ExitCode))
	}
	if r.Signal != "" {
		parts = append(parts, r.Signal)
	}
	if r.EndReason != "" {
		parts = append(parts, r.EndReason)
	}
	return strings.Join(parts, ", ")
}

// processOf describes the process of a run in progress.
func processOf(e *repo.Entry, now time.Time) string {
	silent := "last sign " + terminal.Ago(now.Sub(e.Silent))
	switch e.Life {
	case repo.Alive:
		return "alive, " + silent
	case repo.Gone:
		return "no longer exists, " + silent + "; run 'runs recover' to finish the run"
	case repo.Foreign:
		return "not started in this clone (the run's folder came with Git or was copied), " + silent
	case repo.Detached:
		return "detached, " + silent + "; run 'runs finish' to finish the run"
	}
	return "on another machine, boot or container, " + silent
}

func (v Run) params(p *page, r *format.Run) {
	if len(r.Params) == 0 && len(r.Conflicts) == 0 {
		return
	}
	p.title("params")
	again := maps.Clone(r.Conflicts)
	for _, param := range r.Params.List() {
		line := fmt.Sprintf("  %s = %s", terminal.Clean(param.Name), terminal.Clean(format.TOMLString(param.Value)))
		if others := again[param.Dotted]; len(others) > 0 {
			line += p.t.Paint(terminal.Yellow, "  set again to "+lostValues(others))
			delete(again, param.Dotted)
		}
		p.line("%s", line)
	}
	for _, key := range slices.Sorted(maps.Keys(again)) { // a table where the run has a value, or the reverse
		p.line("  %s  %s", terminal.Clean(key), p.t.Paint(terminal.Yellow, "set again to "+lostValues(again[key])))
	}
}

// lostValues are the values of a param that were not recorded because it had one.
func lostValues(values []any) string {
	return terminal.Clean(strings.Trim(format.TOMLString(values), "[]"))
}

// summary shows the summary that the program set.
func (v Run) summary(p *page, r *format.Run) {
	if len(r.Summary) == 0 {
		return
	}
	p.title("summary")
	for _, key := range slices.Sorted(maps.Keys(r.Summary)) {
		value := terminal.Truncate(terminal.Clean(format.TOMLString(r.Summary[key])), shownValue)
		p.line("  %s = %s", terminal.Clean(key), value)
	}
}
