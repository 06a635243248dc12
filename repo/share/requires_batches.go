package share

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// withBatches returns a config.toml that requires what a reader must know to find the runs of batches. changed is false
// if it does already.
func withBatches(data []byte) (next []byte, changed bool, err error) {
	config, err := format.DecodeConfig(configName, data)
	if err != nil {
		return nil, false, err
	}
	if slices.Contains(config.Requires.Entries, format.BatchRequires) {
		return data, false, nil
	}
	list := []any{}
	for _, entry := range append(slices.Clone(config.Requires.Entries), format.BatchRequires) {
		list = append(list, entry)
	}
	next, err = format.SetConfig(data, []string{"requires"}, list)
	return next, err == nil, err
}

// requireBatches adds to the config.toml of the commit that a reader must know batches, so that an older program says
// that it must be upgraded. A file that has changes of the user's own is changed only on disk.
func (p *plan) requireBatches(ctx context.Context, w *writer, place bool) error {
	e, ok, err := w.trees.Find(p.known.tree, configName)
	if err != nil {
		return err
	}
	file := filepath.Join(p.repo.Dir, configName)
	own, err := regular.ReadFile(file)
	if err != nil {
		return nil // without settings on disk, the branch keeps its own
	}
	committed := own
	if ok {
		if committed, err = w.trees.Blob(e.ID, format.MaxConfigBytes); err != nil {
			return err
		}
	}
	next, changed, err := withBatches(committed)
	if err != nil {
		return fmt.Errorf("adding %q to requires in %s: %w", format.BatchRequires, configName, err)
	}
	if !changed {
		return nil
	}
	if place {
		mine, changed, err := withBatches(own)
		if err != nil {
			return fmt.Errorf("adding %q to requires in %s: %w", format.BatchRequires, configName, err)
		}
		if changed {
			if err := p.repo.WriteConfig(mine); err != nil {
				return err
			}
		}
		if string(own) != string(committed) || !ok && !slices.Contains(p.paths, configName) {
			p.Warnings = append(p.Warnings, fmt.Sprintf(
				"%s now requires %q; commit it together with your other changes of that file",
				path.Join(p.at, configName), format.BatchRequires))
			return nil
		}
	}
	encoder := p.objects.Encoder()
	id, err := encoder.Blob(next, "")
	if err == nil {
		err = encoder.Flush()
	}
	if err != nil {
		return err
	}
	if !slices.Contains(p.paths, configName) {
		p.paths = append(p.paths, configName)
	}
	p.blobs[configName] = id
	return nil
}

// addsBatches reports whether a commit changes config.toml only so that readers must know batches.
func addsBatches(trees *git.Trees, was, is string) bool {
	before, err := trees.Blob(was, format.MaxConfigBytes)
	if err != nil {
		return false
	}
	next, changed, err := withBatches(before)
	if err != nil || !changed {
		return false
	}
	after, err := trees.Blob(is, format.MaxConfigBytes)
	return err == nil && string(after) == string(next)
}

// requireOnTip returns the change that makes the config.toml of the tip require batches, if that of the commit does.
func (p *replayer) requireOnTip(ctx context.Context, at, ours string, there git.TreeEntry) ([]git.Edit, error) {
	if data, err := p.trees.Blob(ours, format.MaxConfigBytes); err != nil {
		return nil, err
	} else if _, lacks, err := withBatches(data); err != nil || lacks {
		return nil, nil
	}
	data, err := p.trees.Blob(there.ID, format.MaxConfigBytes)
	if err != nil {
		return nil, err
	}
	next, changed, err := withBatches(data)
	if err != nil || !changed {
		return nil, nil // what cannot be read stays
	}
	id, err := git.WriteBlob(ctx, p.dirs, next)
	return []git.Edit{{Path: path.Join(at, configName), Mode: "100644", ID: id}}, err
}
