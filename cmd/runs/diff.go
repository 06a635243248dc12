package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/review"
	"github.com/gitruns/runs/repo/share"
)

type diffFlags struct {
	only                                            []string
	metrics, experiment                             string
	all, code, strict, exitCode, asJSON, asMarkdown bool
	part                                            bool
	value, selectBy                                 string
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff [A [B]] [flags]",
		Short: "Compare two runs or two groups of seeds",
		Long: `Compare run A with run B: which metrics improved, and what changed between them.
Without B, compare A with the newest run. Without either, compare the newest run
with the previous run of its experiment.

    runs diff wide narrow
    runs diff group=small group=large
    runs diff best=rmse --code

Only differences are shown. A selector that names several runs compares groups of
seeds: their means, tested at the level set in [compare]. A verdict on single runs
is marked "1 run each": such a difference may be noise. Runs that failed or ended
in NaN are named; a group that lost runs is never better.

Compared is the last value of each run. --value best takes the best, and
--value at-best --select-by METRIC the one at the step where METRIC is best.

A run and the runs that it resumes are compared as one. Use --part to compare each
run on its own:

    runs diff last~1 last --part

Exit status: 0 done; 1 failed; 2 wrong usage; 3 a selector names no run; with
--exit-code 4 if something differs.`,
		Args: arguments(0, 2, ""),
		RunE: func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "show only these `PARTS`: "+strings.Join(render.DiffParts, ", "))
	flags.StringVar(&f.metrics, "metrics", "", "compare only metrics that match `REGEX`")
	flags.StringVar(&f.value, "value", "", "compare this `VALUE` of each run: "+strings.Join(format.CompareValues, ", "))
	flags.StringVar(&f.selectBy, "select-by", "", "with --value at-best, the `METRIC` whose best step counts")
	flags.BoolVar(&f.all, "all", false, "also show equal values, and show long parts in full")
	flags.BoolVar(&f.code, "code", false, "show how the source differs, as a patch")
	flags.BoolVar(&f.part, "part", false, "compare A and B without the runs that they resume")
	flags.BoolVar(&f.strict, "strict", false, "treat 1 and 1.0 as different params")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 4 if something differs")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.asMarkdown, "markdown", false, "print Markdown for a comment")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) diff(ctx context.Context, f *diffFlags, args []string) error {
	if b2i(f.asJSON)+b2i(f.asMarkdown)+b2i(f.code) > 1 {
		return usagef("diff: --json, --markdown and --code cannot be combined")
	}
	for _, part := range f.only {
		if !slices.Contains(render.DiffParts, part) {
			return usagef("diff: --only must be one of %s, got %q", strings.Join(render.DiffParts, ", "), part)
		}
	}
	if f.selectBy != "" && f.value == "" {
		f.value = format.ValueAtBest
	}
	if err := checkValue(f.value, f.selectBy); err != nil {
		return err
	}
	options := review.Options{All: f.all, Strict: f.strict, Part: f.part, Value: f.value, SelectBy: f.selectBy}
	if f.metrics != "" {
		var err error
		if options.Metrics, err = regexp.Compile(f.metrics); err != nil {
			return usagef("diff: --metrics must be a regular expression: %v", err)
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
	x, y, err := review.Pair(ctx, c, args)
	if err != nil {
		return err
	}
	share.FetchShared(ctx, r, append(slices.Clip(x.Entries), y.Entries...))
	if f.code {
		return a.writeCode(ctx, x, y)
	}
	result, err := review.Compare(ctx, x, y, options)
	if err != nil {
		return err
	}
	view := render.Diff{Primary: c.Config().Primary, Only: f.only, Most: 20, Curves: !asciiOnly()}
	if f.all {
		view.Most = 0
	}
	switch {
	case f.asJSON:
		err = a.printJSON(render.NewDiffJSON(result))
	case f.asMarkdown:
		err = view.Markdown(a.term.Out, result)
	default:
		err = a.term.Page(ctx, func(w io.Writer) error { return view.Write(w, a.term, result) })
	}
	if err == nil && f.exitCode && review.Differs(result) {
		err = quietError{exitDifferent}
	}
	return err
}

// checkValue checks --value and --select-by.
func checkValue(value, selectBy string) error {
	switch {
	case value != "" && !slices.Contains(format.CompareValues, value):
		return usagef("diff: --value must be one of %s, got %q", strings.Join(format.CompareValues, ", "), value)
	case value == format.ValueAtBest && selectBy == "":
		return usagef("diff: --value at-best requires --select-by")
	case value != format.ValueAtBest && selectBy != "":
		return usagef("diff: --select-by requires --value at-best")
	}
	return nil
}

// writeCode writes the difference between the sources of two runs as a patch.
func (a *app) writeCode(ctx context.Context, x, y *review.Side) error {
	source, err := review.CompareSources(ctx, x, y, true)
	if err != nil {
		return fmt.Errorf("comparing the source: %w", err)
	}
	defer source.Close()
	if len(source.Files) == 0 {
		a.progress("runs: the source is the same")
		return nil
	}
	if !a.term.OutIsTerminal() {
		return source.WritePatch(ctx, a.term.Data())
	}
	return a.term.Page(ctx, func(w io.Writer) error {
		in, out := io.Pipe()
		go func() { out.CloseWithError(source.WritePatch(ctx, out)) }() // ends when the patch or its reader does
		defer func() { _ = in.Close() }()
		return a.writePatch(w, in)
	})
}
