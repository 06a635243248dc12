package review

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Request says what to review.
type Request struct {
	Base     string // a branch or commit; if empty, the default branch of the remote
	Baseline string // a selector among the runs of Base; if empty, the best run with its replicates
	Metric   string // metric that decides; if empty, the primary metric
}

// Report says what the runs of a branch change.
type Report struct {
	Base, Metric, Goal string
	Groups             []Group          // the runs of the branch that have the metric, the best first
	Baseline           *Side            // nil if the base has no run with the metric
	Comparison         *diff.Comparison // compares the baseline with the best group; nil if one of them is missing
	Findings           []Finding
	Curves             [2][]format.Point // points of the metric in the baseline and the best run; nil below two points
}

// Group is a run with its replicates: runs that differ only in their seed.
type Group struct {
	*Side
	Mean     float64      // mean of the best values of the metric
	Compared *diff.Metric // comparison with the baseline; nil without one
}

// Review reports on the runs that the checked-out branch has added since it diverged from its base.
func Review(ctx context.Context, c *catalog.Catalog, o Request) (*Report, error) {
	fork, err := c.Repository().Fork(ctx, o.Base)
	if err != nil {
		return nil, err
	}
	v := &Report{Base: fork.Base, Metric: o.Metric}
	if v.Findings, err = SettingChanges(ctx, c.Repository(), fork); err != nil {
		return nil, err
	}
	if v.Metric == "" {
		v.Metric = c.Config().Primary
	}
	if v.Metric == "" {
		return nil, &repo.HintError{
			Err:  errors.New("reviewing: no primary metric is set"),
			Hint: "run 'runs goal METRIC min --primary', or give --metric METRIC",
		}
	}
	if v.Goal = c.Goal(v.Metric); v.Goal == "" {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("reviewing: %s has no goal", v.Metric),
			Hint: fmt.Sprintf("run 'runs goal %s min' or 'runs goal %[1]s max'", v.Metric),
		}
	}
	added, base, err := v.added(ctx, c, fork)
	if err != nil {
		return nil, err
	}
	if v.Baseline, err = v.baseline(ctx, base, o.Baseline); err != nil {
		return nil, err
	}
	v.Groups = v.grouped(ctx, c, added)
	if n := len(added) - v.Runs(); n > 0 {
		v.find(Finding{Kind: WithoutMetric, Count: n, Name: v.Metric})
	}
	if len(v.Groups) == 0 || v.Baseline == nil {
		return v, nil
	}
	v.compareGroups(ctx, c)
	best := v.Groups[0].Side
	if v.Comparison, err = Compare(ctx, v.Baseline, best, Options{}); err != nil {
		return nil, err
	}
	if err := v.judge(ctx, best); err != nil {
		return nil, err
	}
	return v, v.readCurves(ctx, best)
}

// Runs returns the number of runs of the branch that have the metric.
func (v *Report) Runs() int {
	n := 0
	for _, g := range v.Groups {
		n += len(g.Entries)
	}
	return n
}

func (v *Report) find(f Finding) { v.Findings = append(v.Findings, f) }

// added returns the successful runs of the branch, and the catalog of its base. It adds findings about unsuccessful
// and damaged runs.
func (v *Report) added(ctx context.Context, c *catalog.Catalog, fork *repo.Fork) (
	added []*repo.Entry, base *catalog.Catalog, err error,
) {
	if base, err = c.At(ctx, fork.Commit); err != nil {
		return nil, nil, err
	}
	known := base.IDs()
	if fork.MergeBase != fork.Commit {
		before, err := c.Repository().IDsAt(ctx, fork.MergeBase)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range before {
			known[id] = true
		}
	}
	if c.Config().Commit.Branch != "" { // all runs are on the runs branch: their source shows whose they are
		if base, err = splitByCode(ctx, c, base, fork, known); err != nil {
			return nil, nil, err
		}
	}
	unsuccessful := 0
	for _, e := range c.Entries() {
		switch {
		case known[e.ID] || e.Active != nil || e.Reproduces != "" || !c.InScope(e.Run):
		case e.Status != format.Finished:
			unsuccessful++
		default:
			added = append(added, e)
		}
	}
	if unsuccessful > 0 {
		v.find(Finding{Kind: Unsuccessful, Count: unsuccessful})
	}
	for _, d := range c.Damage() {
		v.find(Finding{Kind: Damaged, Err: d.Err})
	}
	return added, base, nil
}

