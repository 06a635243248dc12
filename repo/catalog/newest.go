package catalog

import (
	"cmp"
	"context"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// OpenNewest is like Open, for a caller that asks only for the newest n runs, each with the runs that it resumes, and
// for goals. If the index cannot keep what is read, older days are not read, and the catalog lacks their runs and their
// damage.
func OpenNewest(ctx context.Context, r *repo.Repository, o Options, n int) (*Catalog, error) {
	return openNewest(ctx, r, o, n, "")
}

// openNewest is like OpenNewest. The runs are those of an experiment or, if it is empty, of the scope.
func openNewest(ctx context.Context, r *repo.Repository, o Options, n int, experiment string) (*Catalog, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	if n == 0 || config.Commit.Branch != "" { // runs of the runs branch may be newer
		return Open(ctx, r, o)
	}
	experiment = cmp.Or(experiment, o.experiment(ctx, r), config.Experiment)
	table, err := r.TableNewest(ctx, func(t *repo.Table) bool { return hasNewest(r, t, n, experiment) })
	if err != nil {
		return nil, err
	}
	return ofTable(ctx, r, o, table)
}

// hasNewest reports whether a table certainly has the newest n runs of an experiment, or of all if it is empty, with
// the runs that they resume. It does not count a run that another one resumes nor one of another worktree, so that the
// answer is sure no matter whether these count. It relies on one thing: a run that resumes another has the later id,
// unless the clock was set back by a day between the two.
func hasNewest(r *repo.Repository, t *repo.Table, n int, experiment string) bool {
	since := t.Since()
	resumes, started := t.Column(index.Attributes, "resumes"), t.Column(index.Attributes, "started")
	in := t.Column(index.Attributes, "experiment")
	resumed := map[string]bool{}
	for row := range t.Len() {
		switch resumes.Kind(row) {
		case index.Absent:
			continue
		case index.Text:
		default:
			return false
		}
		id := resumes.Text(row)
		if resumed[id] = true; t.Unread(id) {
			return false
		}
	}
	elsewhere := r.HasElsewhere()
	for row := range t.Len() {
		if n == 0 || started.Kind(row) != index.Time || started.Time(row).Before(since) {
			break // the table is sorted by start
		}
		own := experiment == "" || in.Kind(row) == index.Text && in.Text(row) == experiment
		if id := t.ID(row); own && !resumed[id] && (!elsewhere || !r.IsElsewhere(id)) {
			n--
		}
	}
	return n == 0
}

// IsUnread reports whether a run was left out because its day was not read.
func (c *Catalog) IsUnread(id string) bool {
	return c.columns != nil && c.columns.table.Unread(id) && c.repo.HasRun(id)
}

// goalIsSure reports whether no run of an unread day can define the goal of a metric.
func (c *Catalog) goalIsSure(metric string) bool {
	if c.columns == nil || c.columns.table.From == "" || c.config.Metrics[metric].Goal != "" {
		return true
	}
	for _, run := range c.Defining() {
		if d, ok := run.Definition(metric); ok && d.Goal != "" {
			return true // the newest that defines it counts
		}
	}
	return false
}

// goalOf returns the goal of a metric by the definitions of all runs, which it reads.
func (c *Catalog) goalOf(metric string) string {
	if c.older == nil {
		table, err := c.repo.Table(c.ctx)
		if err != nil { // the search was canceled, which the caller sees
			return c.goals(metric)
		}
		all := c.derive(c.repo, nil, nil)
		all.addTable(table)
		c.older = func(metric string) string { return all.Goal(metric) }
	}
	return c.older(metric)
}
