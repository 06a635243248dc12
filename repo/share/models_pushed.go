package share

import (
	"context"
	"fmt"
	"path"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/registry"
)

// warnDoubled warns of models in which the push has left two versions with one number: each clone gave it out, and
// neither knew of the other. A push makes no commit that the user has not made, so it does not number them anew.
func (p *pusher) warnDoubled(ctx context.Context, base, tip string) error {
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	folder := path.Join(at, format.ModelsName)
	is, has, err := p.trees.Find(tip, folder)
	if err != nil || !has {
		return err
	}
	if base != "" {
		if was, _, err := p.trees.Find(base, folder); err != nil || was.ID == is.ID {
			return err
		}
	}
	models, done, err := registry.At(ctx, p.repo, tip)
	if err != nil {
		return err
	}
	defer done()
	all, _, err := models.Models(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if doubled := m.Doubled(); len(doubled) > 0 {
			more := ""
			if n := len(doubled) - 1; n > 0 {
				more = fmt.Sprintf(", and of %d other numbers", n)
			}
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("model %s has several versions with the number %d%s: "+
				"others registered at the same time; run 'runs model renumber %s --commit' and push again", m.Name, doubled[0],
				more, m.Name))
		}
	}
	return nil
}