// splitByCode separates the runs by their source: those of the branch from those of the base. It returns a catalog of
// the runs of the base, including those of at, which the base itself contains. It adds all runs except those of the
// branch to known.
func splitByCode(
	ctx context.Context, c, at *catalog.Catalog, fork *repo.Fork, known map[string]bool,
) (*catalog.Catalog, error) {
	var commits []string
	for _, e := range c.Entries() {
		if e.Source != nil && e.Source.Commit != "" {
			commits = append(commits, e.Source.Commit)
		}
	}
	slices.Sort(commits)
	commits = slices.Compact(commits)
	ofBase, err := c.Repository().Reached(ctx, commits, fork.Commit)
	if err != nil {
		return nil, err
	}
	ofHead, err := c.Repository().Reached(ctx, commits, "HEAD")
	if err != nil {
		return nil, err
	}
	base := c.With(at.Entries())
	var more []*repo.Entry
	for _, e := range c.Entries() {
		s := e.Source
		switch {
		case known[e.ID] || s == nil:
		case s.Branch != "" && s.Branch == fork.Branch, ofHead[s.Commit] && !ofBase[s.Commit]:
			continue // a run of the branch
		case ofBase[s.Commit]:
			more = append(more, e)
		}
		known[e.ID] = true
	}
	base.Add(more)
	return base, nil
}

// baseline returns the run that a selector names or, without a selector, the best run of the base with its
// replicates.
func (v *Report) baseline(ctx context.Context, base *catalog.Catalog, selector string) (*Side, error) {
	if selector != "" {
		return Select(ctx, base, selector)
	}
	if groups := v.grouped(ctx, base, base.Entries()); len(groups) > 0 {
		return groups[0].Side, nil
	}
	return nil, nil
}

// grouped groups the entries that have the metric into replicates. The group with the best mean comes first.
func (v *Report) grouped(ctx context.Context, c *catalog.Catalog, entries []*repo.Entry) []Group {
	var runs []*format.Run
	for _, e := range c.Wholes(ctx, entries) {
		m, ok := e.Metric(v.Metric)
		if ok && e.Status == format.Finished && e.Reproduces == "" && c.InScope(e.Run) && !math.IsNaN(query.Best(m, v.Goal)) {
			runs = append(runs, e.Run)
		}
	}
	var groups []Group
	for _, g := range query.GroupBy(runs, query.ByReplicates, c.Config().Seeds(), c.Context()) {
		s := &Side{Entries: c.EntriesOf(g.Runs), catalog: c}
		if len(g.Runs) > 1 {
			s.Group = g.Runs[0].Title()
		}
		groups = append(groups, Group{Side: s, Mean: query.Summarize(g.Runs, v.Metric, c.Context()).Mean})
	}
	slices.SortStableFunc(groups, func(x, y Group) int {
		switch {
		case x.Mean == y.Mean:
			return 0
		case (x.Mean < y.Mean) == (v.Goal == format.GoalMin):
			return -1
		}
		return 1
	})
	return groups
}

// compareGroups compares the metric of each group with that of the baseline, using only the values of the metric.
func (v *Report) compareGroups(ctx context.Context, c *catalog.Catalog) {
	options := diff.Options{
		Goal: c.Goal, All: true, Level: c.Config().Compare.Level, Seeds: c.Config().Seeds(),
		Metrics: regexp.MustCompile("^" + regexp.QuoteMeta(v.Metric) + "$"),
	}
	baseline, release := v.Baseline.read(ctx, false)
	release()
	baseline.Points = nil
	for i, g := range v.Groups {
		side := diff.Side{Runs: catalog.Records(g.Entries), Group: g.Group}
		if m := diff.Compare(baseline, side, options).Metrics; len(m) == 1 {
			v.Groups[i].Compared = &m[0]
		}
	}
}

// judge collects what a reviewer must know about the best group. The only error is that of the context.
func (v *Report) judge(ctx context.Context, best *Side) error {
	for _, e := range best.Entries {
		for _, f := range []Finding{uncommitted(e), notRestorable(e)} {
			if f.Kind != None {
				v.find(f)
			}
		}
	}
	v.Findings = append(v.Findings, otherData(v.Comparison)...)
	if n := len(v.Comparison.Environment); n > 0 {
		v.find(Finding{Kind: OtherEnvironment, Count: n})
	}
	if n, of := len(best.Entries), len(v.Baseline.Entries); n < of {
		v.find(Finding{Kind: FewerRuns, Count: n, Of: of})
	}
	f, err := notCurrent(ctx, best, nil)
	if err == nil && f.Kind != None {
		v.find(f)
	}
	return err
}

// readCurves reads the points of the newest run of the baseline and of the best group. It leaves out points that
// cannot be read.
func (v *Report) readCurves(ctx context.Context, best *Side) error {
	for i, s := range []*Side{v.Baseline, best} {
		points, err := s.Entries[0].Points(ctx, v.Metric)
		if err != nil || len(points) < 2 {
			return ctx.Err()
		}
		v.Curves[i] = points
	}
	return nil
}
