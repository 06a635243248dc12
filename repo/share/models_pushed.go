package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/secret"
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

// StagedModelSecrets searches the files of the registry that the commit which Git is making adds or changes. Only the
// pre-commit hook may call it. Findings that the configuration allows are left out.
func StagedModelSecrets(ctx context.Context, r *repo.Repository) ([]Finding, error) {
	at, err := r.TreePath()
	if err != nil || !r.InGit {
		return nil, nil // no commit has .runs
	}
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	from := tip.Commit
	if from == "" {
		if from, err = trees.Empty(); err != nil {
			return nil, err
		}
	}
	folder := path.Join(at, format.ModelsName)
	if changed, err := git.Staged(ctx, r.Git, from, folder); err != nil || !changed {
		return nil, err
	}
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	staged, err := git.Tracked(ctx, r.Git, folder)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	var unsearched []error // such a file must not hide what others hold
	for _, e := range staged {
		if e.Mode != "100644" && e.Mode != "100755" {
			continue
		}
		was, has, err := trees.Find(from, e.Path)
		if err != nil {
			return findings, err
		}
		if has && was.ID == e.ID {
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(e.Path, at), "/")
		data, err := trees.Blob(e.ID, format.MaxModelBytes)
		var finds []secret.Find
		if err == nil {
			finds, err = searchContent(ctx, name, bytes.NewReader(data), int64(len(data)))
		}
		if err != nil {
			unsearched = append(unsearched, fmt.Errorf("searching %s for secrets: %w", name, err))
		}
		for _, f := range finds {
			if _, allowed := allowedFor(config, name, f); !allowed {
				findings = append(findings, Finding{File: name, Find: f})
			}
		}
	}
	return findings, errors.Join(unsearched...)
}
