package catalog

import (
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/query"
)

// columns keeps the columns of a table that rows were asked for, so that a list of many runs looks each up once.
type columns struct {
	table *repo.Table

	name, key, experiment, group, status, resumes, started, ended *index.Column
	irregular, unknown, definition                                *index.Column

	metrics map[string]*metricColumns
	known   [index.Facts + 1]map[string]*index.Column
	listed  [index.Facts + 1][]namedColumn
	nested  map[string]bool // whether a key may name a table of params, or is quoted
}

type metricColumns struct {
	last, least, most, leastStep, mostStep, count, goal *index.Column
}

type namedColumn struct {
	name string
	*index.Column
}

func newColumns(t *repo.Table) *columns {
	attribute := func(name string) *index.Column { return t.Column(index.Attributes, name) }
	return &columns{
		table: t,
		name:  attribute("name"), key: attribute("key"), experiment: attribute("experiment"),
		group: attribute("group"), status: attribute("status"), resumes: attribute("resumes"),
		started: attribute("started"), ended: attribute("ended"),
		irregular: t.Column(index.Facts, index.Irregular), unknown: t.Column(index.Facts, index.Unknown),
		definition: t.Column(index.Facts, index.Definition),
		metrics:    map[string]*metricColumns{}, nested: map[string]bool{},
	}
}

func (c *columns) column(scope index.Scope, key string) *index.Column {
	found, ok := c.known[scope][key]
	if !ok {
		if c.known[scope] == nil {
			c.known[scope] = map[string]*index.Column{}
		}
		found = c.table.Column(scope, key)
		c.known[scope][key] = found
	}
	return found
}

// list returns the columns of a scope.
func (c *columns) list(scope index.Scope) []namedColumn {
	if c.listed[scope] == nil {
		c.listed[scope] = []namedColumn{}
		for _, name := range c.table.Keys(scope) {
			c.listed[scope] = append(c.listed[scope], namedColumn{name, c.column(scope, name)})
		}
	}
	return c.listed[scope]
}

// names returns the names of the columns of a scope that some row has a value in.
func (c *columns) names(scope index.Scope) []string {
	var names []string
	for _, one := range c.list(scope) {
		if kind, uniform := one.Uniform(); !uniform || kind != index.Absent {
			names = append(names, one.name)
		}
	}
	return names
}

// numbers returns the names of the values in summaries that are numbers in some row. If present is not nil, only the
// rows in it count.
func (c *columns) numbers(present []bool) []string {
	var names []string
	for _, one := range c.list(index.Summary) {
		for row := range c.table.Len() {
			if one.Kind(row).IsNumber() && (present == nil || present[row]) {
				names = append(names, one.name)
				break
			}
		}
	}
	return names
}

func (c *columns) metric(name string) *metricColumns {
	m, ok := c.metrics[name]
	if !ok {
		if c.table.Has(index.MetricLast, name) {
			m = &metricColumns{
				last: c.table.Column(index.MetricLast, name), count: c.table.Column(index.MetricCount, name),
				least: c.table.Column(index.MetricMin, name), leastStep: c.table.Column(index.MetricMinStep, name),
				most: c.table.Column(index.MetricMax, name), mostStep: c.table.Column(index.MetricMaxStep, name),
				goal: c.table.Column(index.MetricGoal, name),
			}
		}
		c.metrics[name] = m
	}
	return m
}

// of returns the metric of a row.
func (m *metricColumns) of(row int) (query.Metric, bool) {
	if m == nil || m.last.Kind(row) == index.Absent {
		return query.Metric{}, false
	}
	q := query.Metric{Last: m.last.Float(row), Count: m.count.Int(row)}
	if m.least.Kind(row) != index.Absent {
		q.HasMin, q.Min, q.MinStep = true, m.least.Float(row), m.leastStep.Int(row)
	}
	if m.most.Kind(row) != index.Absent {
		q.HasMax, q.Max, q.MaxStep = true, m.most.Float(row), m.mostStep.Int(row)
	}
	if m.goal.Kind(row) == index.Text {
		q.Goal = m.goal.Text(row)
	}
	return q, true
}

// mayNest reports whether a key that no column of the scope has in a row may still find something in the record, as
// format.Params.Find does: a table of that name, or a key in quotes.
func (c *columns) mayNest(scope index.Scope, key string) bool {
	at := scopedKey(scope, key)
	may, ok := c.nested[at]
	if !ok {
		may = strings.Contains(key, `"`) || slices.ContainsFunc(c.table.Keys(scope), func(name string) bool {
			return strings.HasPrefix(name, key) && len(name) > len(key) && name[len(key)] == '.' ||
				scope == index.Summary && strings.HasPrefix(key, name) && len(key) > len(name) && key[len(name)] == '.'
		})
		c.nested[at] = may
	}
	return may
}

// lacks reports whether no row has a name in a part.
func (c *columns) lacks(p query.Part, name string) bool {
	empty := func(c *index.Column) bool {
		kind, uniform := c.Uniform()
		return uniform && kind == index.Absent
	}
	switch p {
	case query.PartMetrics:
		return c.metric(name) == nil
	case query.PartSummary:
		return empty(c.column(index.Summary, name)) && !c.mayNest(index.Summary, name)
	case query.PartParams:
		return empty(c.irregular) && empty(c.column(index.Params, name)) && !c.mayNest(index.Params, name)
	}
	return empty(c.column(index.Tags, name))
}

func scopedKey(scope index.Scope, key string) string { return string(rune('0'+scope)) + key }

// datum returns the value of a row. found is false if the row has none. If only the record says it, known is false.
func datum(c *index.Column, row int) (d query.Datum, found, known bool) {
	switch c.Kind(row) {
	case index.Absent:
		return query.Datum{}, false, true
	case index.Null:
		return query.NewDatum(format.Null), true, true
	case index.Bool:
		return query.BoolDatum(c.Bool(row)), true, true
	case index.Int:
		return query.IntDatum(c.Int(row)), true, true
	case index.Float:
		return query.FloatDatum(c.Float(row)), true, true
	case index.Text:
		return query.TextDatum(c.Text(row)), true, true
	case index.Time:
		return query.TimeDatum(c.Time(row)), true, true
	}
	v, ok := c.Value(row)
	return query.NewDatum(v), ok, ok
}

// columnAttributes maps the attributes that are columns to the names of their columns.
var columnAttributes = [...]struct{ key, column string }{
	{"commit", "source.commit"},
	{"branch", "source.branch"},
	{"dirty", "source.dirty"},
	{"tree", "source.tree"},
	{"python", "environment.python"},
	{"os", "environment.os"},
	{"arch", "environment.arch"},
	{"host", "machine.host"},
}

// identity are the attributes that every record has or lacks, so that a missing one is not among its unknown keys.
func isIdentity(key string) bool {
	switch key {
	case "name", "key", "experiment", "status", "started", "ended", "end_reason", "signal", "author", "group", "parent",
		"resumes", "reproduces", "note", "command", "cwd", "exit_code":
		return true
	}
	return false
}
