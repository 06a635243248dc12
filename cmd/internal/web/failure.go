package web

import (
	"context"
	"errors"
	"io/fs"

	"github.com/gitruns/runs/cmd/internal/http1"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/view"
)

// failure makes the response for an error: what is wrong, and the next step if there is one.
func failure(err error) *http1.Response {
	return refuse(statusOf(err), err.Error(), hintOf(err))
}

func statusOf(err error) int {
	var syntax *query.SyntaxError
	var goal *query.GoalError
	var invalid *view.InvalidError
	var none *query.NotFoundError
	var missing *view.NotFoundError
	var source *repo.NoSourceError
	switch {
	case errors.As(err, &syntax), errors.As(err, &goal), errors.As(err, &invalid):
		return 400
	case errors.As(err, &none), errors.As(err, &missing), errors.As(err, &source), errors.Is(err, fs.ErrNotExist),
		errors.Is(err, repo.ErrNotActive), errors.Is(err, git.ErrNoRevision), errors.Is(err, git.ErrNoObject):
		return 404
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 503
	}
	return 500
}

func hintOf(err error) string {
	var hint *repo.HintError
	var none *query.NotFoundError
	var goal *query.GoalError
	var failed *git.Error
	switch {
	case errors.As(err, &hint):
		return hint.Hint
	case errors.As(err, &none):
		return none.Hint
	case errors.As(err, &goal):
		return "run 'runs goal " + goal.Metric + " min' or 'runs goal " + goal.Metric + " max'"
	case errors.As(err, &failed):
		return failed.Hint()
	case errors.Is(err, context.DeadlineExceeded):
		return "the answer took too long: ask for fewer runs, or for one metric"
	}
	return ""
}
