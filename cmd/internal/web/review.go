package web

import (
	"context"
	"math"
	"net/url"
	"strings"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/review"
	"github.com/gitruns/runs/repo/view"
)

// Bounds of a review. What is beyond them is counted.
const (
	maxReviewGroups   = 300
	maxReviewFindings = 200
)

// reviewJSON is what the checked-out branch adds to its base.
type reviewJSON struct {
	Command  string          `json:"command"`
	Base     string          `json:"base"`
	Bases    []string        `json:"bases"`
	Problem  *missingJSON    `json:"problem"` // why the report could not be made
	Metric   string          `json:"metric"`
	Goal     string          `json:"goal"`
	Headline string          `json:"headline"`
	Verdict  diff.Verdict    `json:"verdict"` // of the best group; empty without a comparison
	Baseline *sideJSON       `json:"baseline"`
	Value    string          `json:"value"` // of the metric in the baseline
	Groups   []groupJSON     `json:"groups"`
	More     int             `json:"more"` // groups that are left out
	Findings []string        `json:"findings"`
	Unnamed  int             `json:"unnamed"` // findings that are left out
	Changes  *comparisonJSON `json:"changes"` // from the baseline to the best group
	Curves   []curveJSON     `json:"curves"`  // of the baseline and the best run
	Check    checkJSON       `json:"check"`
}

type groupJSON struct {
	sideJSON
	Value    string       `json:"value"`
	Mean     float64      `json:"mean"`
	N        int          `json:"n"`
	LostRuns string       `json:"lost_runs"`
	Compared *verdictJSON `json:"compared"`
}

type curveJSON struct {
	Name   string    `json:"name"`
	ID     string    `json:"id"`
	Steps  []int64   `json:"steps"`
	Values []float64 `json:"values"`
	Of     int       `json:"of"` // points that were recorded; if there are more than values, these are some of them
}

// checkJSON holds the outcomes of the project's rules.
type checkJSON struct {
	Command  string        `json:"command"`
	Rules    int           `json:"rules"`
	Title    string        `json:"title"` // of the run or group
	ID       string        `json:"id"`
	Shown    bool          `json:"shown"`
	Problem  *missingJSON  `json:"problem"`
	Outcomes []outcomeJSON `json:"outcomes"`
}

