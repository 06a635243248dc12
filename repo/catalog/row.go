package catalog

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/query"
)

// Row is a run of a catalog. It answers from the columns of a table until its record was read, and from the record
// after that. Where only the record answers, it reads the record. It is a query.Row.
type Row struct {
	catalog *Catalog
	columns *columns // nil for a run that was read from the start
	entry   *repo.Entry
	at      int32 // in the table of columns
	gone    bool  // the record could not be read
}

// Entry returns the entry of a run that was read, like an active one, and nil for one that only columns tell of.
func (r *Row) Entry() *repo.Entry { return r.entry }

// Active returns the entry of a run in progress, and nil for a finished one.
func (r *Row) Active() *repo.Entry {
	if r.entry == nil || r.entry.Active == nil {
		return nil
	}
	return r.entry
}

// Version tells two rows of a run apart that do not say the same: if the versions are equal, the rows are.
type Version struct {
	table *repo.Table
	entry *repo.Entry
	at    int32
}

// Version returns the version of the row. It stays the same when the record is read, and in a catalog that Renew makes
// if the run did not change.
func (r *Row) Version() Version {
	if r.columns != nil {
		return Version{table: r.columns.table, at: r.at}
	}
	return Version{entry: r.entry}
}

// Parts returns the number of runs that are read as one.
func (r *Row) Parts() int {
	if r.entry == nil {
		return 1
	}
	return r.entry.Parts()
}

// Worktree returns the other worktree that has recorded the run, if no commit and no folder of this working tree holds
// it. Otherwise it returns nil.
func (r *Row) Worktree() *repo.Worktree {
	if r.entry != nil && r.entry.Active != nil {
		return r.entry.Worktree()
	}
	if !r.catalog.hasElsewhere() {
		return nil
	}
	return r.catalog.repo.WorktreeOf(r.ID())
}

// Elsewhere reports whether Worktree is not nil.
func (r *Row) Elsewhere() bool {
	if r.entry != nil && r.entry.Active != nil {
		return r.entry.Worktree() != nil
	}
	return r.catalog.hasElsewhere() && r.catalog.repo.IsElsewhere(r.ID())
}

// hasElsewhere reports whether the common store has runs of other worktrees. It looks once.
func (c *Catalog) hasElsewhere() bool {
	if c.repo == nil {
		return false
	}
	if c.elsewhere == nil {
		has := c.repo.HasElsewhere()
		c.elsewhere = &has
	}
	return *c.elsewhere
}

// record returns the record if it was read.
func (r *Row) record() *format.Run {
	if r.entry == nil {
		return nil
	}
	return r.entry.Run
}

// read reads the record. If it cannot be read, the row has no values any more.
func (r *Row) read() query.Row {
	if r.entry == nil && !r.gone {
		_ = r.catalog.load([]*Row{r}) // that the search was canceled is seen by the caller
	}
	if r.entry == nil {
		return query.Record(&format.Run{ID: r.ID()})
	}
	return query.Record(r.entry.Run)
}

// text returns a text of the record. field returns it from the record.
func (r *Row) text(c *index.Column, field func(*format.Run) string) string {
	if run := r.record(); run != nil {
		return field(run)
	}
	switch c.Kind(int(r.at)) {
	case index.Text:
		return c.Text(int(r.at))
	case index.Elsewhere:
		r.read()
		if run := r.record(); run != nil {
			return field(run)
		}
	}
	return ""
}

// ID returns the id.
func (r *Row) ID() string {
	if r.entry != nil {
		return r.entry.ID
	}
	return r.columns.table.ID(int(r.at))
}

// Name returns the name, or "".
func (r *Row) Name() string {
	if r.entry != nil {
		return r.entry.Name
	}
	return r.text(r.columns.name, func(run *format.Run) string { return run.Name })
}

// Key returns the key, or "".
func (r *Row) Key() string {
	if r.entry != nil {
		return r.entry.Key
	}
	return r.text(r.columns.key, func(run *format.Run) string { return run.Key })
}

// Experiment returns the experiment, or "".
func (r *Row) Experiment() string {
	if r.entry != nil {
		return r.entry.Experiment
	}
	return r.text(r.columns.experiment, func(run *format.Run) string { return run.Experiment })
}

// Group returns the group, or "".
func (r *Row) Group() string {
	if r.entry != nil {
		return r.entry.Group
	}
	return r.text(r.columns.group, func(run *format.Run) string { return run.Group })
}

// Resumes returns the id of the run that this one resumes, or "".
func (r *Row) Resumes() string {
	if r.entry != nil {
		return r.entry.Resumes
	}
	return r.text(r.columns.resumes, func(run *format.Run) string { return run.Resumes })
}

