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
	if err := c.load(ask); err != nil {
		return nil, err
	}
	runs := make([]*format.Run, 0, len(rows))
	for _, r := range rows {
		switch {
		case r.entry != nil:
			runs = append(runs, r.entry.Run)
		case !r.gone:
			runs = append(runs, r.project())
		}
	}
	return runs, nil
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
	for _, scope := range []index.Scope{index.Attributes, index.Params, index.Summary, index.Tags, index.Datasets} {
		for _, c := range r.columns.list(scope) {
			if c.Kind(int(r.at)) == index.Elsewhere {
				return false
			}
		}
	}
	return true
}

// project makes a record of columns.
func (r *Row) project() *format.Run {
	text := func(key string) string {
		if c := r.columns.column(index.Attributes, key); c.Kind(int(r.at)) == index.Text {
			return c.Text(int(r.at))
		}
		return ""
	}
	run := &format.Run{
		ID: r.ID(), Name: r.Name(), Key: r.Key(), Experiment: r.Experiment(), Status: r.Status(), Started: r.Started(),
		EndReason: text("end_reason"), Author: text("author"), Cwd: text("cwd"), Signal: text("signal"), Group: r.Group(),
		Parent: text("parent"), Resumes: r.Resumes(), Reproduces: text("reproduces"), Note: text("note"),
	}
	if command := text("command"); command != "" {
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
	if dirty := r.columns.column(index.Attributes, "source.dirty"); dirty.Kind(int(r.at)) == index.Bool {
		run.Source = &format.Source{
			Commit: text("source.commit"), Branch: text("source.branch"), Tree: text("source.tree"),
			Dirty: dirty.Bool(int(r.at)),
		}
	}
	for _, key := range r.columns.list(index.Attributes) { // a table that has only what no column has matters to nobody
		if key.Kind(int(r.at)) == index.Absent {
			continue
		}
		if strings.HasPrefix(key.name, "environment.") && run.Environment == nil {
			run.Environment = &format.Environment{
				Python: text("environment.python"), OS: text("environment.os"), Arch: text("environment.arch"),
			}
		}
		if strings.HasPrefix(key.name, "machine.") && run.Machine == nil {
			run.Machine = &format.Machine{Host: text("machine.host")}
		}
	}
	for _, d := range r.columns.list(index.Datasets) {
		if d.Kind(int(r.at)) == index.Text {
			run.Datasets = append(run.Datasets, format.Dataset{Name: d.name, SHA256: d.Text(int(r.at))})
		}
	}
	return run
}

// projectValues sets the params, tags, metrics and summary of a record.
func (r *Row) projectValues(run *format.Run) {
	run.Params = format.Params{}
	for name, v := range r.Params() {
		// The columns of a record without dots in its keys cannot contradict each other.
		_ = run.Params.Set(strings.Split(name, "."), v.Any())
	}
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
