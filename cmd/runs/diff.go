package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

type diffFlags struct {
	only                                            []string
	metrics, experiment                             string
	all, code, strict, exitCode, asJSON, asMarkdown bool
	part                                            bool
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff [A [B]] [flags]",
		Short: "Compare two runs, or two groups of seeds",
		Long: `Compare run A with run B: did it get better, and what was changed to get there. Without B, with the newest run; without
both, the newest run with the one before it in its experiment.

    runs diff wide narrow
    runs diff group=small group=large
    runs diff best=rmse --code

Only what differs is shown. A selector of several runs, like group=NAME, compares groups of seeds: mean, standard deviation,
and a verdict by Welch's test at the level of [compare] in the config. One run against one run never claims that a
difference is more than noise.

The newest part of a chain of runs that resume one another is compared as all of it; with --part each run is itself alone:

    runs diff last~1 last --part

Exit status: 0 done; 1 failed; 2 wrong usage; 3 a selector names no run; with --exit-code 4 when something differs.`,
		Args:              arguments(0, 2, ""),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), &f, args) },
		ValidArgsFunction: a.completeRun,
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "show only these `PARTS`: "+strings.Join(render.DiffParts, ", "))
	flags.StringVar(&f.metrics, "metrics", "", "compare only metrics that match `REGEX`")
	flags.BoolVar(&f.all, "all", false, "show what is equal too, and long parts whole")
	flags.BoolVar(&f.code, "code", false, "show how the source differs, as a patch")
	flags.BoolVar(&f.part, "part", false, "only what A and B logged themselves, not what they resume")
	flags.BoolVar(&f.strict, "strict", false, "take 1 and 1.0 for different params")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 4 when something differs")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.asMarkdown, "markdown", false, "print Markdown for a comment")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) diff(ctx context.Context, f *diffFlags, args []string) error {
	if b2i(f.asJSON)+b2i(f.asMarkdown)+b2i(f.code) > 1 {
		return usagef("diff: --json, --markdown and --code exclude one another")
	}
	for _, part := range f.only {
		if !slices.Contains(render.DiffParts, part) {
			return usagef("diff: --only %s: parts are %s", part, strings.Join(render.DiffParts, ", "))
		}
	}
	var pattern *regexp.Regexp
	if f.metrics != "" {
		var err error
		if pattern, err = regexp.Compile(f.metrics); err != nil {
			return usagef("diff: --metrics %s: %v", f.metrics, err)
		}
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return err
	}
	x, y, err := pair(ctx, c, args)
	if err != nil {
		return err
	}
	p := &comparer{app: a, config: c.Config(), all: f.all, strict: f.strict, part: f.part, metrics: pattern}
	if f.code {
		return p.writeCode(ctx, x, y)
	}
	result, err := p.compare(ctx, x, y)
	if err != nil {
		return err
	}
	if err := a.writeDiff(ctx, f, c, result); err != nil {
		return err
	}
	if f.exitCode && differs(result) {
		return quietError{exitDifferent}
	}
	return nil
}

// pair are the two sides: as named, or the newest run and the one before it in its experiment.
func pair(ctx context.Context, c *catalog.Catalog, args []string) (a, b *selected, err error) {
	switch len(args) {
	case 2:
		if a, err = side(ctx, c, args[0]); err == nil {
			b, err = side(ctx, c, args[1])
		}
	case 1:
		if a, err = side(ctx, c, args[0]); err == nil {
			b, err = side(ctx, c, "last")
		}
	default:
		if b, err = side(ctx, c, "last"); err != nil {
			return nil, nil, err
		}
		a, err = before(c, b.entries[0])
	}
	return a, b, err
}

// before is the run before another one in its experiment; what that resumes is no other.
func before(c *catalog.Catalog, e *repo.Entry) (*selected, error) {
	parts := c.Earlier(e)
	for _, other := range c.Entries() {
		if slices.ContainsFunc(parts, func(part *repo.Entry) bool { return part.ID == other.ID }) {
			continue
		}
		if other != e && other.Experiment == e.Experiment && !other.Started.After(e.Started) && other.ID != e.ID {
			return &selected{entries: []*repo.Entry{other}, of: c}, nil
		}
	}
	if len(parts) == 0 {
		return nil, &repo.HintError{
			Err:  &query.NotFoundError{Reason: fmt.Sprintf("there is no run before %s in its experiment to compare it with", e.Title())},
			Hint: "name the two to compare: 'runs diff A B'",
		}
	}
	return nil, &repo.HintError{
		Err:  &query.NotFoundError{Reason: fmt.Sprintf("there is no run before %s in its experiment but its own %d parts", e.Title(), 1+len(parts))},
		Hint: fmt.Sprintf("'runs diff %s %s --part' compares the newest two", format.IDRandom(parts[0].ID), format.IDRandom(e.ID)),
	}
}

// selected is one side of a comparison.
type selected struct {
	entries []*repo.Entry // newest first
	group   string
	of      *catalog.Catalog // of the working tree, or of a revision
}