// Status returns the status.
func (r *Row) Status() format.Status {
	if r.entry != nil {
		return r.entry.Status
	}
	return format.Status(r.text(r.columns.status, func(run *format.Run) string { return string(run.Status) }))
}

// Started returns when the run started.
func (r *Row) Started() time.Time {
	if r.entry != nil {
		return r.entry.Started
	}
	return r.columns.started.Time(int(r.at))
}

// Title returns what lists show: the name, or the random part of the id.
func (r *Row) Title() string {
	if name := r.Name(); name != "" {
		return name
	}
	return format.IDRandom(r.ID())
}

// Metric returns a metric of the table [metrics].
func (r *Row) Metric(name string) (query.Metric, bool) {
	if r.entry != nil {
		return query.Record(r.entry.Run).Metric(name)
	}
	return r.columns.metric(name).of(int(r.at))
}

// Number returns a number of the summary.
func (r *Row) Number(name string) (query.Datum, bool) {
	if r.entry != nil {
		return query.Record(r.entry.Run).Number(name)
	}
	c := r.columns.column(index.Summary, name)
	if !c.Kind(int(r.at)).IsNumber() {
		return query.Datum{}, false
	}
	d, _, _ := datum(c, int(r.at))
	return d, true
}

// Summary finds a value of the summary.
func (r *Row) Summary(key string) (query.Datum, bool) {
	if r.entry == nil {
		if d, found, known := datum(r.columns.column(index.Summary, key), int(r.at)); found ||
			known && !r.columns.mayNest(index.Summary, key) {
			return d, found
		}
	}
	return r.read().Summary(key)
}

// Param finds a param.
func (r *Row) Param(key string) (query.Datum, bool) {
	if r.entry == nil && r.columns.irregular.Kind(int(r.at)) == index.Absent {
		if d, found, known := datum(r.columns.column(index.Params, key), int(r.at)); found ||
			known && !r.columns.mayNest(index.Params, key) {
			return d, found
		}
	}
	return r.read().Param(key)
}

// Tag returns a tag.
func (r *Row) Tag(name string) (string, bool) {
	if r.entry == nil {
		switch c := r.columns.column(index.Tags, name); c.Kind(int(r.at)) {
		case index.Absent:
			return "", false
		case index.Text:
			return c.Text(int(r.at)), true
		}
	}
	return r.read().Tag(name)
}

// Attribute returns an attribute, as query.Value describes them.
func (r *Row) Attribute(key string) (query.Datum, bool) {
	if r.entry == nil {
		if d, found, known := r.attribute(key); known {
			return d, found
		}
	}
	return r.read().Attribute(key)
}

// attribute returns an attribute if columns know it.
func (r *Row) attribute(key string) (d query.Datum, found, known bool) {
	c := r.columns
	switch key {
	case "id":
		return query.TextDatum(r.ID()), true, true
	case "duration":
		if c.ended.Kind(int(r.at)) != index.Time {
			return query.Datum{}, false, true
		}
		return query.FloatDatum(c.ended.Time(int(r.at)).Sub(c.started.Time(int(r.at))).Seconds()), true, true
	}
	if isIdentity(key) {
		return datum(c.column(index.Attributes, key), int(r.at))
	}
	if c.unknown.Kind(int(r.at)) != index.Absent { // the key may be one of them
		return query.Datum{}, false, false
	}
	switch prefix, rest, _ := strings.Cut(key, "."); prefix {
	case "datasets":
		return r.named(index.Datasets, rest)
	case "artifacts":
		return query.Datum{}, false, c.column(index.Facts, index.Artifacts).Kind(int(r.at)) == index.Absent
	case "files":
		return query.Datum{}, false, false
	case "conflicts":
		return query.Datum{}, false, c.column(index.Facts, index.Conflicts).Kind(int(r.at)) == index.Absent
	case "extra":
		return query.Datum{}, false, c.column(index.Facts, index.Extra).Kind(int(r.at)) == index.Absent
	}
	if name, ok := strings.CutPrefix(key, "environment.variables."); ok {
		return r.named(index.Variables, name)
	}
	for _, a := range columnAttributes {
		if a.key == key {
			key = a.column
		}
	}
	return datum(c.column(index.Attributes, key), int(r.at))
}

// named returns a value of a scope that columns have only for regular records.
func (r *Row) named(scope index.Scope, name string) (d query.Datum, found, known bool) {
	if r.columns.irregular.Kind(int(r.at)) != index.Absent {
		return query.Datum{}, false, false
	}
	return datum(r.columns.column(scope, name), int(r.at))
}

