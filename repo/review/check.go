package review

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Outcome says whether one rule is met, and what was found.
type Outcome struct {
	Rule    string // min_runs, baseline, the name of a metric, or what the rule requires of each run
	OK      bool
	Finding Finding // of kind None if a requirement is met

	Value    float64      // best value of the metric, for a finding of kind HasValue
	Compared *diff.Metric // comparison with the baseline, for a finding of kind Compared
	Worse    float64      // how much worse than the baseline the metric is; 0 or less if it is not worse
	Allowed  float64      // how much worse it may be
	Percent  bool         // Allowed is a percentage of the value of the baseline
}

// Check checks whether a run, or a group of replicates, meets the rules. A rule may give several outcomes: one for
// the number of runs, one for a metric, and one for each requirement.
func Check(ctx context.Context, c *catalog.Catalog, subject *Side, rules []format.Check) ([]Outcome, error) {
	var outcomes []Outcome
	for _, rule := range rules {
		more, err := checkRule(ctx, c, subject, rule)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, more...)
	}
	return outcomes, nil
}

func checkRule(ctx context.Context, c *catalog.Catalog, subject *Side, rule format.Check) ([]Outcome, error) {
	var outcomes []Outcome
	if n := len(subject.Entries); rule.MinRuns > 0 {
		found := Finding{Kind: RunCount, Count: n, Of: int(rule.MinRuns)}
		outcomes = append(outcomes, Outcome{Rule: "min_runs", OK: int64(n) >= rule.MinRuns, Finding: found})
	}
	var comparison *diff.Comparison
	if rule.Baseline != "" {
		baseline, err := Select(ctx, c, rule.Baseline)
		var none *query.NotFoundError
		switch {
		case errors.As(err, &none):
			return append(outcomes, Outcome{Rule: "baseline", Finding: Finding{Kind: NoBaseline, Name: rule.Baseline}}), nil
		case err != nil:
			return nil, err
		}
		comparison = compareRecords(ctx, c, baseline, subject)
	}
	if rule.Metric != "" {
		outcomes = append(outcomes, checkMetric(ctx, c, subject, comparison, rule))
	}
	for _, name := range rule.Require {
		found, err := require(ctx, subject, comparison, rule.Paths, name)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, Outcome{Rule: name, OK: found.Kind == None, Finding: found})
	}
	return outcomes, nil
}

// compareRecords compares everything that is recorded about two sides, except their source.
func compareRecords(ctx context.Context, c *catalog.Catalog, a, b *Side) *diff.Comparison {
	config := c.Config()
	x, release := a.read(ctx, false)
	defer release()
	y, release := b.read(ctx, false)
	defer release()
	return diff.Compare(x, y, diff.Options{Goal: c.Goal, All: true, Level: config.Compare.Level, Seeds: config.Seeds()})
}

// checkMetric checks a metric against the value of the baseline. Without a baseline, the metric only needs a value.
func checkMetric(
	ctx context.Context, c *catalog.Catalog, subject *Side, comparison *diff.Comparison, rule format.Check,
) Outcome {
	o := Outcome{Rule: rule.Metric}
	if comparison == nil {
		m, ok := subject.catalog.Whole(ctx, subject.Entries[0]).Metric(rule.Metric)
		if !ok {
			o.Finding.Kind = NoValue
			return o
		}
		o.OK, o.Finding.Kind = !math.IsNaN(m.Last), HasValue
		o.Value = query.Best(m, c.Goal(rule.Metric))
		return o
	}
	i := slices.IndexFunc(comparison.Metrics, func(m diff.Metric) bool { return m.Key == rule.Metric })
	if i < 0 {
		o.Finding.Kind = NoMetric
		return o
	}
	m := &comparison.Metrics[i]
	switch {
	case m.B == nil:
		o.Finding.Kind = NoMetricOfRun
	case m.A == nil:
		o.Finding.Kind = NoMetricOfBaseline
	case math.IsNaN(m.Delta):
		o.Finding.Kind = NotANumber
	case m.Goal == "":
		o.Finding = Finding{Kind: NoGoal, Name: rule.Metric}
	case len(comparison.Mixed) > 0:
		o.Finding = Finding{Kind: MixedGroup, Keys: comparison.Mixed}
	default:
		o.Finding.Kind, o.Compared = Compared, m
		o.Worse, o.Allowed, o.Percent = m.Delta, rule.MaxRegression, rule.Percent
		if m.Goal == format.GoalMax {
			o.Worse = -m.Delta
		}
		limit := rule.MaxRegression
		if rule.Percent {
			limit = rule.MaxRegression / 100 * math.Abs(m.A.Best)
		}
		o.OK = o.Worse <= limit
	}
	return o
}

// require checks one requirement of format.RequireNames, and returns a finding if it is not met. The only error is
// that of the context.
func require(ctx context.Context, subject *Side, c *diff.Comparison, paths []string, name string) (Finding, error) {
	switch name {
	case "current":
		return notCurrent(ctx, subject, paths)
	case "same_data":
		if findings := otherData(c); len(findings) > 0 {
			return findings[0], nil
		}
		return Finding{}, nil
	}
	for _, e := range subject.Entries {
		found := Finding{}
		switch {
		case name == "restorable":
			found = notRestorable(e)
		case e.Source == nil: // clean
			found = Finding{Kind: SourceUnknown, Run: e.Run}
		default:
			found = uncommitted(e)
		}
		if found.Kind != None {
			return found, nil
		}
	}
	return Finding{}, nil
}