// side resolves a selector to a run or a group of runs. What repeats another run is no replicate of it.
func side(ctx context.Context, c *catalog.Catalog, selector string) (*selected, error) {
	entries, of, err := c.Select(ctx, selector)
	if err != nil {
		return nil, err
	}
	if len(entries) == 1 {
		return &selected{entries: entries, of: of}, nil
	}
	s := &selected{group: selector, of: of}
	for _, e := range entries {
		if e.Reproduces == "" && e.Status == format.Finished {
			s.entries = append(s.entries, e)
		}
	}
	if len(s.entries) == 0 {
		return nil, &query.NotFoundError{Selector: selector, Reason: "names no finished run"}
	}
	return s, nil
}

// comparer compares what was selected, with all that lies beside the records.
type comparer struct {
	*app
	config      *format.Config
	all, strict bool
	part        bool // a single run is compared without what it resumes
	metrics     *regexp.Regexp
}

func (p *comparer) compare(ctx context.Context, a, b *selected) (*diff.Comparison, error) {
	options := diff.Options{Goal: p.config.GoalIn(append(catalog.Records(a.entries), catalog.Records(b.entries)...)...), Metrics: p.metrics, Strict: p.strict, All: p.all, Level: p.config.Compare.Level, Seeds: p.config.Seeds()}
	x, y := p.side(ctx, a), p.side(ctx, b)
	source, sourceErr := repo.CompareSources(ctx, a.entries[0].Repository(), a.entries[0].Run, b.entries[0].Repository(), b.entries[0].Run, false)
	if sourceErr == nil {
		defer source.Close()
		for _, s := range source.Files {
			change := map[byte]string{'A': "added", 'D': "removed"}[s.Status]
			options.Source = append(options.Source, diff.File{Path: s.Path, Change: cmp.Or(change, "modified"), Added: s.Added, Removed: s.Removed})
		}
	}
	result := diff.Compare(x, y, options)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if sourceErr != nil {
		result.Problems = append(result.Problems, diff.Problem{Kind: diff.SourceUnread, Err: sourceErr})
	}
	return result, nil
}

// side reads what belongs to a side. Of an environment that is not at hand nothing is compared.
func (p *comparer) side(ctx context.Context, s *selected) diff.Side {
	side := diff.Side{Group: s.group}
	alone := p.part && s.group == ""
	chains := map[*format.Run][]*format.Run{}
	inChain := map[*format.Run]bool{}
	for _, chain := range catalog.Chains(s.of.Runs()) {
		chains[chain[0]] = chain
		for _, r := range chain[1:] {
			inChain[r] = true
		}
	}
	for _, e := range s.entries {
		chain := chains[e.Run]
		switch {
		case s.group != "" && inChain[e.Run]:
			continue // counted with the run that resumes it
		case len(chain) > 1 && !alone:
			side.Runs = append(side.Runs, catalog.MergeRecords(chain))
		default:
			side.Runs = append(side.Runs, e.Run)
		}
	}
	first := s.entries[0]
	if len(side.Runs) == 0 {
		side.Runs = []*format.Run{first.Run}
	}
	if first.Environment != nil && first.Environment.Digest != "" {
		side.Environment, _ = first.Repository().Environment(ctx, first.Environment.Digest)
	}
	side.Manifest = func(d format.Dataset) ([]format.ManifestEntry, error) { return first.Repository().Manifest(ctx, d) }
	if s.group == "" {
		if len(chains[first.Run]) > 1 && !alone {
			first = s.of.Whole(first)
		}
		curves, err := first.Curves()
		p.cleanup = append(p.cleanup, curves.Close)
		side.Points = func(key string) ([]format.Point, error) {
			if err != nil {
				return nil, err
			}
			return curves.Points(ctx, key)
		}
	}
	return side
}

func (p *comparer) writeCode(ctx context.Context, a, b *selected) error {
	source, err := repo.CompareSources(ctx, a.entries[0].Repository(), a.entries[0].Run, b.entries[0].Repository(), b.entries[0].Run, true)
	if err != nil {
		return fmt.Errorf("comparing the source: %w", err)
	}
	defer source.Close()
	if len(source.Files) == 0 {
		p.progress("runs: the source is the same")
		return nil
	}
	return p.term.Page(ctx, func(w io.Writer) error {
		if !p.term.OutIsTerminal() {
			return source.WritePatch(ctx, w)
		}
		in, out := io.Pipe()
		go func() { out.CloseWithError(source.WritePatch(ctx, out)) }() // ends with the patch, or when its reader does
		defer func() { _ = in.Close() }()
		return p.writePatch(w, in)
	})
}

func differs(c *diff.Comparison) bool {
	same := func(values []diff.Value) bool {
		return !slices.ContainsFunc(values, func(v diff.Value) bool { return !v.Same(false) })
	}
	return !same(c.Params) || !same(c.Summary) || !same(c.Tags) || !same(c.Attributes) || len(c.Environment) > 0 || len(c.Source.Files) > 0 || c.Source.A != c.Source.B ||
		slices.ContainsFunc(c.Metrics, func(m diff.Metric) bool { return m.Verdict != diff.Same }) ||
		slices.ContainsFunc(c.Datasets, func(d diff.Dataset) bool { return d.A == nil || d.B == nil || d.A.Identity() != d.B.Identity() })
}

