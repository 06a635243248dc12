package registry

import (
	"context"
	"fmt"

	"github.com/gitruns/runs/repo"
)

// RefuseRemoval returns an error if a version names one of the runs, which are given by their ids. A file of the
// registry that cannot be read names none: Verify reports it.
func (g *Registry) RefuseRemoval(ctx context.Context, ids map[string]bool) error {
	models, _, err := g.Models(ctx)
	if err != nil {
		return err
	}
	for _, m := range models {
		for _, v := range m.Versions {
			if ids[v.Run] {
				return &repo.HintError{
					Err:  fmt.Errorf("run %s is version %s of a model", v.Run, v),
					Hint: fmt.Sprintf("run 'runs model rm %s' first", v.Exact()),
				}
			}
		}
	}
	return nil
}