type outcomeJSON struct {
	Rule    string `json:"rule"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// reviewAnswer reviews the branch that is checked out. Its parameters are those of 'runs review' and 'runs check'.
func reviewAnswer(ctx context.Context, v *view.View, params url.Values) (*Answer, error) {
	q := view.ReviewRequest{
		Request: review.Request{
			Base: params.Get("base"), Baseline: params.Get("baseline"), Metric: params.Get("metric"),
		},
		Check: params.Get("check"),
	}
	r, err := v.Review(ctx, q)
	if err != nil {
		return nil, err
	}
	return asRunsJSON(newReviewJSON(r, q)), nil
}

func newReviewJSON(r *view.Review, q view.ReviewRequest) *reviewJSON {
	out := &reviewJSON{
		Command: reviewCommand(q), Base: q.Base, Bases: []string{}, Metric: q.Metric,
		Groups: []groupJSON{}, Findings: []string{}, Curves: []curveJSON{}, Check: newCheckJSON(r, q),
	}
	for _, branch := range r.Bases {
		out.Bases = append(out.Bases, strings.TrimPrefix(branch, "refs/heads/"))
	}
	if r.Problem != nil {
		out.Problem = &missingJSON{Message: r.Problem.Error(), Hint: hintOf(r.Problem)}
		return out
	}
	report := r.Report
	out.Base, out.Metric, out.Goal = report.Base, report.Metric, report.Goal
	out.Headline = render.Review{Report: report}.Headline()
	if report.Baseline != nil {
		out.Baseline = new(sideJSON)
		*out.Baseline = newSideJSON(report.Baseline, baseSelector(report), r.Shown)
	}
	for _, g := range report.Groups[:min(len(report.Groups), maxReviewGroups)] {
		out.Groups = append(out.Groups, newGroupJSON(g, r.Shown))
	}
	out.More = len(report.Groups) - len(out.Groups)
	for _, f := range report.Findings[:min(len(report.Findings), maxReviewFindings)] {
		out.Findings = append(out.Findings, *cut(render.Finding(f)))
	}
	out.Unnamed = len(report.Findings) - len(out.Findings)
	out.changes(report, r.Shown)
	return out
}

// changes adds the comparison of the baseline with the best group, and their curves.
func (out *reviewJSON) changes(report *review.Report, shown map[string]bool) {
	if len(report.Groups) == 0 || report.Baseline == nil {
		return
	}
	best := report.Groups[0]
	if m := best.Compared; m != nil {
		out.Verdict = m.Verdict
		out.Value = render.LevelText(m.A, *m, true)
	}
	for i, points := range report.Curves {
		if points == nil {
			continue
		}
		e := []*review.Side{report.Baseline, best.Side}[i].Entries[0]
		c := curveJSON{Name: e.Title(), ID: e.ID, Of: len(points), Steps: []int64{}, Values: []float64{}}
		if l := points[0].Labels; l != (format.Labels{}) {
			c.Name += " {" + l.Text() + "}"
		}
		for _, p := range format.Thin(points, diff.CurvePoints) {
			c.Steps, c.Values = append(c.Steps, p.Step), append(c.Values, p.Value)
		}
		out.Curves = append(out.Curves, c)
	}
	if report.Comparison != nil {
		out.Changes = newComparisonJSON(&view.Comparison{
			Selectors: []string{baseSelector(report), best.Entries[0].ID}, Primary: report.Metric,
			Sides: []*review.Side{report.Baseline, best.Side}, Pairs: []*diff.Comparison{report.Comparison},
			Shown: shown,
		})
	}
}

// baseSelector names the newest run of the baseline, also if it is only in the base.
func baseSelector(report *review.Report) string {
	return report.Base + ":" + report.Baseline.Entries[0].ID
}

func newGroupJSON(g review.Group, shown map[string]bool) groupJSON {
	out := groupJSON{
		sideJSON: newSideJSON(g.Side, g.Entries[0].ID, shown), Value: terminal.Number(g.Mean), Mean: g.Mean, N: g.N,
	}
	out.Title = g.Entries[0].Title()
	if len(g.Lost) > 0 {
		out.LostRuns = render.LostText(g.Lost)
	}
	if m := g.Compared; m != nil {
		out.Compared = newVerdictJSON(*m)
		if m.B != nil && !math.IsNaN(m.B.Value) {
			out.Value = render.LevelText(m.B, *m, true)
		}
	}
	return out
}

func reviewCommand(q view.ReviewRequest) string {
	words := []string{"runs", "review"}
	if q.Base != "" {
		words = append(words, q.Base)
	}
	if q.Baseline != "" {
		words = append(words, "--baseline", q.Baseline)
	}
	if q.Metric != "" {
		words = append(words, "--metric", q.Metric)
	}
	return render.ShellWords(words)
}

func newCheckJSON(r *view.Review, q view.ReviewRequest) checkJSON {
	words := []string{"runs", "check"}
	if q.Check != "" {
		words = append(words, q.Check)
	}
	out := checkJSON{Command: render.ShellWords(words), Rules: r.Check.Rules, Outcomes: []outcomeJSON{}}
	if s := r.Check.Subject; s != nil {
		out.Title, out.ID, out.Shown = s.Title(), s.Entries[0].ID, r.Shown[s.Entries[0].ID]
	}
	if err := r.Check.Problem; err != nil {
		out.Problem = &missingJSON{Selector: q.Check, Message: err.Error(), Hint: hintOf(err)}
	}
	for _, o := range r.Check.Outcomes {
		out.Outcomes = append(out.Outcomes, outcomeJSON{o.Rule, o.OK, *cut(render.Outcome(o))})
	}
	return out
}
