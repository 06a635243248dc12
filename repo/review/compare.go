package review

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// Options say what to compare.
type Options struct {
	Metrics *regexp.Regexp // compare only the metrics that match; if nil, all
	All     bool           // also list what is equal
	Strict  bool           // 1 and 1.0 are different params
	Part    bool           // compare a single run without the runs that it resumes
}

// Compare compares two sides, including their source, data, environment and points. If one of these cannot be
// compared, it adds a problem to the comparison. The only error is that of the context.
func Compare(ctx context.Context, a, b *Side, o Options) (*diff.Comparison, error) {
	config := a.catalog.Config()
	options := diff.Options{
		Goal:    config.GoalIn(append(catalog.Records(a.Entries), catalog.Records(b.Entries)...)...),
		Metrics: o.Metrics, Strict: o.Strict, All: o.All, Level: config.Compare.Level, Seeds: config.Seeds(),
	}
	x, release := a.read(ctx, o.Part)
	defer release()
	y, release := b.read(ctx, o.Part)
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
