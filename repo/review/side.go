// Package review evaluates runs. It compares two runs or groups, reports what a branch adds to its base, checks
// whether a run meets the rules of the project, and checks whether a repeated run gave the same result. Results hold
// numbers, names and kinds, and the caller turns them into text.
//
// The package uses repo/catalog to resolve selectors and diff to compare two records. It prints nothing and uses no
// terminal and no command line. To change which runs are compared, start in side.go. What is compared is in
// compare.go, the report for reviewers in report.go, and the rules in check.go.
package review

import (
	"context"
	"fmt"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Side is one side of a comparison: a run, or a group of runs.
type Side struct {
	Entries []*repo.Entry // newest first; at least one
	Group   string        // the selector of the group, or its title; empty for a single run
	Lost    []*repo.Entry // runs of the group that did not finish successfully, newest first; see diff.Members

	catalog *catalog.Catalog // catalog of the entries
}

// Title returns the title of the side for people.
func (s *Side) Title() string {
	if s.Group != "" {
		return s.Group
	}
	return s.Entries[0].Title()
}

// IDs returns the ids of the runs.
func (s *Side) IDs() []string {
	ids := make([]string, len(s.Entries))
	for i, e := range s.Entries {
		ids[i] = e.ID
	}
	return ids
}

// Select resolves a selector to a run or a group of runs. Runs that reproduce another do not count in a group, and
// unsuccessful runs count as lost. If no run is left, it returns a *query.NotFoundError.
func Select(ctx context.Context, c *catalog.Catalog, selector string) (*Side, error) {
	entries, of, err := c.Select(ctx, selector)
	if err != nil {
		return nil, err
	}
	return SideOf(of, entries, selector)
}

// SideOf returns entries of a catalog as a side, as Select does. A title is needed for several entries.
func SideOf(c *catalog.Catalog, entries []*repo.Entry, title string) (*Side, error) {
	if len(entries) == 1 {
		return &Side{Entries: entries, catalog: c}, nil
	}
	var runs []*format.Run
	for _, e := range entries {
		if e.Reproduces == "" {
			runs = append(runs, e.Run)
		}
	}
	s := groupOf(c, runs, title)
	if len(s.Entries) == 0 {
		return nil, &query.NotFoundError{Selector: title, Reason: "names no finished run"}
	}
	return s, nil
}

// groupOf returns a group of runs as a side. A run that another run resumes counts with that run.
func groupOf(c *catalog.Catalog, runs []*format.Run, title string) *Side {
	finished, lost := members(c, runs)
	return &Side{Group: title, Entries: c.EntriesOf(finished), Lost: c.EntriesOf(lost), catalog: c}
}

// members is diff.Members without the runs that another run resumes.
func members(c *catalog.Catalog, runs []*format.Run) (finished, lost []*format.Run) {
	return diff.Members(withoutResumed(c, runs), c.Config().Replicates.Seeds)
}

// withoutResumed leaves out the runs that another run of the catalog resumes.
func withoutResumed(c *catalog.Catalog, runs []*format.Run) []*format.Run {
	inner := c.Inner()
	return slices.DeleteFunc(runs, func(r *format.Run) bool { return inner[r.ID] })
}

// NewestFinished returns the newest finished run in the experiment of the catalog. If there is none, the error is a
// *query.NotFoundError.
func NewestFinished(c *catalog.Catalog) (*Side, error) {
	for _, r := range c.Rows() {
		if r.Status() != format.Finished || c.Scope() != "" && r.Experiment() != c.Scope() {
			continue
		}
		entries, err := c.Load([]*catalog.Row{r})
		if err != nil {
			return nil, err
		}
		for _, e := range entries { // the file may say something else than the index
			if e.Status == format.Finished && c.InScope(e.Run) {
				return &Side{Entries: entries, catalog: c}, nil
			}
		}
	}
	return nil, &query.NotFoundError{Selector: "last", Reason: "names no finished run"}
}

// Pair resolves at most two selectors to the sides of a comparison. A single selector is compared with the newest
// run. Without selectors, or if the selector names the newest run itself, the newest run is compared with the previous
// run of its experiment.
func Pair(ctx context.Context, c *catalog.Catalog, selectors []string) (a, b *Side, err error) {
	switch len(selectors) {
	case 2:
		if a, err = Select(ctx, c, selectors[0]); err == nil {
			b, err = Select(ctx, c, selectors[1])
		}
	case 1:
		if a, err = Select(ctx, c, selectors[0]); err != nil {
			return nil, nil, err
		}
		b, err = Select(ctx, c, "last")
		if err == nil && a.Group == "" && a.Entries[0].ID == b.Entries[0].ID {
			a, err = previous(c, b.Entries[0])
		}
	default:
		if b, err = Select(ctx, c, "last"); err != nil {
			return nil, nil, err
		}
		a, err = previous(c, b.Entries[0])
	}
	return a, b, err
}

// previous returns the run before e in its experiment. The runs that e resumes do not count, because they are parts
// of e.
func previous(c *catalog.Catalog, e *repo.Entry) (*Side, error) {
	parts := c.Earlier(e)
	for _, other := range c.Rows() {
		if other.ID() == e.ID || other.Experiment() != e.Experiment || other.Started().After(e.Started) ||
			slices.ContainsFunc(parts, func(part *repo.Entry) bool { return part.ID == other.ID() }) {
			continue
		}
		entries, err := c.Load([]*catalog.Row{other})
		if err != nil {
			return nil, err
		}
		if len(entries) == 1 && entries[0].Experiment == e.Experiment {
			return &Side{Entries: entries, catalog: c}, nil
		}
	}
	if len(parts) == 0 {
		return nil, &repo.HintError{
			Err:  &query.NotFoundError{Reason: fmt.Sprintf("comparing %s: its experiment has no earlier run", e.Title())},
			Hint: "name the two runs: 'runs diff A B'",
		}
	}
	return nil, &repo.HintError{
		Err: &query.NotFoundError{Reason: fmt.Sprintf(
			"comparing %s: its experiment has no earlier run except its own %d parts", e.Title(), 1+len(parts))},
		Hint: fmt.Sprintf("run 'runs diff %s %s --part' to compare the newest two parts",
			format.IDRandom(parts[0].ID), format.IDRandom(e.ID)),
	}
}

// read returns the side as input for diff.Compare. A run and the runs that it resumes count as one, unless part is
// true and the side is a single run. The caller calls release when it no longer needs the points.
func (s *Side) read(ctx context.Context, part bool) (side diff.Side, release func()) {
	side, release = s.records(ctx, part)
	first := s.Entries[0]
	if first.Environment != nil && first.Environment.Digest != "" {
		// An environment that this clone lacks is not compared.
		side.Environment, _ = first.Repository().Environment(ctx, first.Environment.Digest)
	}
	side.Manifest = func(d format.Dataset) ([]format.ManifestEntry, error) {
		return first.Repository().Manifest(ctx, d)
	}
	if s.Group == "" {
		side.Points = func(metric string) ([]format.Point, error) { return side.PointsOf(side.Runs[0], metric) }
	}
	return side, release
}

// records is like read, for comparing metrics only. It opens no file before a point is asked for.
func (s *Side) records(ctx context.Context, part bool) (side diff.Side, release func()) {
	side = diff.Side{Group: s.Group, Lost: catalog.Records(s.Lost)}
	alone := part && s.Group == ""
	points := &sidePoints{entries: map[*format.Run]*repo.Entry{}, open: map[*format.Run]openCurves{}}
	for _, e := range s.Entries {
		if !alone && !s.catalog.Inner()[e.ID] {
			e = s.catalog.Whole(ctx, e)
		}
		run := *e.Run
		run.Started = e.Began()
		side.Runs = append(side.Runs, &run)
		points.entries[&run] = e
	}
	side.PointsOf = func(r *format.Run, metric string) ([]format.Point, error) { return points.of(ctx, r, metric) }
	return side, points.close
}

// sidePoints reads the points of the runs of a side. It opens the points of a run when they are first asked for, once.
type sidePoints struct {
	entries map[*format.Run]*repo.Entry
	open    map[*format.Run]openCurves
}

type openCurves struct {
	*repo.Curves
	err error
}

func (p *sidePoints) of(ctx context.Context, r *format.Run, metric string) ([]format.Point, error) {
	curves, ok := p.open[r]
	if !ok {
		curves.Curves, curves.err = p.entries[r].Curves()
		p.open[r] = curves
	}
	if curves.err != nil {
		return nil, curves.err
	}
	return curves.Points(ctx, metric)
}

func (p *sidePoints) close() {
	for _, curves := range p.open {
		curves.Close()
	}
}
