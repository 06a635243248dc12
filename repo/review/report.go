package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
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
	Base, Metric, Goal string           // without a metric, or its goal, the branch has only promotions
	Groups             []Group          // the runs of the branch that have the metric, the best first
	Baseline           *Side            // nil if the base has no run with the metric
	Comparison         *diff.Comparison // compares the baseline with the best group; nil if one of them is missing
	Findings           []Finding
	Promotions         []Promotion       // of models
	Curves             [2][]format.Point // points of the metric in the baseline and the best run; nil below two points
}

// Group is a run with its replicates: runs that differ only in their seed.
type Group struct {
	*Side
	Mean     float64      // mean of the compared values of the metric
	N        int          // runs that count in the mean
	Lost     []diff.Lost  // runs that do not count
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
	missing := v.needMetric(c)
	if missing != nil && (o.Metric != "" || o.Baseline != "") {
		return nil, missing
	}
	if v.Promotions, err = Promotions(ctx, c, fork, v.Metric); err != nil {
		return nil, err
	}
	added, base, err := v.added(ctx, c, fork)
	if err != nil {
		return nil, err
	}
	if missing != nil {
		if len(added) > 0 || len(v.Promotions) == 0 {
			return nil, missing
		}
		return v, nil
	}
	if v.Baseline, err = v.baseline(ctx, base, o.Baseline); err != nil {
		return nil, err
	}
	var without []diff.Lost
	if v.Groups, without, err = v.grouped(ctx, c, added); err != nil {
		return nil, err
	}
	v.findMissing(added, without)
	if len(v.Groups) == 0 || v.Baseline == nil {
		return v, nil
	}
	return v, v.compare(ctx, c)
}

// needMetric sets the goal of the metric, or returns an error without a metric or a goal. A branch without runs needs
// none.
func (v *Report) needMetric(c *catalog.Catalog) error {
	if v.Metric == "" {
		return &repo.HintError{
			Err:  errors.New("reviewing: no primary metric is set"),
			Hint: "run 'runs goal METRIC min --primary', or give --metric METRIC",
		}
	}
	if v.Goal = c.Goal(v.Metric); v.Goal == "" {
		return &repo.HintError{
			Err:  fmt.Errorf("reviewing: %s has no goal", v.Metric),
			Hint: fmt.Sprintf("run 'runs goal %s min' or 'runs goal %[1]s max'", v.Metric),
		}
	}
	return nil
}

// compare compares the groups with the baseline, and the best group in all that is recorded.
func (v *Report) compare(ctx context.Context, c *catalog.Catalog) error {
	options, err := comparing(c, Options{}, c.Goal, v.records())
	if err != nil {
		return err
	}
	options.Primary = v.Metric
	v.compareGroups(ctx, options)
	best := v.Groups[0]
	if m := best.Compared; m != nil && m.Why == diff.NotAmongMany {
		none := 0.0 // the groups share the level, and nothing of it is left for this one
		options.PrimaryLevel = &none
	}
	if v.Comparison, err = compare(ctx, v.Baseline, best.Side, false, options); err != nil {
		return err
	}
	for i := range v.Comparison.Metrics {
		if m := &v.Comparison.Metrics[i]; m.Key == v.Metric && best.Compared != nil {
			m.Verdict, m.Why, m.Adjusted = best.Compared.Verdict, best.Compared.Why, best.Compared.Adjusted
		}
	}
	if err := v.judge(ctx, best.Side); err != nil {
		return err
	}
	return v.readCurves(ctx, best.Side)
}

// records returns the records of the baseline and of the groups.
func (v *Report) records() []*format.Run {
	list := catalog.Records(v.Baseline.Entries)
	for _, g := range v.Groups {
		list = append(list, catalog.Records(g.Entries)...)
	}
	return list
}

