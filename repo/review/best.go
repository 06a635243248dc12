package review

import (
	"context"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// best returns the group of a catalog that grouped puts first, or nil if there is none. It compares the groups by the
// columns of the index, and reads the records of the best one only, so that it takes little more with many runs. If the
// value of a run is that at the best step of another metric, which no column has, it reads all records.
func (v *Report) best(ctx context.Context, c *catalog.Catalog) (*Side, error) {
	options, err := comparing(c, Options{}, c.Goal, c.Defining())
	if err != nil {
		return nil, err
	}
	choice := options.Choice(v.Metric, v.Goal)
	if choice.Value == format.ValueAtBest && choice.SelectBy != v.Metric {
		groups, _, err := v.grouped(ctx, c, c.Entries())
		if err != nil || len(groups) == 0 {
			return nil, err
		}
		return groups[0].Side, nil
	}
	for {
		rows := c.WholeRows(ctx, c.Rows())
		all, err := c.Replicates(rows, v.Metric)
		if err != nil {
			return nil, err
		}
		runs, mean := v.rank(c, all, choice)
		if runs == nil {
			return nil, ctx.Err()
		}
		own := rowsOf(rows, runs)
		if !slices.ContainsFunc(own, func(r *catalog.Row) bool { return r.Entry() == nil }) {
			return replicatesOf(c, runs), nil
		}
		entries, err := c.Load(own)
		if err != nil {
			return nil, err
		}
		// A file that another program has edited may say something else than the columns. Then they are ranked again.
		again, same := v.rank(c, catalog.Records(entries), choice)
		if len(again) == len(runs) && same == mean {
			return replicatesOf(c, again), nil
		}
	}
}

// rowsOf returns the rows of runs.
func rowsOf(rows []*catalog.Row, runs []*format.Run) []*catalog.Row {
	in := make(map[string]bool, len(runs))
	for _, r := range runs {
		in[r.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r *catalog.Row) bool { return !in[r.ID()] })
}

// rank returns the group of replicates with the best mean, newest first, and this mean. The group is nil if no run
// counts.
func (v *Report) rank(c *catalog.Catalog, runs []*format.Run, choice diff.Choice) (best []*format.Run, mean float64) {
	by, seeds := []string{query.ByReplicates}, c.Config().Replicates.Seeds
	for _, g := range query.GroupBy(v.candidates(c, runs), by, seeds, c.Context()) {
		finished, lost := members(c, slices.Clone(g.Runs))
		if len(finished) == 0 {
			continue
		}
		side := diff.Side{Runs: finished, Lost: lost}
		if len(finished)+len(lost) > 1 {
			side.Group = finished[0].Title()
		}
		level, _ := side.Level(v.Metric, v.Goal, choice)
		if level.N > 0 && (best == nil || v.better(level.Value, mean) < 0) {
			best, mean = g.Runs, level.Value
		}
	}
	return best, mean
}
