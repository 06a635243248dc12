package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/transition"
)

// settleVersions decides about the runs that the commit has in two versions, after a merge of branches one of which
// packed a run and the other one redacted it. The version to which the others lead becomes a member.
func (x *repacking) settleVersions(ctx context.Context) error {
	x.settled = map[string]runFiles{}
	for _, id := range slices.Sorted(maps.Keys(x.known.in)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if x.known.removed[id] || len(x.known.in[id]) == 1 && x.known.folders[id] == "" {
			continue
		}
		if _, err := x.known.run(id); !errors.Is(err, errTwoVersions) {
			continue // the run is read again when it is packed
		}
		files, err := x.lastVersion(id)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		x.settled[id] = files
		x.done.Settled = append(x.done.Settled, id)
	}
	return nil
}

// lastVersion returns the version of a run to which those in all other places lead. What its place lacks, because a
// merge took only the files that both sides had changed, comes from the others.
func (x *repacking) lastVersion(id string) (runFiles, error) {
	trees := x.writer.trees
	own, err := filesOf(trees, id, x.known.folders[id], nil)
	if err != nil {
		return nil, err
	}
	var places []runFiles
	if record, ok := own[repo.RecordName]; ok {
		same, err := sameFile(filepath.Join(x.repo.RunDir(id), repo.RecordName), record.ID)
		if err == nil && !same {
			return nil, &repo.HintError{
				Err: errors.New("its run.toml has changed since the commit"), Hint: "run 'runs commit' first",
			}
		}
		places = append(places, own)
	}
	for _, b := range x.known.in[id] {
		files, err := b.runFiles(trees, id)
		if err != nil {
			return nil, err
		}
		places = append(places, files)
	}
	for i := range places {
		whole := maps.Clone(places[i])
		for _, other := range append(places, own) {
			for name, f := range other {
				if _, ok := whole[name]; !ok {
					whole[name] = f
				}
			}
		}
		last, err := x.follows(whole, places)
		if err != nil {
			return nil, err
		}
		if last {
			return whole, nil
		}
	}
	return nil, &repo.HintError{
		Err:  errors.New("the branch has it in two versions, and neither is a redaction of the other"),
		Hint: fmt.Sprintf("run 'git log -- .runs/%s' to find the commits that brought them", path.Dir(runPath(id))),
	}
}

// follows reports whether all versions of a run lead to this one.
func (x *repacking) follows(files runFiles, versions []runFiles) (bool, error) {
	shared := sharedNear(x.writer.trees, x.tip, x.at)
	now := versionOf(x.writer.trees, files, shared)
	for _, other := range versions {
		_, err := transition.Check(versionOf(x.writer.trees, other, shared), now, false)
		if isBroken(err) {
			return false, err
		}
		if err != nil {
			return false, nil
		}
	}
	return true, nil
}

// dropSettled removes from disk the files that settled runs had in folders of their own, if they are as committed.
func (x *repacking) dropSettled() error {
	for _, id := range slices.Sorted(maps.Keys(x.settled)) {
		own, err := filesOf(x.writer.trees, id, x.known.folders[id], nil)
		if err != nil {
			return err
		}
		names := append([]string{repo.RecordName}, slices.Sorted(maps.Keys(own))...) // without a record, it is no run
		for _, name := range names {
			f, ok := own[name]
			if !ok || path.Dir(name) == "notes" {
				continue
			}
			dir := x.repo.RunDir(id)
			if same, err := sameFile(filepath.Join(dir, filepath.FromSlash(name)), f.ID); err != nil || !same {
				continue
			}
			if err := repo.RemoveFromRun(dir, name); err != nil {
				return err
			}
		}
	}
	return nil
}
