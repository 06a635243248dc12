package share

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// changedExperiments lists the experiments of the working tree whose files a commit lacks or has otherwise, by their
// names. commit may be empty. Files that cannot be read are left out: 'runs verify' names them. beside is set for a
// commit of a branch that is not checked out: nobody updates the working tree when it moves, so that files which were
// changed there since this clone wrote them are left out, too.
func changedExperiments(ctx context.Context, r *repo.Repository, trees *git.Trees, commit, at string, beside bool) (
	[]string, error,
) {
	all, _ := r.ExperimentsHere()
	if len(all) == 0 {
		return nil, nil
	}
	there := map[string]string{}
	folder, ok, err := trees.Find(commit, path.Join(at, repo.ExperimentsName))
	if err != nil {
		return nil, err
	}
	if ok && folder.IsTree() {
		entries, err := trees.Read(folder.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			there[path.Join(repo.ExperimentsName, e.Name)] = e.ID
		}
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		file := format.ExperimentFile(name)
		if there[file] != "" {
			data, err := regular.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(file)))
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", file, err)
			}
			id, err := git.BlobID(there[file], int64(len(data)), bytes.NewReader(data))
			if err != nil {
				return nil, err
			}
			if id == there[file] {
				continue
			}
			if beside {
				old, err := r.ExperimentSuperseded(ctx, name, commit, path.Join(at, file), there[file])
				if err != nil {
					return nil, err
				}
				if old {
					continue
				}
			}
		}
		changed = append(changed, name)
	}
	return changed, nil
}

// addExperiments adds the files of experiments that base does not have as they are. If runs are named, only those of
// their experiments count.
func (p *plan) addExperiments(ctx context.Context, trees *git.Trees, base string, named bool) error {
	changed, err := changedExperiments(ctx, p.repo, trees, base, p.at, p.beside)
	if err != nil {
		return err
	}
	for _, name := range changed {
		if named && !slices.ContainsFunc(p.Runs, func(run CommittedRun) bool { return run.Experiment == name }) {
			continue
		}
		p.paths = append(p.paths, format.ExperimentFile(name))
		p.Experiments++
		p.Files++
	}
	return nil
}

// experimentOnTip returns the change of an experiment file on a tip that has another one than the commit: what the
// commit changed is changed there too. If one of the files cannot be read, the tip keeps its own.
func (p *replayer) experimentOnTip(ctx context.Context, c *runCommit, e git.Edit, there git.TreeEntry) (
	[]git.Edit, error,
) {
	name := placeOf(e.Path).name
	read := func(id string) (*format.Experiment, error) {
		data, err := p.trees.Blob(id, format.MaxExperimentBytes)
		if err != nil {
			return nil, err
		}
		return format.DecodeExperiment(name, data)
	}
	ours, err := read(e.ID)
	if err != nil {
		return nil, nil
	}
	theirs, err := read(there.ID)
	if err != nil {
		return nil, nil
	}
	base := &format.Experiment{Name: ours.Name}
	if len(c.Parents) > 0 {
		was, ok, err := p.trees.Find(c.Parents[0], e.Path)
		if err != nil {
			return nil, err
		}
		if ok {
			if base, err = read(was.ID); err != nil {
				return nil, nil
			}
		}
	}
	data, err := format.EncodeExperiment(format.MergeExperiments(base, ours, theirs))
	if err != nil {
		return nil, nil
	}
	id, err := git.WriteBlob(ctx, p.dirs, data)
	return []git.Edit{{Path: e.Path, Mode: "100644", ID: id}}, err
}
