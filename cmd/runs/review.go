package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/repo/review"
)

type reviewFlags struct {
	review.Request
	experiment         string
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
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "report only runs of `EXPERIMENT`")
	return cmd
}

func (a *app) review(ctx context.Context, f *reviewFlags) error {
	if f.asMarkdown && f.asJSON {
		return usagef("review: --json and --markdown cannot be combined")
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
	view := render.Review{Report: report}
	switch {
	case f.asJSON:
		return a.printJSON(view.JSON())
	case f.asMarkdown:
		return view.Markdown(a.term.Out)
	}
	return a.term.Page(ctx, func(w io.Writer) error { return view.Write(w, a.term) })
}
