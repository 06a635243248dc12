package share

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
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
	if !place {
		if err := p.requireInCode(own); err != nil {
			return err
		}
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
		theirs := string(own) != string(committed) && string(own) != string(next) // next: a killed commit wrote it
		if theirs || !ok && !slices.Contains(p.paths, configName) {
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

// requireInCode adds the entry to the config.toml on disk after runs went to the runs branch. A program reads it from
// the code branch, where the user commits it.
func (p *plan) requireInCode(own []byte) error {
	config, err := p.repo.Config()
	if err != nil || config.Commit.Branch == "" || config.Commit.Branch != p.Branch {
		return err
	}
	next, changed, err := withBatches(own)
	if err != nil {
		return fmt.Errorf("adding %q to requires in %s: %w", format.BatchRequires, configName, err)
	}
	if !changed {
		return nil
	}
	if err := p.repo.WriteConfig(next); err != nil {
		return err
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf(
		"%s now requires %q, because branch %s has batches; commit it with your code, so that older programs stop",
		path.Join(p.at, configName), format.BatchRequires, p.Branch))
	return nil
}

// notRequired returns a warning if commit, whose runs are in batches, has a config.toml that does not require a reader
// to know them. batches reports whether there are any.
func notRequired(trees *git.Trees, commit, at string, batches func() (bool, error)) (string, error) {
	lacks, err := lacksBatches(trees, commit, at)
	if err != nil || !lacks {
		return "", err
	}
	there, err := batches()
	if err != nil || !there {
		return "", err
	}
	return fmt.Sprintf("%s at HEAD does not require %q; programs that do not know batches leave out runs: "+
		"commit the file with requires = [%q]", path.Join(at, configName), format.BatchRequires, format.BatchRequires), nil
}

// mergesBatches returns a warning if a merge in the working tree could mix two batches. batches reports whether there
// are any.
func mergesBatches(r *repo.Repository, at string, batches func() (bool, error)) (string, error) {
	file := filepath.Join(r.Dir, ".gitattributes")
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > format.MaxConfigBytes {
		return "", nil // a sparse checkout leaves it out, or the reader reports it
	}
	data, err := regular.ReadFile(file)
	if err != nil || strings.Contains("\n"+string(data), "\n"+repo.BatchAttributes) {
		return "", nil
	}
	there, err := batches()
	if err != nil || !there {
		return "", err
	}
	return fmt.Sprintf("%s lacks a line without which 'git merge' may mix two batches: add %q and commit the file",
		path.Join(at, ".gitattributes"), strings.TrimSpace(repo.BatchAttributes)), nil
}

// lacksBatches reports whether the commit has a config.toml that does not require batches.
func lacksBatches(trees *git.Trees, commit, at string) (bool, error) {
	_, lacks, err := readRequires(trees, commit, at)
	return lacks, err
}

// requiresBatches reports whether the commit has a config.toml that requires batches.
func requiresBatches(trees *git.Trees, commit, at string) (bool, error) {
	there, lacks, err := readRequires(trees, commit, at)
	return there && !lacks, err
}

// readRequires reports whether a commit has a config.toml that can be read, and whether that does not require batches.
func readRequires(trees *git.Trees, commit, at string) (there, lacks bool, err error) {
	e, ok, err := trees.Find(commit, path.Join(at, configName))
	if err != nil || !ok || e.IsTree() {
		return false, false, err
	}
	data, err := trees.Blob(e.ID, format.MaxConfigBytes)
	if err != nil {
		return false, false, err
	}
	_, lacks, err = withBatches(data)
	return err == nil, lacks, nil
}

// stagedAway returns a warning if the index has a config.toml without the entry that the one of the commit has.
func stagedAway(ctx context.Context, dirs git.Dirs, trees *git.Trees, commit, at string) (string, error) {
	name := path.Join(at, configName)
	was, ok, err := trees.Find(commit, name)
	if err != nil || !ok {
		return "", err
	}
	staged, err := git.Tracked(ctx, dirs, name)
	if err != nil || len(staged) != 1 || staged[0].ID == was.ID {
		return "", err
	}
	if lacks, err := lacksBatches(trees, commit, at); err != nil || lacks {
		return "", err
	}
	data, err := trees.Blob(staged[0].ID, format.MaxConfigBytes)
	if err != nil {
		return "", err
	}
	if _, lacks, err := withBatches(data); err != nil || !lacks {
		return "", nil // what cannot be read is reported where it is read
	}
	return fmt.Sprintf("this commit takes %q out of requires in %s; programs that do not know batches will leave out runs",
		format.BatchRequires, name), nil
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
