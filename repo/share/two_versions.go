package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// runVersions are the versions that a commit has of one run. It has several after a merge of branches one of which
// packed the run and the other one redacted it, and after a squash merge of a branch that was merged so before.
type runVersions struct {
	trees    *git.Trees
	tree, at string
	id       string
	own      runFiles     // of its own folder, which may have only annotations
	batches  []*heldBatch // that have the run
}

// versionsIn reads the versions that a commit or tree has of a run.
func versionsIn(trees *git.Trees, tree, at, id string) (*runVersions, error) {
	folder, batches, err := placesIn(trees, tree, at, id)
	if err != nil {
		return nil, err
	}
	own, err := filesOf(trees, id, folder, nil)
	return &runVersions{trees: trees, tree: tree, at: at, id: id, own: own, batches: batches}, err
}

// last returns the version to which those in all other places lead, and the batch that has it; for one in a folder of
// its own, that is nil. What its place lacks, because a merge took only the files that both sides had changed, comes
// from the others.
func (v *runVersions) last() (runFiles, *heldBatch, error) {
	var places []runFiles
	var in []*heldBatch
	if _, ok := v.own[repo.RecordName]; ok {
		places, in = append(places, v.own), append(in, nil)
	}
	for _, b := range v.batches {
		files, err := b.runFiles(v.trees, v.id)
		if err != nil {
			return nil, nil, err
		}
		places, in = append(places, files), append(in, b)
	}
	for i := range places {
		whole := maps.Clone(places[i])
		for _, other := range append(places, v.own) {
			for name, f := range other {
				if _, ok := whole[name]; !ok {
					whole[name] = f
				}
			}
		}
		follows, err := v.leadTo(places, whole)
		if err != nil {
			return nil, nil, err
		}
		if follows {
			return whole, in[i], nil
		}
	}
	return nil, nil, &repo.HintError{
		Err:  errors.New("the branch has it in two versions, and neither is a redaction of the other"),
		Hint: fmt.Sprintf("run 'git log -- .runs/%s' to find the commits that brought them", path.Dir(runPath(v.id))),
	}
}

// leadTo reports whether all versions of the run lead to this one.
func (v *runVersions) leadTo(versions []runFiles, files runFiles) (bool, error) {
	shared := sharedNear(v.trees, v.tree, v.at)
	now := versionOf(v.trees, files, shared)
	for _, other := range versions {
		_, err := transition.Check(versionOf(v.trees, other, shared), now, false)
		if isBroken(err) {
			return false, err
		}
		if err != nil {
			return false, nil
		}
	}
	return true, nil
}

// inOneVersion returns the tree of a commit, but with each run in one version: the one to which the others lead.
func inOneVersion(ctx context.Context, r *repo.Repository, trees *git.Trees, commit, at string) (string, error) {
	c, err := trees.Commit(commit)
	if err != nil {
		return "", err
	}
	known, err := readSnapshot(trees, commit, at)
	if err != nil {
		return "", err
	}
	var edits []git.Edit
	drop := map[string]map[string]bool{} // runs that a batch loses, by its path
	for _, id := range slices.Sorted(maps.Keys(known.in)) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if known.removed[id] || len(known.in[id]) == 1 && known.folders[id] == "" {
			continue
		}
		if _, err := known.run(id); !errors.Is(err, errTwoVersions) {
			continue // what cannot be read is reported when the run is merged
		}
		v, err := versionsIn(trees, commit, at, id)
		if err != nil {
			return "", fmt.Errorf("run %s: %w", id, err)
		}
		more, err := v.keepLast(ctx, r, drop)
		if err != nil {
			return "", fmt.Errorf("run %s: %w", id, err)
		}
		edits = append(edits, more...)
	}
	var added []git.Edit
	for _, name := range slices.Sorted(maps.Keys(drop)) {
		rest, err := known.batches[name].rebuild(ctx, r.Git, trees, drop[name])
		if err != nil {
			return "", err
		}
		edits = append(edits, git.Edit{Path: path.Join(at, name)})
		for _, e := range rest {
			e.Path = path.Join(at, e.Path)
			added = append(added, e)
		}
	}
	return trees.Edit(c.Tree, append(edits, added...))
}

// keepLast returns changes that leave the run in its last version only, and adds the run to what its batches lose.
func (v *runVersions) keepLast(ctx context.Context, r *repo.Repository, drop map[string]map[string]bool,
) ([]git.Edit, error) {
	files, in, err := v.last()
	if err != nil {
		return nil, err
	}
	for _, b := range v.batches {
		if b != in {
			mark(drop, b.path, v.id)
		}
	}
	var edits []git.Edit
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		full := path.Join(v.at, runPath(v.id), name)
		_, own := v.own[name]
		switch f := files[name]; {
		case in != nil && own && path.Dir(name) != "notes" && (f.batch == in || f.at != ""):
			edits = append(edits, git.Edit{Path: full})
		case in == nil && !own: // it is only in a batch, which loses the run
			data, err := f.read(v.trees, format.MaxBatchBytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			blob, err := git.WriteBlob(ctx, r.Git, data)
			if err != nil {
				return nil, err
			}
			edits = append(edits, git.Edit{Path: full, Mode: "100644", ID: blob})
		}
	}
	return edits, nil
}
