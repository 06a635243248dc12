package catalog

import (
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/query"
)

// onlyInRecords are the prefixes of keys that Project leaves out.
var onlyInRecords = []string{"files.", "artifacts.", "environment.", "machine.", "source."}

// Project returns records of rows, in the same order, to group them by keys and to sum up others. A record that was not
// read is made of columns. It has the identity of the run, its params, tags, metrics and summary, its source and its
// datasets as far as they tell replicates apart. If this is not enough for a key or for a run, the records are read. An
// error means that the context of the catalog was canceled.
func (c *Catalog) Project(rows []*Row, keys []string) ([]*format.Run, error) {
	ask := rows
	if !slices.ContainsFunc(keys, beyondProjection) {
		ask = slices.DeleteFunc(slices.Clone(rows), (*Row).projects)
	}
	return c.projected(rows, ask, (*Row).project)
}

// projected reads the records of some of the rows, and makes those of the others of columns.
func (c *Catalog) projected(rows, ask []*Row, project func(*Row) *format.Run) ([]*format.Run, error) {
	if err := c.load(ask); err != nil {
		return nil, err
	}
	runs := make([]*format.Run, 0, len(rows))
	for _, r := range rows {
		switch {
		case r.entry != nil:
			runs = append(runs, r.entry.Run)
		case !r.gone:
			runs = append(runs, project(r))
		}
	}
	return runs, nil
}

// Replicates is like Project, and takes less: of a run that was not read, the record has what tells replicates apart,
// and one metric.
func (c *Catalog) Replicates(rows []*Row, metric string) ([]*format.Run, error) {
	ask := slices.DeleteFunc(slices.Clone(rows), (*Row).projectsReplicates)
	return c.projected(rows, ask, func(r *Row) *format.Run {
		run := r.projectIdentity()
		r.projectParams(run)
		r.projectSource(run)
		if m, ok := r.Metric(metric); ok {
			run.Metrics = map[string]format.Metric{metric: m.Format()}
		}
		if d, ok := r.Number(metric); ok {
			run.Summary = map[string]any{metric: d.Any()}
		}
		return run
	})
}

// projectsReplicates reports whether the columns tell replicates apart from a run that was not read.
func (r *Row) projectsReplicates() bool {
	if r.entry != nil || r.gone {
		return true
	}
	for _, fact := range []string{index.Irregular, index.Dotted} {
		if r.columns.column(index.Facts, fact).Kind(int(r.at)) != index.Absent {
			return false
		}
	}
	return !r.elsewhere(index.Params, index.Datasets) && !r.noticedElsewhere()
}

// noticedElsewhere reports whether only the record has what was noticed.
func (r *Row) noticedElsewhere() bool {
	return r.columns.column(index.Facts, index.Noticed).Kind(int(r.at)) == index.Elsewhere
}

// elsewhere reports whether only the record has some value of the scopes.
func (r *Row) elsewhere(scopes ...index.Scope) bool {
	for _, scope := range scopes {
		for _, c := range r.columns.list(scope) {
			if c.Kind(int(r.at)) == index.Elsewhere {
				return true
			}
		}
	}
	return false
}

