package view

import (
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// count says how many runs have each of several names.
type count map[string]int

func (c count) keys() []string {
	if len(c) == 0 {
		return []string{}
	}
	return slices.Sorted(maps.Keys(c))
}

func (c count) list() []TableCount {
	list := make([]TableCount, 0, len(c))
	for _, name := range c.keys() {
		list = append(list, TableCount{name, c[name]})
	}
	return list
}

// keyCounts counts the keys of runs.
type keyCounts struct {
	params, summary, tags, metrics count
	others                         count // keys of records that this version does not know
	experiments, statuses          count
	best                           map[string]string // by metric: the goal by which some value is not the last one
	differing                      query.ParamDifferences
	cells                          int
	in                             tableInput
}

func newKeyCounts(in tableInput) *keyCounts {
	return &keyCounts{
		others: count{}, params: count{}, summary: count{}, tags: count{}, metrics: count{}, experiments: count{},
		statuses: count{},
		best:     map[string]string{}, in: in,
	}
}

func (c *keyCounts) add(e *repo.Entry) {
	c.experiments[e.Experiment]++
	c.statuses[string(e.Status)]++
	flat := e.Params.Flatten()
	c.differing.Add(flat)
	for key := range flat {
		c.params[key]++
	}
	c.cells += len(flat)
	for key := range e.Summary {
		c.summary[key]++
	}
	for key := range format.ShownTags(e.Tags) {
		c.tags[key]++
	}
	for key := range format.Params(e.Unknown).Flatten() {
		c.others[key]++
	}
	for key, m := range e.Metrics {
		c.metrics[key]++
		if c.best[key] == "" && (m.Min != nil || m.Max != nil) {
			if goal := c.in.goal(key, m); goal != "" && query.Best(m, goal) != m.Last {
				c.best[key] = goal
			}
		}
	}
	c.cells += len(e.Summary) + len(e.Tags) + len(e.Metrics)
}

func (c *keyCounts) tableMetrics() []TableMetric {
	list := make([]TableMetric, 0, len(c.metrics))
	for _, key := range c.metrics.keys() {
		list = append(list, TableMetric{Key: key, Goal: c.in.goals[key], Best: c.best[key], Runs: c.metrics[key]})
	}
	return list
}

// goal returns the goal of a metric of a run.
func (in *tableInput) goal(key string, m format.Metric) string {
	if goal := in.goals[key]; goal != "" {
		return goal
	}
	return m.Goal
}

// isStatisticName reports whether the name of a metric could mean a value of another one, like loss.min.
func isStatisticName(name string) bool {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "last", "best", "count", "min", "min_step", "max", "max_step":
		return strings.Contains(name, ".")
	}
	return false
}

// tableColumns says which keys have a column.
type tableColumns struct {
	left count // keys with their prefix that have none
}

// newTableColumns leaves out the keys that the fewest runs have, if there are too many values.
func newTableColumns(t *Table, rows int) *tableColumns {
	c := &tableColumns{left: count{}}
	if t.counts.cells <= maxShownCells {
		return c
	}
	type column struct {
		key  string
		runs int
	}
	var all []column
	for prefix, counted := range map[string]count{
		"params.": t.counts.params, "summary.": t.counts.summary, "tags.": t.counts.tags, "metrics.": t.counts.metrics,
	} {
		for key, n := range counted {
			all = append(all, column{prefix + key, n})
		}
	}
	listsort.Sort(all, func(a, b column) int {
		if a.runs != b.runs {
			return b.runs - a.runs
		}
		return strings.Compare(a.key, b.key)
	})
	cells := 0
	for _, one := range all {
		if cells += min(one.runs, rows); cells > maxShownCells && one.key != "metrics."+t.Primary {
			c.left[one.key] = one.runs
		}
	}
	return c
}

func (c *tableColumns) has(prefix, key string) bool {
	return len(c.left) == 0 || c.left[prefix+key] == 0
}
