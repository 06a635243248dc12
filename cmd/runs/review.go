package main

import (
	"context"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/review"
	"github.com/gitruns/runs/repo/view"
)

type reviewFlags struct {
	review.Request
	experiment         string
	page               string // the file of --html
	force              bool
	asMarkdown, asJSON bool
}

func (a *app) reviewCommand() *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use:   "review [BASE] [flags]",
		Short: "Report what the runs of this branch change",
		Long: `Report the runs that this branch added since it diverged from BASE, compared with a
baseline: which runs are better, what changed, and warnings for the reviewer.
Without BASE, use the remote's default branch. The baseline is the best run of BASE
by the primary metric, or the run named by --baseline.

    runs review origin/main
    runs review --markdown > comment.md
    runs review origin/main --html review.html

Replicates, that is, runs that differ only in their seed, share one line.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.Base = args[0]
			}
			return a.review(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Baseline, "baseline", "", "compare with `SELECTOR` of BASE instead of its best run")
	flags.StringVar(&f.Metric, "metric", "", "compare by `METRIC` instead of the primary metric")
	flags.BoolVar(&f.asMarkdown, "markdown", false, "print Markdown for a comment")
	flags.StringVar(&f.page, "html", "", "write a page with the review and its runs to `FILE.html` or into DIR/")
	flags.BoolVar(&f.force, "force", false, "with --html, replace a page that is not an export")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "report only runs of `EXPERIMENT`")
	return cmd
}

func (a *app) review(ctx context.Context, f *reviewFlags) error {
	if f.asMarkdown && f.asJSON {
		return usagef("review: --json and --markdown cannot be combined")
	}
	if f.page != "" && (f.asMarkdown || f.asJSON) {
		return usagef("review: --html cannot be combined with --json or --markdown")
	}
	if f.force && f.page == "" {
		return usagef("review: --force requires --html")
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	if err := misspeltInCI(r); err != nil {
		return err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return err
	}
	report, err := review.Review(ctx, c, f.Request)
	if err != nil {
		return err
	}
	if f.page != "" {
		return a.reviewPage(ctx, r, f, report)
	}
	shown := render.Review{Report: report}
	switch {
	case f.asJSON:
		return a.printJSON(shown.JSON())
	case f.asMarkdown:
		return shown.Markdown(a.term.Out)
	}
	return a.term.Page(ctx, func(w io.Writer) error { return shown.Write(w, a.term) })
}

// reviewPage writes a review, the runs in it and their comparisons as a page.
func (a *app) reviewPage(ctx context.Context, r *repo.Repository, f *reviewFlags, report *review.Report) error {
	target, err := a.exportTo("review: --html", f.page)
	if err != nil {
		return err
	}
	if err := target.mayReplace(f.force); err != nil {
		return err
	}
	what := web.ExportOptions{Folder: target.folder != "", Review: url.Values{}, Pairs: [][]string{}}
	for name, value := range map[string]string{"base": report.Base, "baseline": f.Baseline, "metric": f.Metric} {
		if value != "" {
			what.Review.Set(name, value)
		}
	}
	o := view.Options{
		Experiment: selectIn(f.experiment).Experiment,
		Export:     &view.ExportOptions{Also: []string{report.Base}, IDs: []string{}},
	}
	add := func(side *review.Side) { o.Export.IDs = append(o.Export.IDs, side.IDs()...) }
	if report.Baseline != nil {
		add(report.Baseline)
	}
	for _, g := range report.Groups {
		add(g.Side)
		if b := report.Baseline; b != nil && len(g.Entries) == 1 && len(what.Pairs) < maxReviewPairs {
			what.Pairs = append(what.Pairs, []string{b.Entries[0].ID, g.Entries[0].ID})
		}
	}
	return a.exportView(ctx, r, o, what, target)
}

// maxReviewPairs is how many of the best runs of a branch are compared with the baseline in a page.
const maxReviewPairs = 20
