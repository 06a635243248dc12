package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

type reviewFlags struct {
	baseline, metric, experiment string
	asMarkdown, asJSON           bool
}

func (a *app) reviewCommand() *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use:   "review [BASE] [flags]",
		Short: "Report what the runs of this branch change",
		Long: `Report the runs that this branch adds since it left BASE, a branch or commit, against the baseline: the best run of BASE by
the primary metric, or --baseline. It says which runs are better, what was changed to get there, and what a reviewer must
know. Without BASE, the remote's default branch.

    runs review origin/main
    runs review --markdown > comment.md

Replicates, runs that differ in nothing but their seed, are one line.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error { return a.review(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "compare with `SELECTOR` of BASE instead of its best run")
	flags.StringVar(&f.metric, "metric", "", "compare by `METRIC` instead of the primary one")
	flags.BoolVar(&f.asMarkdown, "markdown", false, "print Markdown for a comment")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "only runs of `EXPERIMENT`")
	return cmd
}

// review is what the report is made of.
type review struct {
	app                *app
	base, metric, goal string
	groups             []reviewGroup // the best first
	baseline           *selected     // nil where the base has no run with the metric
	comparison         *diff.Comparison
	warnings           []string
	chart              [][]float64 // curves of the baseline and the best run
}

// reviewGroup is a run of the branch with its replicates.
type reviewGroup struct {
	side    *selected
	compare *diff.Metric // with the baseline; nil without one
	level   float64
}

func (a *app) review(ctx context.Context, f *reviewFlags, args []string) error {
	if f.asMarkdown && f.asJSON {
		return usagef("review: --json and --markdown exclude one another")
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	base := ""
	if len(args) == 1 {
		base = args[0]
	}
	fork, err := r.Fork(ctx, base)
	if err != nil {
		return err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return err
	}
	v := &review{app: a, base: fork.Base, metric: f.metric}
	if v.metric == "" {
		v.metric = c.Config().Primary
	}
	if v.metric == "" {
		return &repo.HintError{Err: errors.New("reviewing: no metric decides"), Hint: "'runs goal METRIC min --primary' sets the primary one, or give --metric"}
	}
	if v.goal = c.Goal(v.metric); v.goal == "" {
		return &repo.HintError{Err: fmt.Errorf("reviewing: %s has no goal", v.metric), Hint: "'runs goal " + v.metric + " min' or max sets one"}
	}
	if err := v.read(ctx, c, fork, f.baseline); err != nil {
		return err
	}
	switch {
	case f.asJSON:
		return a.printJSON(v.json())
	case f.asMarkdown:
		_, err := io.WriteString(a.term.Out, v.markdown())
		return err
	}
	return a.term.Page(ctx, func(w io.Writer) error { return v.write(w, a.term) })
}

// read finds the runs of the branch and the baseline, and compares them.
func (v *review) read(ctx context.Context, c *catalog.Catalog, fork *repo.Fork, baseline string) error {
	at, err := c.At(ctx, fork.Commit)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, e := range at.Entries() {
		known[e.ID] = true
	}
	if fork.MergeBase != fork.Commit {
		before, err := c.Repository().IDsAt(ctx, fork.MergeBase)
		if err != nil {
			return err
		}
		for _, id := range before {
			known[id] = true
		}
	}
	base := at
	if c.Config().Commit.Branch != "" { // runs have a branch of their own: their source says of which code they are
		if base, err = v.splitByCode(ctx, c, at, fork, known); err != nil {
			return err
		}
	}
	var added []*repo.Entry
	failed := 0
	for _, e := range c.Entries() {
		switch {
		case known[e.ID] || e.Active != nil || e.Reproduces != "" || !c.InScope(e.Run):
		case e.Status != format.Finished:
			failed++
		default:
			added = append(added, e)
		}
	}
	if failed > 0 {
		v.warn("%d runs that did not finish are left out", failed)
	}
	for _, d := range c.Damage() {
		v.warn("a damaged run is left out: %s", d.Err)
	}
	if err := v.findBaseline(ctx, base, baseline); err != nil {
		return err
	}
	return v.compare(ctx, c, added)
}

// splitByCode tells the runs of the branch's code from those of the base's, of which it makes a collection with the runs that
// the base itself has. All but the first count as known.
func (v *review) splitByCode(ctx context.Context, c, at *catalog.Catalog, fork *repo.Fork, known map[string]bool) (*catalog.Catalog, error) {
	var commits []string
	for _, e := range c.Entries() {
		if e.Source != nil && e.Source.Commit != "" {
			commits = append(commits, e.Source.Commit)
		}
	}
	slices.Sort(commits)
	commits = slices.Compact(commits)
	ofBase, err := c.Repository().Reached(ctx, commits, fork.Commit)
	if err != nil {
		return nil, err
	}
	ofHead, err := c.Repository().Reached(ctx, commits, "HEAD")
	if err != nil {
		return nil, err
	}
	base := c.With(at.Entries())
	var more []*repo.Entry
	for _, e := range c.Entries() {
		if known[e.ID] || e.Source == nil {
			known[e.ID] = true
			continue
		}
		s := e.Source
		switch {
		case s.Branch != "" && s.Branch == fork.Branch, ofHead[s.Commit] && !ofBase[s.Commit]:
			continue // of this branch
		case ofBase[s.Commit]:
			more = append(more, e)
		}
		known[e.ID] = true
	}
	base.Add(more)
	return base, nil
}

func (v *review) warn(format string, args ...any) {
	v.warnings = append(v.warnings, fmt.Sprintf(format, args...))
}

// findBaseline takes the best run of the base with its replicates, or the one that is named.
func (v *review) findBaseline(ctx context.Context, at *catalog.Catalog, selector string) error {
	if selector != "" {
		side, err := side(ctx, at, selector)
		v.baseline = side
		return err
	}
	groups := v.grouped(at, at.Entries())
	if len(groups) > 0 {
		v.baseline = groups[0].side
	}
	return nil
}

// grouped makes groups of replicates that have the metric, the best mean first.
func (v *review) grouped(c *catalog.Catalog, entries []*repo.Entry) []reviewGroup {
	var runs []*format.Run
	for _, e := range entries {
		if m, ok := e.Metrics[v.metric]; ok && e.Status == format.Finished && e.Reproduces == "" && !math.IsNaN(query.Best(m, v.goal)) && c.InScope(e.Run) {
			runs = append(runs, e.Run)
		}
	}
	var groups []reviewGroup
	for _, g := range query.GroupBy(catalog.Newest(runs), query.ByReplicates, c.Config().Seeds(), c.Context()) {
		s := &selected{of: c, entries: c.EntriesOf(g.Runs)}
		if len(g.Runs) > 1 {
			s.group = g.Runs[0].Title()
		}
		groups = append(groups, reviewGroup{side: s, level: query.Summarize(g.Runs, v.metric, c.Context()).Mean})
	}
	slices.SortStableFunc(groups, func(x, y reviewGroup) int {
		switch {
		case x.level == y.level:
			return 0
		case (x.level < y.level) == (v.goal == format.GoalMin):
			return -1
		}
		return 1
	})
	return groups
}

func (v *review) compare(ctx context.Context, c *catalog.Catalog, added []*repo.Entry) error {
	v.groups = v.grouped(c, added)
	if without := len(added) - countRuns(v.groups); without > 0 {
		v.warn("%d runs are left out: they have no %s, or are part of a chain", without, v.metric)
	}
	if len(v.groups) == 0 || v.baseline == nil {
		return nil
	}
	p := &comparer{app: v.app, config: c.Config()}
	options := diff.Options{Goal: c.Goal, All: true, Level: c.Config().Compare.Level, Seeds: c.Config().Seeds(), Metrics: exactly(v.metric)}
	baseline := p.side(ctx, v.baseline)
	baseline.Points = nil // only values are compared here
	for i, g := range v.groups {
		quick := diff.Compare(baseline, diff.Side{Runs: catalog.Records(g.side.entries), Group: g.side.group}, options)
		if len(quick.Metrics) == 1 {
			v.groups[i].compare = &quick.Metrics[0]
		}
	}
	best := v.groups[0].side
	var err error
	if v.comparison, err = p.compare(ctx, v.baseline, best); err != nil {
		return err
	}
	v.judge(ctx, best)
	for _, s := range []*selected{v.baseline, best} {
		points, err := s.entries[0].Points(ctx, v.metric)
		if err != nil || len(points) < 2 {
			return ctx.Err()
		}
		curve := make([]float64, len(points))
		for i, point := range points {
			curve[i] = point.Value
		}
		v.chart = append(v.chart, curve)
	}
	return nil
}

func countRuns(groups []reviewGroup) int {
	n := 0
	for _, g := range groups {
		n += len(g.side.entries)
	}
	return n
}

// judge collects what a reviewer must know of the best runs.
func (v *review) judge(ctx context.Context, best *selected) {
	for _, e := range best.entries {
		if e.Source != nil && e.Source.Dirty {
			v.warn("%s was recorded with changes that are not committed", e.Title())
		}
		if missing := e.Source.Missing(); missing != "" {
			v.warn("%s cannot be fully restored: %s", e.Title(), missing)
		}
	}
	for _, d := range v.comparison.Datasets {
		v.warn("dataset %s is not that of the baseline", d.Name)
	}
	if n := len(v.comparison.Environment); n > 0 {
		v.warn("the environment differs from that of the baseline in %d places", n)
	}
	if a, b := len(v.baseline.entries), len(best.entries); b < a {
		v.warn("%d runs stand against %d of the baseline", b, a)
	}
	if ok, message, err := isCurrent(ctx, best, nil); err == nil && !ok {
		v.warn("%s", message)
	}
}

func (v *review) headline() string {
	switch {
	case len(v.groups) == 0:
		return "no run of this branch has " + v.metric
	case v.baseline == nil:
		return fmt.Sprintf("%d runs, and none with %s on %s to compare with", countRuns(v.groups), v.metric, v.base)
	case v.groups[0].compare == nil:
		return fmt.Sprintf("%d runs", countRuns(v.groups))
	}
	m := v.groups[0].compare
	return fmt.Sprintf("%s: %s, %s → %s", v.metric, render.VerdictText(*m), terminal.Number(m.A.Best), terminal.Number(m.B.Best))
}

// mostGroups is how many runs a report shows.
const mostGroups = 30

// row is a run with its value, its change and its verdict.
func (g reviewGroup) row() (name, value, change, relative, verdict string, style terminal.Style) {
	name = g.side.entries[0].Title()
	value = terminal.Number(g.level)
	if n := len(g.side.entries); n > 1 {
		value += fmt.Sprintf(" (%d)", n)
	}
	if m := g.compare; m != nil {
		change, relative, verdict = render.Delta(m.Delta), render.Percent(m.Relative), render.VerdictText(*m)
		style = render.VerdictStyle(m.Verdict)
	}
	return name, value, change, relative, verdict, style
}

// write writes the report for a terminal.
func (v *review) write(w io.Writer, t *terminal.Terminal) error {
	fmt.Fprintf(w, "%s\n", t.Paint(terminal.Bold, terminal.Clean(v.headline())))
	if len(v.groups) > 0 {
		fmt.Fprintln(w)
		tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: v.metric, Right: true, Key: true}, {Title: "change", Right: true}, {Title: "", Right: true}, {Title: "verdict"}}}
		if v.baseline != nil && v.groups[0].compare != nil {
			tb.Rows = append(tb.Rows, []terminal.Cell{{Text: v.baseline.entries[0].Title() + ", the baseline", Style: terminal.Dim}, {Text: terminal.Number(v.groups[0].compare.A.Best), Style: terminal.Dim}})
		}
		for _, g := range v.groups[:min(len(v.groups), mostGroups)] {
			name, value, change, relative, verdict, style := g.row()
			tb.Rows = append(tb.Rows, []terminal.Cell{{Text: name}, {Text: value}, {Text: change, Style: style}, {Text: relative, Style: style}, {Text: verdict, Style: style}})
		}
		if err := tb.Write(w, t); err != nil {
			return err
		}
		if more := len(v.groups) - mostGroups; more > 0 {
			fmt.Fprintf(w, "… %d more\n", more)
		}
	}
	for _, warning := range v.warnings {
		fmt.Fprintf(w, "\n%s %s", t.Paint(terminal.Yellow, "!"), terminal.Clean(warning))
	}
	if len(v.warnings) > 0 {
		fmt.Fprintln(w)
	}
	if v.comparison == nil {
		return nil
	}
	fmt.Fprintf(w, "\n%s\n", t.Paint(terminal.Bold, "what changed"))
	return render.Diff{Primary: v.metric, Most: 20}.Write(w, t, v.comparison)
}

// maxComment is how long a comment may be: forges take 65,536 characters.
const maxComment = 60_000

// reviewMark lets a bot find its comment again.
const reviewMark = "<!-- runs review -->\n"

// markdown is the report for a comment. What would make it too long is left out whole, and said.
func (v *review) markdown() string {
	var b strings.Builder
	b.WriteString(reviewMark + "### " + render.Escape(v.headline()) + "\n")
	if len(v.groups) > 0 {
		fmt.Fprintf(&b, "\n| run | %s | change | | verdict |\n|---|--:|--:|--:|---|\n", render.Code(v.metric))
		if v.baseline != nil && v.groups[0].compare != nil {
			fmt.Fprintf(&b, "| %s, the baseline | %s | | | |\n", render.Code(v.baseline.entries[0].Title()), render.Escape(terminal.Number(v.groups[0].compare.A.Best)))
		}
		for _, g := range v.groups[:min(len(v.groups), mostGroups)] {
			name, value, change, relative, verdict, _ := g.row()
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", render.Code(name), render.Escape(value), render.Escape(change), render.Escape(relative), render.Escape(verdict))
		}
		if more := len(v.groups) - mostGroups; more > 0 {
			fmt.Fprintf(&b, "\n… %d more\n", more)
		}
	}
	for i, warning := range v.warnings {
		if i == 0 {
			b.WriteString("\n")
		}
		if i == 20 {
			fmt.Fprintf(&b, "- … %d more\n", len(v.warnings)-i)
			break
		}
		b.WriteString("- ⚠ " + render.Escape(warning[:min(len(warning), 500)]) + "\n")
	}
	var parts []string
	if len(v.chart) == 2 {
		parts = append(parts, "\n"+chart.Mermaid(v.metric+" of the baseline and the best run", v.chart)+
			"\nbaseline "+chart.Spark(v.chart[0], 30)+" · best "+chart.Spark(v.chart[1], 30)+"\n")
	}
	if v.comparison != nil {
		var changes strings.Builder
		_ = render.Diff{Primary: v.metric, Most: 40}.Markdown(&changes, v.comparison)
		parts = append(parts, "\n<details><summary>What changed from the baseline to the best run</summary>\n\n"+changes.String()+"\n</details>\n")
	}
	for _, part := range parts {
		if b.Len()+len(part) > maxComment {
			b.WriteString("\nA part is left out here: it is too long for a comment. 'runs review' in a terminal shows it.\n")
			continue
		}
		b.WriteString(part)
	}
	return b.String()
}

func (v *review) json() map[string]any {
	runs := []any{}
	for _, g := range v.groups {
		one := map[string]any{"runs": idsOf(g.side), "name": g.side.entries[0].Title(), "mean": g.level}
		if g.compare != nil {
			one["verdict"], one["delta"] = string(g.compare.Verdict), g.compare.Delta
		}
		runs = append(runs, one)
	}
	out := map[string]any{"base": v.base, "metric": v.metric, "goal": v.goal, "runs": runs, "warnings": append([]string{}, v.warnings...)}
	if v.baseline != nil {
		out["baseline"] = idsOf(v.baseline)
	}
	if v.comparison != nil {
		out["diff"] = diffJSON(v.comparison)
	}
	return out
}

func idsOf(s *selected) []string {
	ids := make([]string, len(s.entries))
	for i, e := range s.entries {
		ids[i] = e.ID
	}
	return ids
}
