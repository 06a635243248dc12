package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/review"
)

type checkFlags struct {
	baseline, experiment string
	asJSON               bool
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [RUN|GROUP] [flags]",
		Short: "Check a run against the project's rules",
		Long: `Check a run, or a group of seeds, against every [[check]] rule in
.runs/config.toml. Without RUN, check the newest finished run.

    [[check]]
    metric = "rmse"
    baseline = "origin/main:best=rmse"
    max_regression = "1%"
    require = ["restorable", "current"]

Prints one line per rule. A rule with a metric does not hold if a run failed,
crashed or ended in NaN. In GitHub Actions, each failed rule also becomes an
annotation, and all rules appear in the job summary.

Exit status: 0 all rules hold; 1 failed; 2 wrong usage; 3 a selector names no run;
4 a rule does not hold.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error { return a.checkRules(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "compare with `SELECTOR` instead of the baselines in the rules")
	flags.BoolVar(&f.asJSON, "json", false, "print the rules and their outcomes as JSON")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) checkRules(ctx context.Context, f *checkFlags, args []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	if err := misspelt(r); err != nil {
		return err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return err
	}
	rules := slices.Clone(c.Config().Checks)
	if len(rules) == 0 {
		return &repo.HintError{
			Err:  errors.New("checking: .runs/config.toml has no [[check]] rule"),
			Hint: "run 'runs check --help' to see an example",
		}
	}
	for i := range rules {
		if f.baseline != "" {
			rules[i].Baseline = f.baseline
		}
	}
	subject, err := review.NewestFinished(c)
	if len(args) == 1 {
		subject, err = review.Select(ctx, c, args[0])
	}
	if err != nil {
		return err
	}
	outcomes, err := review.Check(ctx, c, subject, rules)
	if err != nil {
		return err
	}
	settings, err := review.BranchSettingChanges(ctx, r)
	if err != nil {
		return err
	}
	for _, f := range settings {
		a.warn("%s", render.Finding(f))
	}
	if err := a.writeOutcomes(render.Check{Title: subject.Title(), Outcomes: outcomes}, f.asJSON); err != nil {
		return err
	}
	if slices.ContainsFunc(outcomes, func(o review.Outcome) bool { return !o.OK }) {
		return quietError{exitDifferent}
	}
	return nil
}

func (a *app) writeOutcomes(view render.Check, asJSON bool) error {
	var err error
	if asJSON {
		err = a.printJSON(view.JSON())
	} else {
		err = view.Write(a.term.Out, a.term)
	}
	if err != nil || os.Getenv("GITHUB_ACTIONS") != "true" {
		return err
	}
	if err := view.GitHubAnnotations(a.term.Commands()); err != nil {
		return err
	}
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("writing the job summary: %w", err)
	}
	return errors.Join(view.GitHubSummary(f), f.Close())
}
