package render

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Run shows one run: what it was, what came out, what it came from.
type Run struct {
	Context query.Context
	Goal    func(string) string
	Curves  bool // draw a small curve of each metric, which reads its points
	Hidden  bool // show metrics too that were defined as hidden
	// Environment is what the run shares with others; nil where it is not at hand.
	Environment *format.EnvironmentFile
}

const (
	curveWidth  = 16        // characters of a small curve
	curvePoints = 2_000_000 // of all metrics together: more are not read for a look
)

// page collects lines of a run.
type page struct {
	w   io.Writer
	t   *terminal.Terminal
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// title begins a part.
func (p *page) title(text string) { p.line("\n%s", p.t.Paint(terminal.Bold, text)) }

const labelWidth = 12

// pair is a label and a value; the value may have several lines.
func (p *page) pair(label, value string) {
	if value == "" {
		return
	}
	value = strings.ReplaceAll(terminal.CleanLines(value), "\n", "\n"+strings.Repeat(" ", labelWidth))
	p.line("%s%s", p.t.Paint(terminal.Dim, fmt.Sprintf("%-*s", labelWidth, label)), value)
}

// Write writes the run.
func (v Run) Write(ctx context.Context, w io.Writer, t *terminal.Terminal, e *repo.Entry) error {
	p := &page{w: w, t: t}
	head := t.Paint(terminal.Bold, terminal.Clean(e.Title()))
	status := Status(e, v.Context.Now)
	p.line("%s  %s", head, t.Paint(status.Style, status.Text))
	p.pair("id", e.ID)
	p.pair("experiment", e.Experiment)
	p.pair("started", fmt.Sprintf("%s (%s)", e.Started.Local().Format("2006-01-02 15:04:05"), terminal.Ago(v.Context.Now.Sub(e.Started))))
	if !e.Ended.IsZero() {
		p.pair("took", terminal.Span(e.Ended.Sub(e.Started)))
	}
	p.pair("ended", endOf(e.Run))
	if e.Active != nil {
		p.pair("process", processOf(e, v.Context.Now))
	}
	p.pair("author", e.Author)
	p.pair("command", ShellWords(e.Command))
	p.pair("in", e.Cwd)
	for _, link := range []struct{ label, value string }{
		{"group", e.Group}, {"key", e.Key}, {"part of", e.Parent}, {"resumes", resumed(e)}, {"reproduces", e.Reproduces},
	} {
		p.pair(link.label, link.value)
	}
	p.pair("note", e.Note)
	v.params(p, e.Run)
	if len(e.Tags) > 0 {
		p.title("tags")
		for _, key := range slices.Sorted(maps.Keys(e.Tags)) {
			p.line("  %s = %s", terminal.Clean(key), terminal.Clean(e.Tags[key]))
		}
	}
	v.metrics(ctx, p, e)
	v.summary(p, e.Run)
	v.values(ctx, p, e)
	v.origin(p, e.Run)
	v.outputs(p, e)
	return p.err
}

func resumed(e *repo.Entry) string {
	if e.Parts() == 1 {
		return e.Resumes
	}
	return fmt.Sprintf("%s; %d parts shown as one, alone with --part", e.Resumes, e.Parts())
}

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

func processOf(e *repo.Entry, now time.Time) string {
	silent := "last sign " + terminal.Ago(now.Sub(e.Silent))
	switch e.Life {
	case repo.Alive:
		return "alive, " + silent
	case repo.Gone:
		return "gone, " + silent + "; 'runs recover' finishes the run"
	case repo.Foreign:
		return "not of this clone: the folder came with git or was copied, " + silent
	case repo.Detached:
		return "none of its own, " + silent + "; 'runs finish' ends the run"
	}
	return "on another machine, boot or container, " + silent
}

// ShellWords writes a command as one types it.
func ShellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$`*?[](){}<>|&;#~!") && !strings.HasPrefix(w, "{project}") && !strings.HasPrefix(w, "~/") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

func (v Run) params(p *page, r *format.Run) {
	if len(r.Params) == 0 && len(r.Nulls) == 0 {
		return
	}
	p.title("params")
	params := r.Params.Flatten()
	for _, key := range slices.Sorted(maps.Keys(params)) {
		line := fmt.Sprintf("  %s = %s", terminal.Clean(key), terminal.Clean(format.TOMLString(params[key])))
		if others := r.Conflicts[key]; len(others) > 0 {
			line += p.t.Paint(terminal.Yellow, "  set again to "+terminal.Clean(strings.Trim(format.TOMLString(others), "[]")))
		}
		p.line("%s", line)
	}
	for _, key := range r.Nulls {
		p.line("  %s = %s", terminal.Clean(key), p.t.Paint(terminal.Dim, "none"))
	}
}

// curves are the values of each metric by step, where there are not too many.
func (v Run) curves(ctx context.Context, e *repo.Entry) (map[string][]float64, error) {
	total := int64(0)
	for _, m := range e.Metrics {
		total += m.Count
	}
	if !v.Curves || total > curvePoints || total == int64(len(e.Metrics)) {
		return nil, nil
	}
	curves := make(map[string][]float64, len(e.Metrics))
	err := e.EachPoints(ctx, func(key string, points []format.Point) error {
		for _, p := range points {
			curves[key] = append(curves[key], p.Value)
		}
		return nil
	})
	return curves, err
}

func (v Run) metrics(ctx context.Context, p *page, e *repo.Entry) {
	r := e.Run
	if len(r.Metrics) == 0 {
		return
	}
	curves, err := v.curves(ctx, e)
	p.line("")
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "metric", Flexible: true},
		{Title: "last", Right: true},
		{Title: "min", Right: true},
		{Title: "at", Right: true, Drop: true},
		{Title: "max", Right: true},
		{Title: "at", Right: true, Drop: true},
		{Title: "points", Right: true, Drop: true},
		{Title: "goal", Drop: true},
	}}
	if len(curves) > 0 {
		tb.Columns = append(tb.Columns, terminal.Column{Title: "curve", Drop: true})
	}
	hidden := 0
	for _, key := range slices.Sorted(maps.Keys(r.Metrics)) {
		if d, ok := r.Definition(key); ok && d.Hidden && !v.Hidden {
			hidden++
			continue
		}
		m := r.Metrics[key]
		goal := m.Goal
		if v.Goal != nil {
			goal = v.Goal(key)
		}
		row := []terminal.Cell{{Text: key}, {Text: terminal.Number(m.Last)}, {}, {}, {}, {}, {Text: strconv.FormatInt(m.Count, 10)}, {Text: goal, Style: terminal.Dim}}
		if m.Min != nil {
			row[2], row[3] = terminal.Cell{Text: terminal.Number(m.Min.Value)}, terminal.Cell{Text: strconv.FormatInt(m.Min.Step, 10), Style: terminal.Dim}
			row[4], row[5] = terminal.Cell{Text: terminal.Number(m.Max.Value)}, terminal.Cell{Text: strconv.FormatInt(m.Max.Step, 10), Style: terminal.Dim}
			switch goal {
			case format.GoalMin:
				row[2].Style = terminal.Bold
			case format.GoalMax:
				row[4].Style = terminal.Bold
			}
		}
		if y := curves[key]; len(y) > 1 {
			row = append(row, terminal.Cell{Text: chart.Spark(y, curveWidth), Style: terminal.Cyan})
		}
		tb.Rows = append(tb.Rows, row)
	}
	if p.err == nil && len(tb.Rows) > 0 {
		p.err = tb.Write(p.w, p.t)
	}
	if hidden > 0 {
		p.line("%s", p.t.Paint(terminal.Dim, fmt.Sprintf("%d hidden: --hidden shows them", hidden)))
	}
	if err != nil {
		p.line("%s", p.t.Paint(terminal.Red, terminal.Clean(err.Error())))
	}
}

// artifactRole is what a dataset is that a run of this project made as an artifact.
const artifactRole = "artifact"

func (v Run) origin(p *page, r *format.Run) {
	if s := r.Source; s != nil && (s.Commit != "" || s.Dirty) {
		p.title("source")
		commit := s.Commit
		if commit == "" {
			commit = "none yet"
		} else {
			commit = commit[:12]
		}
		if s.Branch != "" {
			commit += " on " + s.Branch
		}
		if s.Dirty && s.Commit != "" {
			commit += " with changes that are not committed"
		}
		p.pair("  commit", commit)
		p.pair("  remote", s.Remote)
		p.pair("  program", s.Entry)
		v.restorable(p, s)
	}
	if len(r.Datasets) > 0 {
		p.title("data")
		for _, d := range r.Datasets {
			where := d.Path
			switch {
			case where == "" && d.Role == artifactRole:
				where = "artifact of this project"
			case where == "":
				where = "outside the project"
			}
			digest := d.SHA256
			if len(digest) > 12 {
				digest = digest[:12]
			}
			size := terminal.Bytes(d.Bytes)
			if d.Files > 1 {
				size += fmt.Sprintf(" in %d files", d.Files)
			}
			if d.Rows > 0 {
				size += ", " + terminal.Count(d.Rows, "row")
			}
			if len(d.Columns) > 0 {
				size += ", " + terminal.Count(int64(len(d.Columns)), "column")
			}
			kind := "sha256 " + digest
			switch {
			case d.Hash != "":
				kind = "names and sizes only: " + digest
			case d.SHA256 == "":
				kind = "dvc " + d.DVC
			}
			p.line("  %s  %s, %s, %s", terminal.Clean(d.Name), terminal.Clean(where), size, p.t.Paint(terminal.Dim, terminal.Clean(kind)))
		}
	}
	var machine []string
	if e := r.Environment; e != nil {
		if e.Python != "" {
			machine = append(machine, "Python "+e.Python)
		}
		if e.OS != "" {
			machine = append(machine, e.OS+"/"+e.Arch)
		}
	}
	if m := r.Machine; m != nil {
		if m.CPU != "" {
			machine = append(machine, m.CPU)
		}
		if m.Cores > 0 {
			machine = append(machine, terminal.Count(m.Cores, "core"))
		}
		if m.Memory > 0 {
			machine = append(machine, terminal.Bytes(m.Memory))
		}
		machine = append(machine, m.GPUs...)
		if m.Host != "" {
			machine = append(machine, "on "+m.Host)
		}
	}
	if len(machine) > 0 {
		p.line("")
		p.pair("ran with", strings.Join(machine, ", "))
	}
	if e := r.Environment; e != nil {
		v.environment(p, e)
	}
}

// environment shows the packages that are shared with other runs as a count, and this run's own variables.
func (v Run) environment(p *page, e *format.Environment) {
	if f := v.Environment; f != nil {
		var parts []string
		for _, part := range []struct {
			packages format.Packages
			what     string
		}{{f.Packages, "Python package"}, {f.Conda, "conda package"}, {f.Go, "Go module"}, {f.Node, "Node package"}, {f.R, "R package"}} {
			if n := len(part.packages); n > 0 {
				parts = append(parts, terminal.Count(int64(n), part.what))
			}
		}
		if f.CUDA != "" {
			parts = append(parts, "CUDA "+f.CUDA)
		}
		if f.Driver != "" {
			parts = append(parts, "driver "+f.Driver)
		}
		if len(f.Locks) > 0 {
			parts = append(parts, strings.Join(slices.Sorted(maps.Keys(f.Locks)), ", "))
		}
		p.pair("packages", strings.Join(parts, ", "))
	}
	if len(e.Variables) == 0 && len(e.Withheld) == 0 {
		return
	}
	p.title("variables")
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		p.line("  %s = %s", terminal.Clean(name), terminal.Clean(e.Variables[name]))
	}
	for _, name := range e.Withheld {
		p.line("  %s %s", terminal.Clean(name), p.t.Paint(terminal.Dim, "withheld: it may be a secret"))
	}
}

// shownOmitted is how many entries of what was left out are shown.
const shownOmitted = 10

// restorable says whether the source comes back, and what of it does not.
func (v Run) restorable(p *page, s *format.Source) {
	if s.Tree == "" {
		return
	}
	p.pair("  tree", s.Tree[:12])
	if missing := s.Missing(); missing != "" {
		p.line("  %s", p.t.Paint(terminal.Yellow, "not fully restorable: "+missing))
	}
	shown := 0
	for _, o := range s.Omitted {
		if o.Harmless() {
			continue
		}
		if shown++; shown > shownOmitted {
			p.line("    … more in 'runs show --toml'")
			break
		}
		what := terminal.Bytes(o.Bytes)
		if o.Count > 0 {
			what = terminal.Count(o.Count, "file") + ", " + what
		}
		p.line("    %s  %s", terminal.Clean(o.Path), p.t.Paint(terminal.Dim, what+": "+terminal.Clean(o.Reason)))
	}
}

func (v Run) outputs(p *page, e *repo.Entry) {
	artifacts, err := e.AllArtifacts()
	if err != nil {
		p.line("\nartifacts: %s", terminal.Clean(err.Error()))
	}
	const most = 20
	artifacts = media(p, artifacts)
	if len(artifacts) > 0 {
		p.title("artifacts")
		for _, a := range artifacts[:min(len(artifacts), most)] {
			p.line("  %s  %s", terminal.Clean(a.Path), p.t.Paint(terminal.Dim, terminal.Bytes(a.Bytes)))
		}
		if len(artifacts) > most {
			p.line("  … %d more", len(artifacts)-most)
		}
	}
	if len(e.Files) > 0 {
		p.title("files")
		for _, name := range slices.Sorted(maps.Keys(e.Files)) {
			f := e.Files[name]
			line := terminal.Bytes(f.Bytes)
			if f.Rows > 0 {
				line += ", " + terminal.Count(f.Rows, "row")
			}
			if f.Cut > 0 {
				line += ", " + terminal.Bytes(f.Cut) + " of its middle cut"
			}
			p.line("  %s  %s", terminal.Clean(name), p.t.Paint(terminal.Dim, line))
		}
	}
	if len(e.Extra) > 0 || len(e.Unknown) > 0 {
		p.title("kept without being understood")
		for _, m := range []map[string]any{e.Extra, e.Unknown} {
			for _, key := range slices.Sorted(maps.Keys(m)) {
				p.line("  %s = %s", terminal.Clean(key), terminal.Clean(format.TOMLString(m[key])))
			}
		}
	}
}
