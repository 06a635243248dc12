package review

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Options say what to compare.
type Options struct {
	Metrics *regexp.Regexp // compare only the metrics that match; if nil, all
	All     bool           // also list what is equal
	Strict  bool           // 1 and 1.0 are different params
	Part    bool           // compare a single run without the runs that it resumes
	// Value and SelectBy choose the value of each run that is compared, as format.CheckCompareValue says. If Value is
	// empty, the settings and the runs choose.
	Value, SelectBy string
	// Share is how many comparisons share the level of the tests, each with an equal part of it. 0 counts as 1.
	Share int
}

// Compare compares two sides, including their source, data, environment and points. If one of these cannot be
// compared, it adds a problem to the comparison. It returns an error if the metric to select by has no goal, and that
// of the context.
func Compare(ctx context.Context, a, b *Side, o Options) (*diff.Comparison, error) {
	records := slices.Concat(catalog.Records(a.Entries), catalog.Records(b.Entries))
	has := func(r *format.Run) bool { _, ok := r.Metric(o.SelectBy); return ok }
	if o.SelectBy != "" && !slices.ContainsFunc(records, has) {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("comparing at the best %s: none of the runs has this metric", o.SelectBy),
			Hint: "name another metric with --select-by",
		}
	}
	options, err := comparing(a.catalog, o, a.catalog.Config().GoalIn(records...), records)
	if err != nil {
		return nil, err
	}
	return compare(ctx, a, b, o.Part, options)
}

// CompareRecords compares what is recorded about two sides: it leaves out their source, the files of their data, and
// how their curves differ. It reads points only to compare the values at the best step of a metric. The errors are
// those of Compare.
func CompareRecords(ctx context.Context, a, b *Side, o Options) (*diff.Comparison, error) {
	records := slices.Concat(catalog.Records(a.Entries), catalog.Records(b.Entries))
	options, err := comparing(a.catalog, o, a.catalog.Config().GoalIn(records...), records)
	if err != nil {
		return nil, err
	}
	x, release := a.read(ctx, o.Part)
	defer release()
	y, release := b.read(ctx, o.Part)
	defer release()
	for _, s := range []*diff.Side{&x, &y} {
		s.Points, s.Manifest = nil, nil
	}
	return diff.Compare(x, y, options), ctx.Err()
}

// comparing returns the options of diff.Compare that the settings determine. The first of the records that defines a
// summary of a metric chooses the value that is compared, unless o or the settings choose it. It returns an error if
// the metric to select by has no goal.
func comparing(c *catalog.Catalog, o Options, goal func(string) string, records []*format.Run) (diff.Options, error) {
	config := c.Config()
	options := diff.Options{
		Goal: goal, Metrics: o.Metrics, Strict: o.Strict, All: o.All, Level: config.Compare.Level / float64(max(o.Share, 1)),
		Seeds: config.Replicates.Seeds, Primary: config.Primary,
	}
	chosen := diff.Choice{Value: o.Value, SelectBy: o.SelectBy}
	if chosen.Value == "" {
		chosen = diff.Choice{Value: config.Compare.Value, SelectBy: config.Compare.SelectBy}
	}
	if by := chosen.SelectBy; by != "" {
		if chosen.Goal = goal(by); chosen.Goal == "" {
			return options, &repo.HintError{
				Err:  fmt.Errorf("comparing at the best %s: the metric has no goal", by),
				Hint: fmt.Sprintf("run 'runs goal %s min' or 'runs goal %[1]s max'", by),
			}
		}
	}
	defined := format.CompareValueIn(records...)
	options.Choice = func(metric, goal string) diff.Choice {
		choice := chosen
		if choice.Value == "" {
			choice.Value = defined(metric, goal)
		}
		if choice.Value == format.BestValue && goal == "" {
			choice.Value = format.LastValue
		}
		return choice
	}
	return options, nil
}

// compare compares two sides with their source.
func compare(ctx context.Context, a, b *Side, part bool, options diff.Options) (*diff.Comparison, error) {
	x, release := a.read(ctx, part)
	defer release()
	y, release := b.read(ctx, part)
	defer release()
	source, sourceErr := CompareSources(ctx, a, b, false)
	if sourceErr == nil {
		defer source.Close()
		for _, s := range source.Files {
			change := map[byte]string{'A': "added", 'D': "removed"}[s.Status]
			options.Source = append(options.Source,
				diff.File{Path: s.Path, Change: cmp.Or(change, "modified"), Added: s.Added, Removed: s.Removed})
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

// CompareSources compares the sources of the newest runs of two sides. If patch is true, the result can be written as
// a patch. The caller closes the result.
func CompareSources(ctx context.Context, a, b *Side, patch bool) (*repo.SourceDiff, error) {
	x, y := a.Entries[0], b.Entries[0]
	return repo.CompareSources(ctx, x.Repository(), x.Run, y.Repository(), y.Run, patch)
}

// Differs reports whether two sides differ in anything but their machines, variables and artifacts.
func Differs(c *diff.Comparison) bool {
	values := func(list []diff.Value) bool {
		return slices.ContainsFunc(list, func(v diff.Value) bool { return !v.Same(false) })
	}
	return values(c.Params) || values(c.Summary) || values(c.Tags) || values(c.Attributes) ||
		len(c.Environment) > 0 || len(c.Source.Files) > 0 || c.Source.A != c.Source.B ||
		slices.ContainsFunc(c.Metrics, func(m diff.Metric) bool { return m.Verdict != diff.Same }) ||
		slices.ContainsFunc(c.Datasets, func(d diff.Dataset) bool { return !d.Same() })
}