// is reports whether an attribute is a text, or missing if the text is empty.
func (r *Row) is(attribute, text string) bool {
	d, _ := r.Attribute(attribute)
	return d.String() == text
}

// Metrics yields the names of the metrics.
func (r *Row) Metrics() iter.Seq[string] {
	if r.entry != nil {
		return query.Record(r.entry.Run).Metrics()
	}
	return func(yield func(string) bool) {
		for _, c := range r.columns.list(index.MetricLast) {
			if c.Kind(int(r.at)) != index.Absent && !yield(c.name) {
				return
			}
		}
	}
}

// Summaries yields the values of the summary.
func (r *Row) Summaries() iter.Seq2[string, query.Datum] {
	if r.entry != nil {
		return query.Record(r.entry.Run).Summaries()
	}
	return r.values(index.Summary, query.Row.Summaries)
}

// Params yields the params.
func (r *Row) Params() iter.Seq2[string, query.Datum] {
	if r.entry != nil || r.columns.irregular.Kind(int(r.at)) != index.Absent {
		return r.read().Params()
	}
	return r.values(index.Params, query.Row.Params)
}

// Outside returns the runs that may have artifacts outside of their folders.
func (c *Catalog) Outside() ([]*repo.Entry, error) {
	var rows []*Row
	for _, r := range c.rows {
		if r.entry != nil || r.columns.column(index.Facts, index.Away).Kind(int(r.at)) != index.Absent ||
			r.columns.column(index.Facts, index.Listed).Kind(int(r.at)) != index.Absent {
			rows = append(rows, r)
		}
	}
	return c.Load(rows)
}

// KeyNames returns the names of the keys that the runs of the catalog have.
func (c *Catalog) KeyNames() query.KeyNames {
	var k query.KeyNames
	if c.columns != nil {
		k = c.columns.keyNames(c.present())
	}
	if c.more != nil {
		k = k.Merge(c.more.keyNames(nil))
	}
	var others []query.Row
	for _, r := range c.rows {
		if r.entry != nil || r.columns != c.columns && r.columns != c.more ||
			r.columns.irregular.Kind(int(r.at)) != index.Absent {
			others = append(others, r)
		}
	}
	return k.Merge(query.KeyNamesOf(others))
}

// present returns which rows of the columns are in the catalog, or nil if all are.
func (c *Catalog) present() []bool {
	if !c.partly {
		return nil
	}
	present := make([]bool, c.columns.table.Len())
	for _, r := range c.rows {
		if r.columns == c.columns {
			present[r.at] = true
		}
	}
	return present
}

// keyNames returns the names of the keys that some row has. If present is not nil, only the rows in it count.
func (c *columns) keyNames(present []bool) query.KeyNames {
	k := query.KeyNames{
		Metrics: c.names(index.MetricLast), Summaries: c.names(index.Summary), Params: c.names(index.Params),
		Tags: c.names(index.Tags), Numbers: c.numbers(present),
	}
	if present == nil {
		return k
	}
	lacks := func(scope index.Scope) func(string) bool {
		return func(name string) bool {
			column := c.column(scope, name)
			for row, in := range present {
				if in && column.Kind(row) != index.Absent {
					return false
				}
			}
			return true
		}
	}
	k.Metrics = slices.DeleteFunc(k.Metrics, lacks(index.MetricLast))
	k.Summaries = slices.DeleteFunc(k.Summaries, lacks(index.Summary))
	k.Params = slices.DeleteFunc(k.Params, lacks(index.Params))
	k.Tags = slices.DeleteFunc(k.Tags, lacks(index.Tags))
	return k
}

// values yields the values of a scope. If a value is only in the record, it yields those that all finds there.
func (r *Row) values(scope index.Scope, all func(query.Row) iter.Seq2[string, query.Datum],
) iter.Seq2[string, query.Datum] {
	list := r.columns.list(scope)
	for _, c := range list {
		if c.Kind(int(r.at)) == index.Elsewhere {
			return all(r.read())
		}
	}
	return func(yield func(string, query.Datum) bool) {
		for _, c := range list {
			if d, ok, _ := datum(c.Column, int(r.at)); ok && !yield(c.name, d) {
				return
			}
		}
	}
}

// Tags yields the tags.
func (r *Row) Tags() iter.Seq2[string, string] {
	if r.entry != nil {
		return query.Record(r.entry.Run).Tags()
	}
	list := r.columns.list(index.Tags)
	for _, c := range list {
		if c.Kind(int(r.at)) == index.Elsewhere {
			return r.read().Tags()
		}
	}
	return func(yield func(string, string) bool) {
		for _, c := range list {
			if c.Kind(int(r.at)) == index.Text && !yield(c.name, c.Text(int(r.at))) {
				return
			}
		}
	}
}