// findMissing adds findings about the runs that are in no group.
func (v *Report) findMissing(added []*repo.Entry, without []diff.Lost) {
	n := len(without)
	for _, g := range v.Groups {
		n += len(g.Side.Entries)
	}
	for _, e := range added {
		if e.Status == format.Finished {
			n--
		}
	}
	if n < 0 {
		v.find(Finding{Kind: WithoutMetric, Count: -n, Name: v.Metric})
	}
	if len(without) > 0 {
		v.find(Finding{Kind: NotFinite, Count: len(without), Name: v.Metric, Lost: without})
	}
	for _, g := range v.Groups {
		if len(g.Lost) > 0 {
			v.find(Finding{Kind: LostRuns, Name: g.Title(), Of: g.N + len(g.Lost), Lost: g.Lost})
		}
	}
}

// Runs returns the number of runs of the branch that have a value of the metric.
func (v *Report) Runs() int {
	n := 0
	for _, g := range v.Groups {
		n += g.N
	}
	return n
}

func (v *Report) find(f Finding) { v.Findings = append(v.Findings, f) }

// added returns the runs of the branch that ended, and the catalog of its base. It adds findings about unsuccessful and
// damaged runs.
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
	var unsuccessful []diff.Lost
	rows := slices.DeleteFunc(slices.Clone(c.Rows()), func(r *catalog.Row) bool { return known[r.ID()] })
	entries, err := c.Load(rows)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.Active != nil || e.Reproduces != "" || !c.InScope(e.Run) {
			continue
		}
		if added = append(added, e); e.Status != format.Finished {
			unsuccessful = append(unsuccessful, diff.Lost{Run: e.Run, Why: diff.Loss(e.Status)})
		}
	}
	if n := len(unsuccessful); n > 0 {
		v.find(Finding{Kind: Unsuccessful, Count: n, Lost: unsuccessful})
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
	attribute := func(r *catalog.Row, key string) string {
		value, _ := r.Attribute(key)
		return value.String()
	}
	commits := make([]string, 0, len(c.Rows()))
	for _, r := range c.Rows() {
		if commit := attribute(r, "source.commit"); commit != "" {
			commits = append(commits, commit)
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
	base := slices.Clone(at.Rows())
	for _, r := range c.Rows() {
		if known[r.ID()] {
			continue
		}
		commit, branch := attribute(r, "source.commit"), attribute(r, "source.branch")
		switch {
		case branch != "" && branch == fork.Branch, ofHead[commit] && !ofBase[commit]:
			continue // a run of the branch
		case ofBase[commit]:
			base = append(base, r)
		}
		known[r.ID()] = true
	}
	return c.WithRows(base), nil
}

// baseline returns the run that a selector names or, without a selector, the best run of the base with its
// replicates.
func (v *Report) baseline(ctx context.Context, base *catalog.Catalog, selector string) (*Side, error) {
	if selector == "" {
		return v.best(ctx, base)
	}
	side, err := Select(ctx, base, selector)
	if err != nil {
		return nil, err
	}
	of, release := side.records(ctx, false)
	defer release()
	if !slices.ContainsFunc(of.Runs, func(r *format.Run) bool { _, ok := r.Metric(v.Metric); return ok }) {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("reviewing: the baseline %s has no %s", side.Title(), v.Metric),
			Hint: "name another run with --baseline",
		}
	}
	return side, nil
}

// grouped groups the entries that have the metric into replicates. The group with the best mean comes first. Runs that
// did not finish count as lost in their group. without are the finished runs whose groups have no finite value.
func (v *Report) grouped(ctx context.Context, c *catalog.Catalog, entries []*repo.Entry) (
	groups []Group, without []diff.Lost, err error,
) {
	options, err := comparing(c, Options{}, c.Goal, catalog.Records(entries))
	if err != nil {
		return nil, nil, err
	}
	choice := options.Choice(v.Metric, v.Goal)
	runs := v.candidates(c, catalog.Records(c.Wholes(ctx, entries)))
	for _, g := range query.GroupBy(runs, []string{query.ByReplicates}, options.Seeds, c.Context()) {
		s := replicatesOf(c, g.Runs)
		if len(s.Entries) == 0 {
			continue
		}
		side, release := s.records(ctx, false)
		level, _ := side.Level(v.Metric, v.Goal, choice)
		release()
		if level.N == 0 {
			for _, r := range level.Lost {
				if r.Run.Status == format.Finished {
					without = append(without, r)
				}
			}
			continue
		}
		groups = append(groups, Group{Side: s, Mean: level.Value, N: level.N, Lost: level.Lost})
	}
	listsort.Stable(groups, func(x, y Group) int { return v.better(x.Mean, y.Mean) })
	return groups, without, ctx.Err()
}

// replicatesOf returns a group of replicates as a side. Its title is that of its newest run.
func replicatesOf(c *catalog.Catalog, runs []*format.Run) *Side {
	s := groupOf(c, runs, "")
	if len(s.Entries) > 0 && len(s.Entries)+len(s.Lost) > 1 {
		s.Group = s.Entries[0].Title()
	}
	return s
}

// candidates returns the runs that may be in a group: those that did not finish, and those that have the metric.
func (v *Report) candidates(c *catalog.Catalog, runs []*format.Run) []*format.Run {
	return slices.DeleteFunc(runs, func(r *format.Run) bool {
		_, has := r.Metric(v.Metric)
		return r.Reproduces != "" || !c.InScope(r) || r.Status == format.Running || !has && r.Status == format.Finished
	})
}

// better compares two means by the goal. The better one comes first.
func (v *Report) better(x, y float64) int {
	if v.Goal == format.GoalMax {
		x, y = y, x
	}
	return cmp.Compare(x, y)
}

// compareGroups compares the metric of each group with that of the baseline, using only the values of the metric. The
// groups share the level by Holm's method: with many groups, one of them is better by chance.
func (v *Report) compareGroups(ctx context.Context, options diff.Options) {
	options.All, options.Metrics = true, regexp.MustCompile("^"+regexp.QuoteMeta(v.Metric)+"$")
	baseline, release := v.Baseline.records(ctx, false)
	defer release()
	var tested []*diff.Metric
	var ps []float64
	for i, g := range v.Groups {
		side, release := g.records(ctx, false)
		list := diff.Compare(baseline, side, options).Metrics
		release()
		if len(list) != 1 {
			continue
		}
		m := &list[0]
		if v.Groups[i].Compared = m; !math.IsNaN(m.P) {
			tested, ps = append(tested, m), append(ps, m.P)
		}
	}
	for i, p := range diff.Holm(ps) {
		m := tested[i]
		if m.Adjusted = max(m.Adjusted, p); m.Shown && p >= options.Level {
			m.Verdict, m.Why, m.Shown = diff.Inconclusive, diff.NotAmongMany, false
		}
	}
}

// judge collects what a reviewer must know about the best group. The only error is that of the context.
func (v *Report) judge(ctx context.Context, best *Side) error {
	for _, e := range best.Entries {
		for _, f := range []Finding{uncommitted(e), notRestorable(e), inputsUnknown(e)} {
			if f.Kind != None {
				v.find(f)
			}
		}
	}
	v.Findings = append(v.Findings, otherData(v.Comparison)...)
	if n := len(v.Comparison.Environment); n > 0 {
		v.find(Finding{Kind: OtherEnvironment, Count: n})
	}
	if n, of := v.Groups[0].N, len(v.Baseline.Entries); n < of {
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
	before, err := v.Baseline.Entries[0].Points(ctx, v.Metric)
	if err != nil {
		return ctx.Err()
	}
	after, err := best.Entries[0].Points(ctx, v.Metric)
	if err != nil {
		return ctx.Err()
	}
	before, after = format.MainPair(before, after)
	if len(before) > 1 {
		v.Curves[0] = before
		if len(after) > 1 {
			v.Curves[1] = after
		}
	}
	return nil
}
