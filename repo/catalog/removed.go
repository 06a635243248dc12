package catalog

import (
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// Removed returns the removed run that a selector names, as repo.MatchTrashed does. If it names none or several, the
// error is a *query.NotFoundError.
func Removed(r *repo.Repository, selector string) (*repo.Trashed, error) {
	all, err := r.Trashed()
	if err != nil {
		return nil, err
	}
	switch found := repo.MatchTrashed(all, selector); len(found) {
	case 0:
		return nil, &query.NotFoundError{
			Selector: selector, Reason: "no run of that name was removed",
			Hint: "run 'runs ls --removed' to list the removed runs",
		}
	case 1:
		return &found[0], nil
	default:
		return nil, &query.NotFoundError{
			Selector: selector, Reason: "several removed runs begin with it",
			Hint: "run 'runs ls --removed' to list them",
		}
	}
}
