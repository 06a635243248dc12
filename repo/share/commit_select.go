package share

import (
	"context"
	"fmt"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Selection selects runs to commit. The zero value selects every finished run that is not committed.
type Selection struct {
	Selectors  []string
	Where      string // an expression
	Group      string
	Experiment string

	AllWorktrees bool // Where, Group and Experiment select runs of other worktrees too
}

// Empty reports whether the selection is the zero value.
func (s Selection) Empty() bool {
	return len(s.Selectors) == 0 && s.Where == "" && s.Group == "" && s.Experiment == ""
}

// IDs returns the ids of the selected runs of a catalog, and the keys in the selection's expression that no run has. An
// active run is an error if it is selected by its own name, and is left out otherwise. If no run is selected, the error
// is a *query.NotFoundError. IDs must not be called on an empty selection.
func (s Selection) IDs(ctx context.Context, c *catalog.Catalog) ([]string, []catalog.MissingKey, error) {
	selectors := s.Selectors
	if s.Group != "" {
		selectors = append(selectors[:len(selectors):len(selectors)], "group="+s.Group)
	}
	rows, err := c.SelectRows(ctx, selectors)
	if err != nil {
		return nil, nil, err
	}
	rows, missing, err := c.MatchRows(rows, s.Where)
	if err != nil {
		return nil, missing, err
	}
	if rows, err = c.Prove(rows, s.Where); err != nil {
		return nil, missing, err
	}
	entries, err := c.Load(rows)
	if err != nil {
		return nil, missing, err
	}
	byItself := len(selectors) > 0 && s.Where == "" && s.Group == ""
	if !s.AllWorktrees && !byItself {
		named, err := c.SelectRows(ctx, s.Selectors)
		if err != nil {
			return nil, missing, err
		}
		byName := map[string]bool{}
		for _, r := range named {
			byName[r.ID()] = len(s.Selectors) > 0
		}
		entries = slices.DeleteFunc(entries, func(e *repo.Entry) bool { return e.Worktree() != nil && !byName[e.ID] })
	}
	var ids []string
	for _, e := range entries {
		switch {
		case e.Active == nil:
			ids = append(ids, e.ID)
		case byItself:
			return nil, missing, &repo.HintError{
				Err:  fmt.Errorf("committing run %s: it is still running", e.ID),
				Hint: fmt.Sprintf("run 'runs finish %s' first", e.ID),
			}
		}
	}
	if len(ids) == 0 {
		what := s.Where
		if what == "" {
			what = "-e " + s.Experiment
		}
		return nil, missing, &query.NotFoundError{
			Selector: what, Reason: "no finished run matches; run 'runs ls' to list the runs",
		}
	}
	return ids, missing, nil
}

// CommitFinished commits a run that has just finished, if commit.auto is set. It returns nil if it is not set, or if
// the run was unsuccessful. If it fails, the run stays recorded, and the next Commit includes it.
func CommitFinished(ctx context.Context, r *repo.Repository, run *format.Run) (*Committed, error) {
	if run == nil || run.Status != format.Finished {
		return nil, nil
	}
	config, err := r.Config()
	if err != nil || !config.Commit.Auto {
		return nil, err
	}
	return Commit(ctx, r, Request{IDs: []string{run.ID}, Branch: config.Commit.Branch})
}
