package review

import (
	"context"
	"errors"
	"math/big"
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

	Value    float64      // compared value of the metric, for a finding of kind HasValue
	Compared *diff.Metric // comparison with the baseline, for a finding of kind Compared
	Lost     []diff.Lost  // runs of the subject that are lost: the rule of the metric is then not met
	Worse    float64      // how much worse than the baseline the metric is; 0 or less if it is not worse
	Allowed  float64      // how much worse it may be, as the rule says
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
	if rule.Model != "" {
		return checkModel(ctx, c, rule)
	}
	var outcomes []Outcome
	if rule.MinRuns > 0 {
		n := countedRuns(ctx, subject, rule.Metric)
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
		if comparison, err = compareRecords(ctx, c, baseline, subject, rule.Metric); err != nil {
			return nil, err
		}
	}
	if rule.Metric != "" {
		outcome, err := checkMetric(ctx, c, subject, comparison, rule)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, outcome)
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

// countedRuns returns the number of runs that count. If the rule has a metric, a run without a finite value does not.
func countedRuns(ctx context.Context, subject *Side, metric string) int {
	side, release := subject.records(ctx, false)
	defer release()
	n := 0
	for _, r := range side.Runs {
		if loss := diff.LossOf(r, metric); metric == "" || loss != diff.NaN && loss != diff.Infinite && loss != diff.NoValue {
			n++
		}
	}
	return n
}

// compareRecords compares everything that is recorded about two sides, except their source. The metric of the rule is
// tested alone.
func compareRecords(ctx context.Context, c *catalog.Catalog, a, b *Side, metric string) (*diff.Comparison, error) {
	options, err := comparing(c, Options{All: true}, c.Goal,
		slices.Concat(catalog.Records(a.Entries), catalog.Records(b.Entries)))
	if err != nil {
		return nil, err
	}
	options.Primary = metric
	x, release := a.read(ctx, false)
	defer release()
	y, release := b.read(ctx, false)
	defer release()
	x.Points, y.Points = nil, nil
	return diff.Compare(x, y, options), nil
}

// checkMetric checks a metric against the value of the baseline. Without a baseline, the metric only needs a value in
// each run.
func checkMetric(ctx context.Context, c *catalog.Catalog, subject *Side, comparison *diff.Comparison,
	rule format.Check,
) (Outcome, error) {
	o := Outcome{Rule: rule.Metric}
	if e := subject.Entries[0]; subject.Group == "" && e.Status != format.Finished && e.Status != format.Running {
		o.Lost = []diff.Lost{{Run: e.Run, Why: diff.Loss(e.Status)}}
	}
	if comparison == nil {
		level, err := subject.level(ctx, c, rule.Metric)
		switch {
		case err != nil:
			return o, err
		case level == nil:
			o.Finding.Kind = NoValue
		default:
			o.lost(level)
			o.OK, o.Finding.Kind, o.Value = level.N > 0 && len(o.Lost) == 0, HasValue, level.Value
		}
		return o, nil
	}
	i := slices.IndexFunc(comparison.Metrics, func(m diff.Metric) bool { return m.Key == rule.Metric })
	if i < 0 {
		o.Finding.Kind = NoMetric
		return o, nil
	}
	o.compared(&comparison.Metrics[i], comparison.Mixed, rule)
	return o, nil
}

// level summarizes a metric of the side. It is nil if no run has the metric.
func (s *Side) level(ctx context.Context, c *catalog.Catalog, metric string) (*diff.Level, error) {
	options, err := comparing(c, Options{}, c.Goal, catalog.Records(s.Entries))
	if err != nil {
		return nil, err
	}
	side, release := s.records(ctx, false)
	defer release()
	goal := c.Goal(metric)
	level, _ := side.Level(metric, goal, options.Choice(metric, goal))
	return level, ctx.Err()
}

// lost keeps the runs of the subject that are lost for good.
func (o *Outcome) lost(level *diff.Level) {
	for _, r := range level.Lost {
		if !r.Why.Pending() {
			o.Lost = append(o.Lost, r)
		}
	}
}

// compared checks the comparison of a metric with the baseline. A lost run counts as worse than every limit.
func (o *Outcome) compared(m *diff.Metric, mixed []string, rule format.Check) {
	switch {
	case m.B == nil:
		o.Finding.Kind = NoMetricOfRun
		return
	case m.A == nil:
		o.Finding.Kind = NoMetricOfBaseline
		return
	}
	o.lost(m.B)
	switch {
	case m.A.N == 0 || m.B.N == 0:
		o.Finding.Kind = NotANumber
	case m.Goal == "":
		o.Finding = Finding{Kind: NoGoal, Name: rule.Metric}
	case len(mixed) > 0:
		o.Finding = Finding{Kind: MixedGroup, Keys: mixed}
	default:
		o.Finding.Kind, o.Compared = Compared, m
		o.Allowed, o.Percent = rule.MaxRegression, rule.Percent
		worse, within := regression(m, rule)
		o.Worse, o.OK = worse, within && len(o.Lost) == 0
	}
}

// regression returns how much worse the subject is than the baseline, and whether the rule allows it. It computes
// exactly, with the decimals as they were written: 2% of 1 allow 1.02, which floats do not.
func regression(m *diff.Metric, rule format.Check) (worse float64, within bool) {
	baseline := format.MeanDecimal(m.A.Values)
	limit := format.Decimal(rule.MaxRegression)
	difference := format.MeanDecimal(m.B.Values)
	difference.Sub(difference, baseline)
	if m.Goal == format.GoalMax {
		difference.Neg(difference)
	}
	if rule.Percent {
		limit.Mul(limit, baseline.Abs(baseline))
		limit.Quo(limit, big.NewRat(100, 1))
	}
	worse, _ = difference.Float64()
	return worse, difference.Cmp(limit) <= 0
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
