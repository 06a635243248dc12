package view

import (
	"context"
	"errors"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/review"
)

// ReviewRequest says what to review.
type ReviewRequest struct {
	review.Request
	Check string // selector of the run or group that the rules are checked for; if empty, the newest finished run
}

// Review says what the checked-out branch adds to its base, and whether the rules of the project hold.
type Review struct {
	Bases   []string        // local branches
	Report  *review.Report  // nil if there is Problem
	Problem error           // why there is no report
	Shown   map[string]bool // ids, among those of Report and Check, of runs that the view shows
	Check   Check
}

// Check holds the outcomes of the rules.
type Check struct {
	Rules    int          // in the settings
	Subject  *review.Side // nil without rules, or if there is Problem
	Outcomes []review.Outcome
	Problem  error // why the rules were not checked
}

// Review reports what the checked-out branch adds to its base, as 'runs review' does, and checks the rules, as 'runs
// check' does. What keeps it from a report is in the result. It returns an error only if the runs cannot be listed.
func (v *View) Review(ctx context.Context, q ReviewRequest) (*Review, error) {
	r := &Review{}
	if v.options.Revision != "" {
		r.Problem = &repo.HintError{
			Err:  errors.New("reviewing: this page shows the runs of a revision, and a review is about the branch checked out"),
			Hint: "choose the working tree at the top of the page, or run 'runs ui' without --rev",
		}
		r.Check.Problem = r.Problem
		return r, nil
	}
	// A review reads the runs of other revisions, and takes long. It gets a catalog of its own.
	c, err := v.openApart(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if c.Repository().InGit {
		r.Bases, _ = c.Repository().Branches(ctx) // without the names, the reader types one
		if r.Report, r.Problem = review.Review(ctx, c, q.Request); r.Problem != nil {
			r.Report = nil
		}
	} else {
		r.Problem = &repo.HintError{
			Err:  errors.New("reviewing: a review compares branches, and this project is not in a Git repository"),
			Hint: "run 'git init', or compare runs on the page Compare",
		}
	}
	r.check(ctx, c, q.Check)
	r.Shown = v.shownAmong(r.ids())
	return r, ctx.Err()
}

// ids returns the ids of the runs of the report and of the check.
func (r *Review) ids() map[string]bool {
	ids := map[string]bool{}
	add := func(s *review.Side) {
		for _, e := range s.Entries {
			ids[e.ID] = true
		}
	}
	if r.Check.Subject != nil {
		add(r.Check.Subject)
	}
	if r.Report == nil {
		return ids
	}
	if r.Report.Baseline != nil {
		add(r.Report.Baseline)
	}
	for _, g := range r.Report.Groups {
		add(g.Side)
	}
	return ids
}

func (r *Review) check(ctx context.Context, c *catalog.Catalog, selector string) {
	rules := c.Config().Checks
	if r.Check.Rules = len(rules); len(rules) == 0 {
		return
	}
	subject, err := review.NewestFinished(c)
	if selector != "" {
		subject, err = review.Select(ctx, c, selector)
	}
	if err == nil {
		r.Check.Subject = subject
		r.Check.Outcomes, err = review.Check(ctx, c, subject, rules)
	}
	r.Check.Problem = err
}