func (a *app) writeDiff(ctx context.Context, f *diffFlags, c *catalog.Catalog, result *diff.Comparison) error {
	view := render.Diff{Primary: c.Config().Primary, Only: f.only, Most: 20, Curves: !asciiOnly()}
	if f.all {
		view.Most = 0
	}
	switch {
	case f.asJSON:
		return a.printJSON(diffJSON(result))
	case f.asMarkdown:
		return view.Markdown(a.term.Out, result)
	}
	return a.term.Page(ctx, func(w io.Writer) error { return view.Write(w, a.term, result) })
}

// diffJSON is the comparison as SPEC.md shows it.
func diffJSON(c *diff.Comparison) map[string]any {
	out := map[string]any{
		"a": headJSON(c.A), "b": headJSON(c.B), "params": valuesJSON(c.Params), "summary": valuesJSON(c.Summary), "tags": valuesJSON(c.Tags), "artifacts": valuesJSON(c.Artifacts),
		"attributes": valuesJSON(c.Attributes), "environment": changesJSON(c.Environment), "machine": changesJSON(c.Machine), "variables": changesJSON(c.Variables),
		"problems": texts(c.Problems),
	}
	if len(c.Mixed) > 0 {
		out["mixed"] = c.Mixed
	}
	metrics := []any{}
	for _, m := range c.Metrics {
		one := map[string]any{"key": m.Key, "verdict": string(m.Verdict)}
		set := func(key string, v float64) {
			if !math.IsNaN(v) {
				one[key] = v
			}
		}
		set("delta", m.Delta)
		set("relative", m.Relative)
		set("p", m.P)
		if m.Goal != "" {
			one["goal"] = m.Goal
		}
		if m.Why != "" {
			one["why"] = string(m.Why)
		}
		if m.Interval != nil {
			one["interval"] = []any{m.Interval[0], m.Interval[1]}
		}
		for side, l := range map[string]*diff.Level{"a": m.A, "b": m.B} {
			if l != nil {
				one[side] = levelJSON(l)
			}
		}
		if m.Curve != nil {
			one["curve"] = map[string]any{"same": m.Curve.Sameness == diff.Identical, "common": int64(m.Curve.Common), "relative": m.Curve.Relative, "step": m.Curve.Step}
		}
		metrics = append(metrics, one)
	}
	out["metrics"] = metrics
	sets := []any{}
	for _, d := range c.Datasets {
		one := map[string]any{"name": d.Name}
		if d.A != nil {
			one["a"] = d.A.Identity()
		}
		if d.B != nil {
			one["b"] = d.B.Identity()
		}
		if d.Files != nil {
			files := []any{}
			for _, f := range d.Files {
				file := map[string]any{"path": f.Path, "change": f.Change}
				if f.From != "" {
					file["from"] = f.From
				}
				files = append(files, file)
			}
			one["files"] = files
		}
		sets = append(sets, one)
	}
	out["datasets"] = sets
	files := []any{}
	for _, f := range c.Source.Files {
		file := map[string]any{"path": strings.ToValidUTF8(f.Path, "\ufffd"), "change": f.Change}
		if f.Added >= 0 {
			file["added"], file["removed"] = f.Added, f.Removed
		}
		files = append(files, file)
	}
	out["source"] = map[string]any{"a": c.Source.A, "b": c.Source.B, "files": files}
	return out
}

func texts(problems []diff.Problem) []string {
	list := make([]string, len(problems))
	for i, p := range problems {
		list[i] = p.String()
	}
	return list
}

func levelJSON(l *diff.Level) map[string]any {
	one := map[string]any{"last": l.Last, "best": l.Best, "n": int64(l.N)}
	if l.HasStep && l.N == 1 {
		one["step"] = l.BestStep
	}
	if !math.IsNaN(l.SD) {
		one["sd"] = l.SD
	}
	return one
}

func headJSON(h diff.Head) map[string]any {
	if h.Group != "" {
		return map[string]any{"group": h.Group, "runs": h.Runs}
	}
	one := map[string]any{"id": h.ID}
	if h.Name != "" {
		one["name"] = h.Name
	}
	return one
}

func valuesJSON(values []diff.Value) []any {
	list := []any{}
	for _, v := range values {
		one := map[string]any{"key": v.Key}
		for side, x := range map[string]any{"a": v.A, "b": v.B} {
			switch x {
			case nil:
			case diff.None:
				one[side] = nil
			default:
				one[side] = x
			}
		}
		list = append(list, one)
	}
	return list
}

func changesJSON(changes []diff.Change) []any {
	list := []any{}
	for _, c := range changes {
		one := map[string]any{"key": c.Key}
		if c.A != "" {
			one["a"] = c.A
		}
		if c.B != "" {
			one["b"] = c.B
		}
		list = append(list, one)
	}
	return list
}

// exactly matches one metric and no other.
func exactly(metric string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.QuoteMeta(metric) + "$")
}
