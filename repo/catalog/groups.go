package catalog

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/query"
)

// GroupRequest says how to group runs.
type GroupRequest struct {
	Keys    []string // as for query.GroupBy
	Columns []string // keys to sum up; if empty, the columns are chosen
	Sort    string   // KEY[:asc|:desc]; groups are sorted by the mean of its numbers, or by its value. Empty is newest
	Limit   int      // of groups; 0 is no limit
}

// Groups is a list of groups of runs.
type Groups struct {
	Keys    []string // of the request
	Primary string   // metric of the summaries; empty if the runs have no metric
	Goal    string   // min or max if the summaries are of best values; otherwise empty
	Columns []GroupColumn
	List    []Group
}

// GroupColumn is a key that is summed up for each group.
type GroupColumn struct {
	Key    string
	Metric string // name of the metric that the key refers to; empty for other keys
	Goal   string // min or max if the values of the metric are best values; otherwise empty
}

// Group is a group of runs with its summary.
type Group struct {
	query.Group
	Summary query.Summary // of Groups.Primary, over the runs that count
	Lost    []diff.Lost   // runs that do not count in Groups.Primary or, without one, that did not finish
	Cells   []GroupCell   // one per column
}

// GroupCell is what a group has for a column.
type GroupCell struct {
	Summary query.Summary // of a metric, over the runs that count
	Lost    []diff.Lost   // runs that do not count
	Value   any           // of any other key: the value, diff.Several if it varies, or nil
}

// maxGroupMetrics is how many metrics besides the primary one are shown if no columns are asked for.
const maxGroupMetrics = 3

// Group groups runs by keys or into replicates, as query.GroupBy does. A chain counts once. Statistics leave out the
// runs that diff.LossOf names, and runs that were repeated, see diff.Members.
func (c *Catalog) Group(runs []*format.Run, q GroupRequest) Groups {
	context := c.Context()
	g := Groups{Keys: q.Keys, Primary: query.Primary(c.config.Primary, query.Records(runs), context)}
	list := query.GroupBy(Newest(runs), q.Keys, c.config.Replicates.Seeds, context)
	columns := q.Columns
	if len(columns) == 0 {
		columns = otherMetrics(runs, g.Primary, context)
	}
	var all []query.Row
	for _, group := range list {
		all = append(all, query.Records(group.Runs)...)
	}
	for _, key := range columns {
		column := GroupColumn{Key: key, Metric: query.MetricOf(all, key)}
		if column.Metric != "" {
			column.Goal = query.BestBy(all, key, context)
		}
		g.Columns = append(g.Columns, column)
	}
	for _, group := range list {
		g.List = append(g.List, c.summarize(group, g.Primary, g.Columns))
	}
	if g.Primary != "" {
		g.Goal = query.BestBy(all, "metrics."+g.Primary, context)
	}
	if q.Sort != "" {
		c.sortGroups(g.List, all, q.Sort)
	}
	if q.Limit > 0 {
		g.List = g.List[:min(len(g.List), q.Limit)]
	}
	return g
}

// otherMetrics returns the keys of the metrics with a goal that most runs have, besides the primary one.
func otherMetrics(runs []*format.Run, primary string, context query.Context) []string {
	count := map[string]int{}
	for _, r := range runs {
		for key := range r.Metrics {
			if key != primary && context.Goal(key) != "" {
				count[key]++
			}
		}
	}
	keys := make([]string, 0, len(count))
	for key := range count {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	keys = keys[:min(len(keys), maxGroupMetrics)]
	for i, key := range keys {
		keys[i] = "metrics." + key
	}
	return keys
}

func (c *Catalog) summarize(group query.Group, primary string, columns []GroupColumn) Group {
	finished, unfinished := diff.Members(group.Runs, c.config.Replicates.Seeds)
	one := Group{Group: group}
	one.Summary, one.Lost = c.summarizeMetric(finished, unfinished, "metrics."+primary, primary)
	for _, column := range columns {
		var cell GroupCell
		if column.Metric != "" {
			cell.Summary, cell.Lost = c.summarizeMetric(finished, unfinished, column.Key, column.Metric)
		} else {
			cell.Value = c.collect(group.Runs, column.Key)
		}
		one.Cells = append(one.Cells, cell)
	}
	return one
}

// summarizeMetric sums up a key over the finished runs that count in its metric.
func (c *Catalog) summarizeMetric(finished, unfinished []*format.Run, key, metric string) (query.Summary, []diff.Lost) {
	var counted []*format.Run
	var lost []diff.Lost
	if has := func(r *format.Run) bool { _, ok := r.Metric(metric); return ok }; metric != "" &&
		!slices.ContainsFunc(finished, has) && !slices.ContainsFunc(unfinished, has) {
		return query.Summary{SD: math.NaN()}, nil // a group without the metric has lost nothing
	}
	for _, r := range finished {
		if loss := diff.LossOf(r, metric); loss != "" && metric != "" {
			lost = append(lost, diff.Lost{Run: r, Why: loss})
			continue
		}
		counted = append(counted, r)
	}
	for _, r := range unfinished {
		lost = append(lost, diff.Lost{Run: r, Why: diff.Loss(r.Status)})
	}
	return query.Summarize(counted, key, c.Context()), lost
}

// collect returns the value that the runs have for a key. It is a diff.Several if they differ.
func (c *Catalog) collect(runs []*format.Run, key string) any {
	var values []any
	for _, r := range runs {
		v, ok := query.Value(r, key, c.Context())
		if at, isTime := v.(time.Time); isTime {
			v = query.Text(at)
		}
		if ok {
			values = append(values, v)
		}
	}
	return diff.Collect(values, len(runs)-len(values), false)
}

// sortGroups sorts groups by the mean that their runs have for a key. Groups without a number are sorted by the value
// of their newest run, after the others.
func (c *Catalog) sortGroups(groups []Group, all []query.Row, spec string) {
	context, key := c.Context(), query.SortKey(spec)
	metric := query.MetricOf(all, key)
	type place struct {
		mean float64
		rank int
	}
	var firsts []*format.Run
	for _, g := range groups {
		firsts = append(firsts, g.Runs[0])
	}
	query.SortRecords(firsts, spec, context)
	places := map[*format.Run]place{}
	for _, g := range groups {
		finished, unfinished := diff.Members(g.Runs, c.config.Replicates.Seeds)
		s, _ := c.summarizeMetric(finished, unfinished, key, metric)
		at := place{math.Inf(1), slices.Index(firsts, g.Runs[0])}
		if s.N > 0 {
			if at.mean = s.Mean; query.Descending(all, spec, context) {
				at.mean = -s.Mean
			}
		}
		places[g.Runs[0]] = at
	}
	listsort.Stable(groups, func(a, b Group) int {
		x, y := places[a.Runs[0]], places[b.Runs[0]]
		return cmp.Or(cmp.Compare(x.mean, y.mean), cmp.Compare(x.rank, y.rank))
	})
}
