package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// With the setting commit.branch, the working tree has only the experiment files that were written in this clone. The
// others are on the runs branch, with what was changed elsewhere.

// Experiments reads the experiment files, those of the runs branch too, by the names that runs have. Those that cannot
// be read are left out; damaged says why for files of the working tree, by their paths in .runs.
func (r *Repository) Experiments(ctx context.Context) (all map[string]*format.Experiment, damaged map[string]error) {
	all, damaged = r.ExperimentsHere()
	onBranch, err := r.ExperimentsOfBranch(ctx)
	if err != nil && ctx.Err() == nil {
		damaged[ExperimentsName] = err
	}
	maps.Copy(all, onBranch)
	return all, damaged
}

// ExperimentsOfBranch reads the experiment files of the runs branch that count more than those of the working tree, by
// the names that runs have. There are none without such a branch.
func (r *Repository) ExperimentsOfBranch(ctx context.Context) (map[string]*format.Experiment, error) {
	onBranch, err := r.branchExperiments(ctx, "")
	if len(onBranch) == 0 {
		return nil, err
	}
	all := make(map[string]*format.Experiment, len(onBranch))
	for _, b := range onBranch {
		if r.supersedes(ctx, b) {
			all[b.Name] = b.Experiment
		}
	}
	return all, nil
}

// Experiment returns what is known of an experiment beyond its runs. It is empty, except for the name, if there is no
// file.
func (r *Repository) Experiment(ctx context.Context, name string) (*format.Experiment, error) {
	e, err := r.ExperimentHere(name)
	if err != nil {
		return nil, err
	}
	onBranch, err := r.branchExperiments(ctx, format.ExperimentFile(name))
	for _, b := range onBranch {
		if r.supersedes(ctx, b) {
			e = b.Experiment
		}
	}
	if e == nil && err == nil {
		e = &format.Experiment{Name: name}
	}
	return e, err
}

// branchExperiment is an experiment file of the runs branch.
type branchExperiment struct {
	*format.Experiment
	commit, path, blob string
}

// branchExperiments reads the experiment files of the runs branch, or one of them. Those that cannot be read are left
// out.
func (r *Repository) branchExperiments(ctx context.Context, file string) (all []branchExperiment, err error) {
	branch, commit, err := r.RunsBranch(ctx)
	if err != nil || commit == "" {
		return nil, err
	}
	fail := func(err error) ([]branchExperiment, error) {
		return nil, fmt.Errorf("reading the experiments of branch %s: %w", branch, err)
	}
	at, err := r.TreePath()
	if err != nil {
		return fail(err)
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return fail(err)
	}
	defer trees.Close()
	folder, ok, err := trees.Find(commit, path.Join(at, ExperimentsName))
	if err != nil || !ok || !folder.IsTree() {
		return nil, err
	}
	entries, err := trees.Read(folder.ID)
	if err != nil {
		return fail(err)
	}
	for _, entry := range entries[:min(len(entries), maxExperiments)] {
		name := path.Join(ExperimentsName, entry.Name)
		if file != "" && file != name {
			continue
		}
		data, err := trees.Blob(entry.ID, format.MaxExperimentBytes)
		if ctx.Err() != nil {
			return fail(ctx.Err())
		}
		if err != nil {
			continue
		}
		if e, err := format.DecodeExperiment(name, data); err == nil {
			all = append(all, branchExperiment{e, commit, path.Join(at, name), entry.ID})
		}
	}
	return all, nil
}

// supersedes reports whether the file of the branch counts more than that of the working tree.
func (r *Repository) supersedes(ctx context.Context, b branchExperiment) bool {
	old, err := r.ExperimentSuperseded(ctx, b.Name, b.commit, b.path, b.blob)
	return err == nil && old
}

// ExperimentSuperseded reports whether the working tree has the file of an experiment as the runs branch once had it,
// and the branch has another one since. commit is that of the branch, path and blob are those of the file in it. A file
// that was written after the branch had changed is not an old one, even with the content of one: an experiment that was
// deleted and restored. Git tells seconds apart, so that such a file is written with the time of a later one. Without a
// file in the working tree, that of the branch counts.
func (r *Repository) ExperimentSuperseded(ctx context.Context, name, commit, path, blob string) (bool, error) {
	file := filepath.Join(r.Dir, filepath.FromSlash(format.ExperimentFile(name)))
	info, err := os.Lstat(file)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	data, err := readBounded(file, format.MaxExperimentBytes)
	if err != nil {
		return false, err
	}
	id, err := git.BlobID(blob, int64(len(data)), bytes.NewReader(data))
	if err != nil || id == blob {
		return false, err
	}
	blobs, changed, err := git.PathVersions(ctx, r.Git, commit, path)
	return slices.Contains(blobs, id) && info.ModTime().Before(changed.Add(time.Second)), err
}

// dateExperiment gives the file of an experiment, which has just been written, a time after the second in which the
// runs branch changed it last. If that cannot be found out, it keeps its time: most files are written long after.
func (r *Repository) dateExperiment(ctx context.Context, file, name string) error {
	_, commit, err := r.RunsBranch(ctx)
	if err != nil || commit == "" {
		return ctx.Err()
	}
	at, err := r.TreePath()
	if err != nil {
		return ctx.Err()
	}
	_, changed, err := git.PathVersions(ctx, r.Git, commit, path.Join(at, name))
	later := changed.Add(time.Second)
	if err != nil || !time.Now().Before(later) {
		return ctx.Err()
	}
	return os.Chtimes(file, later, later)
}
