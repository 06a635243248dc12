package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

func (a *app) checkCommand() *cobra.Command {
	var baseline, experiment string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [RUN|GROUP] [flags]",
		Short: "Hold a run to the project's rules: the gate of a pull request",
		Long: `Hold a run, or a group of seeds, to every [[check]] of .runs/config.toml. Without RUN, the newest finished one.

    [[check]]
    metric = "rmse"
    baseline = "origin/main:best(rmse)"
    max_regression = "1%"
    require = ["restorable", "current"]

A line a rule says whether it holds. Under GitHub Actions a rule that fails is an annotation too, and all stand in the
summary of the job.

Exit status: 0 all hold; 1 failed; 2 wrong usage; 3 a selector names no run; 4 a rule does not hold.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.checkRules(cmd.Context(), args, baseline, experiment, asJSON)
		},
		ValidArgsFunction: a.completeRun,
	}
	cmd.Flags().StringVar(&baseline, "baseline", "", "compare with `SELECTOR` instead of what the rules name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list of the rules and their outcomes as JSON")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

// outcome is what became of one rule.
type outcome struct {
	rule, message string
	ok            bool
}

func (a *app) checkRules(ctx context.Context, args []string, baseline, experiment string, asJSON bool) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	c, err := a.collect(ctx, r, experiment)
	if err != nil {
		return err
	}
	if len(c.Config().Checks) == 0 {
		return &repo.HintError{Err: errors.New("checking: .runs/config.toml has no [[check]]"), Hint: "'runs check --help' shows one"}
	}
	subject, err := subject(ctx, c, args)
	if err != nil {
		return err
	}
	var outcomes []outcome
	for _, rule := range c.Config().Checks {
		if baseline != "" {
			rule.Baseline = baseline
		}
		more, err := a.holds(ctx, c, subject, rule)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, more...)
	}
	return a.sayOutcomes(subject, outcomes, asJSON)
}

// subject is what is checked: as named, else the newest finished run.
func subject(ctx context.Context, c *catalog.Catalog, args []string) (*selected, error) {
	if len(args) == 1 {
		return side(ctx, c, args[0])
	}
	for _, e := range c.Entries() {
		if e.Status == format.Finished && c.InScope(e.Run) {
			return &selected{entries: []*repo.Entry{e}, of: c}, nil
		}
	}
	return nil, &query.NotFoundError{Selector: "last", Reason: "names no finished run"}
}

// holds checks one rule, which may speak of a metric, a number of runs and what is required of each.
func (a *app) holds(ctx context.Context, c *catalog.Catalog, subject *selected, rule format.Check) ([]outcome, error) {
	var outcomes []outcome
	add := func(name string, ok bool, format string, args ...any) {
		outcomes = append(outcomes, outcome{name, fmt.Sprintf(format, args...), ok})
	}
	if rule.MinRuns > 0 {
		add("min_runs", int64(len(subject.entries)) >= rule.MinRuns, "%d of %d runs", len(subject.entries), rule.MinRuns)
	}
	var comparison *diff.Comparison
	if rule.Baseline != "" {
		base, err := side(ctx, c, rule.Baseline)
		var none *query.NotFoundError
		switch {
		case errors.As(err, &none):
			add("baseline", false, "%s names no run", rule.Baseline)
			return outcomes, nil
		case err != nil:
			return nil, err
		}
		p := &comparer{app: a, config: c.Config(), all: true}
		comparison = diff.Compare(p.side(ctx, base), p.side(ctx, subject), diff.Options{Goal: c.Goal, All: true, Level: c.Config().Compare.Level, Seeds: c.Config().Seeds()})
	}
	if rule.Metric != "" {
		o := a.regression(c, subject, comparison, rule)
		outcomes = append(outcomes, o)
	}
	for _, name := range rule.Require {
		ok, message, err := required(ctx, subject, comparison, rule, name)
		if err != nil {
			return nil, err
		}
		add(name, ok, "%s", message)
	}
	return outcomes, nil
}

// regression checks a metric against the baseline; without one, that it has a value.
func (a *app) regression(c *catalog.Catalog, subject *selected, comparison *diff.Comparison, rule format.Check) outcome {
	o := outcome{rule: rule.Metric}
	if comparison == nil {
		m, ok := subject.entries[0].Metrics[rule.Metric]
		o.ok = ok && !math.IsNaN(m.Last)
		o.message = "has no value"
		if ok {
			o.message = terminal.Number(query.Best(m, c.Goal(rule.Metric)))
		}
		return o
	}
	i := slices.IndexFunc(comparison.Metrics, func(m diff.Metric) bool { return m.Key == rule.Metric })
	if i < 0 {
		o.message = "neither the run nor the baseline has it"
		return o
	}
	m := comparison.Metrics[i]
	switch {
	case m.B == nil:
		o.message = "the run does not have it"
		return o
	case m.A == nil:
		o.message = "the baseline does not have it"
		return o
	case math.IsNaN(m.Delta):
		o.message = "is not a number"
		return o
	case m.Goal == "":
		o.message = "has no goal: 'runs goal " + rule.Metric + " min' or max sets one"
		return o
	case len(comparison.Mixed) > 0:
		o.message = "no verdict: within a group differ " + strings.Join(comparison.Mixed, ", ")
		return o
	}
	worse := m.Delta
	if m.Goal == format.GoalMax {
		worse = -worse
	}
	limit, allowed := rule.MaxRegression, terminal.Number(rule.MaxRegression)
	if rule.Percent {
		limit, allowed = rule.MaxRegression/100*math.Abs(m.A.Best), terminal.Number(rule.MaxRegression)+"%"
	}
	o.ok = worse <= limit
	o.message = fmt.Sprintf("%s, baseline %s: %s", terminal.Number(m.B.Best), terminal.Number(m.A.Best), render.VerdictText(m))
	if worse > 0 {
		o.message += fmt.Sprintf("; worse by %s, allowed are %s", terminal.Number(worse), allowed)
	}
	return o
}

// required checks what every run must be.
func required(ctx context.Context, subject *selected, comparison *diff.Comparison, rule format.Check, name string) (bool, string, error) {
	switch name {
	case "same_data":
		for _, d := range comparison.Datasets {
			if d.A == nil || d.B == nil || d.A.Identity() != d.B.Identity() {
				return false, "dataset " + d.Name + " is not that of the baseline", nil
			}
		}
		return true, "the data is that of the baseline", nil
	case "current":
		return isCurrent(ctx, subject, rule.Paths)
	}
	for _, e := range subject.entries {
		s := e.Source
		if name == "clean" && (s == nil || s.Dirty) {
			return false, e.Title() + " was recorded with changes that are not committed", nil
		}
		if name == "restorable" {
			if missing := s.Missing(); missing != "" {
				return false, e.Title() + " cannot be fully restored: " + missing, nil
			}
		}
	}
	return true, map[string]string{"clean": "recorded from a commit", "restorable": "the source comes back"}[name], nil
}

func isCurrent(ctx context.Context, subject *selected, paths []string) (bool, string, error) {
	for _, e := range subject.entries {
		if e.Source == nil || e.Source.Tree == "" {
			return false, "the source of " + e.Title() + " was not recorded", nil
		}
		behind, err := subject.of.Repository().BehindHead(ctx, e.Run, paths)
		if err != nil {
			if ctx.Err() != nil {
				return false, "", ctx.Err()
			}
			return false, err.Error(), nil
		}
		if len(behind) > 0 {
			return false, fmt.Sprintf("the code changed since %s ran: %d files, %s", e.Title(), len(behind), behind[0]), nil
		}
	}
	return true, "the code is that of the run", nil
}

func (a *app) sayOutcomes(subject *selected, outcomes []outcome, asJSON bool) error {
	failed := 0
	list := []any{}
	for _, o := range outcomes {
		if !o.ok {
			failed++
		}
		list = append(list, map[string]any{"rule": o.rule, "ok": o.ok, "message": o.message})
		if asJSON {
			continue
		}
		word := a.term.Paint(terminal.Green, "ok    ")
		if !o.ok {
			word = a.term.Paint(terminal.Red, "failed")
		}
		a.print("%s  %s: %s", word, terminal.Clean(o.rule), terminal.Clean(o.message))
	}
	if asJSON {
		if err := a.printJSON(list); err != nil {
			return err
		}
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		if err := a.tellGitHub(subject, outcomes); err != nil {
			return err
		}
	}
	if failed > 0 {
		return quietError{exitDifferent}
	}
	return nil
}

// tellGitHub writes workflow commands and the summary of the job, see
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func (a *app) tellGitHub(subject *selected, outcomes []outcome) error {
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	title := subject.group
	if title == "" {
		title = subject.entries[0].Title()
	}
	summary := "### runs check: " + render.Code(title) + "\n\n| | rule | |\n|---|---|---|\n"
	for _, o := range outcomes {
		mark := "✅"
		if !o.ok {
			mark = "❌"
			fmt.Fprintf(a.term.Err, "::error title=runs check::%s\n", escape.Replace(terminal.Clean(o.rule+": "+o.message)))
		}
		summary += fmt.Sprintf("| %s | %s | %s |\n", mark, render.Code(o.rule), render.Escape(o.message))
	}
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("writing the summary of the job: %w", err)
	}
	_, err = f.WriteString(summary + "\n")
	return errors.Join(err, f.Close())
}