func beyondProjection(key string) bool {
	key = strings.TrimPrefix(key, "attributes.")
	return slices.ContainsFunc(onlyInRecords, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// projects reports whether the columns tell enough of a run that was not read.
func (r *Row) projects() bool {
	if r.entry != nil || r.gone {
		return true
	}
	for _, fact := range []string{index.Irregular, index.Dotted, index.Unknown, index.Extra, index.Conflicts} {
		if r.columns.column(index.Facts, fact).Kind(int(r.at)) != index.Absent {
			return false
		}
	}
	return !r.elsewhere(index.Attributes, index.Params, index.Summary, index.Tags, index.Datasets) &&
		!r.noticedElsewhere()
}

// attributeText returns an attribute that is a text, or "".
func (r *Row) attributeText(key string) string {
	if c := r.columns.column(index.Attributes, key); c.Kind(int(r.at)) == index.Text {
		return c.Text(int(r.at))
	}
	return ""
}

// projectIdentity makes a record of the columns that say which run it is.
func (r *Row) projectIdentity() *format.Run {
	return &format.Run{
		ID: r.ID(), Name: r.Name(), Experiment: r.Experiment(), Status: r.Status(), Started: r.Started(),
		Resumes: r.Resumes(), Reproduces: r.attributeText("reproduces"),
	}
}

// project makes a record of columns.
func (r *Row) project() *format.Run {
	run := r.projectIdentity()
	run.Key, run.Group = r.Key(), r.Group()
	run.EndReason, run.Signal = r.attributeText("end_reason"), r.attributeText("signal")
	run.Author, run.Cwd = r.attributeText("author"), r.attributeText("cwd")
	run.Parent, run.Note = r.attributeText("parent"), r.attributeText("note")
	if command := r.attributeText("command"); command != "" {
		run.Command = []string{command} // its words are joined by spaces wherever it is shown
	}
	if r.columns.ended.Kind(int(r.at)) == index.Time {
		run.Ended = r.columns.ended.Time(int(r.at))
	}
	if c := r.columns.column(index.Attributes, "exit_code"); c.Kind(int(r.at)) == index.Int {
		code := c.Int(int(r.at))
		run.ExitCode = &code
	}
	r.projectValues(run)
	r.projectSource(run)
	for _, key := range r.columns.list(index.Attributes) { // a table that has only what no column has matters to nobody
		if key.Kind(int(r.at)) == index.Absent {
			continue
		}
		if strings.HasPrefix(key.name, "environment.") && run.Environment == nil {
			run.Environment = &format.Environment{
				Python: r.attributeText("environment.python"), OS: r.attributeText("environment.os"),
				Arch: r.attributeText("environment.arch"),
			}
		}
		if strings.HasPrefix(key.name, "machine.") && run.Machine == nil {
			run.Machine = &format.Machine{Host: r.attributeText("machine.host")}
		}
	}
	return run
}

// projectSource sets the source and the datasets of a record.
func (r *Row) projectSource(run *format.Run) {
	if dirty := r.columns.column(index.Attributes, "source.dirty"); dirty.Kind(int(r.at)) == index.Bool {
		run.Source = &format.Source{
			Commit: r.attributeText("source.commit"), Branch: r.attributeText("source.branch"),
			Tree: r.attributeText("source.tree"), Dirty: dirty.Bool(int(r.at)),
			Submodules: format.SubmodulesOf(r.attributeText("source.submodules")),
		}
	}
	if v, ok := r.columns.column(index.Facts, index.Noticed).Value(int(r.at)); ok {
		run.Datasets = index.ReadNoticed(v)
	}
	seen := run.Datasets
	for _, d := range r.columns.list(index.Datasets) {
		known := func(other format.Dataset) bool { return other.Name == d.name }
		if d.Kind(int(r.at)) == index.Text && !slices.ContainsFunc(seen, known) {
			run.Datasets = append(run.Datasets, format.Dataset{Name: d.name, SHA256: d.Text(int(r.at))})
		}
	}
}

// projectParams sets the params of a record.
func (r *Row) projectParams(run *format.Run) {
	run.Params = format.Params{}
	for name, v := range r.Params() {
		// The columns of a record without dots in its keys cannot contradict each other.
		_ = run.Params.Set(strings.Split(name, "."), v.Any())
	}
}

// projectValues sets the params, tags, metrics and summary of a record.
func (r *Row) projectValues(run *format.Run) {
	r.projectParams(run)
	run.Tags = map[string]string{}
	for name, v := range r.Tags() {
		run.Tags[name] = v
	}
	run.Summary = map[string]any{}
	for name, v := range r.Summaries() {
		run.Summary[name] = v.Any()
	}
	run.Metrics = map[string]format.Metric{}
	for name := range r.Metrics() {
		m, _ := r.Metric(name)
		run.Metrics[name] = m.Format()
	}
}

// GroupRows is like Group, for rows.
func (c *Catalog) GroupRows(rows []*Row, q GroupRequest) (Groups, error) {
	keys := slices.Concat(q.Keys, q.Columns, []string{query.SortKey(q.Sort)})
	runs, err := c.Project(rows, keys)
	if err != nil {
		return Groups{}, err
	}
	return c.Group(runs, q), nil
}
