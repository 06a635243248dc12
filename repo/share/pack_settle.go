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

// lastVersion returns the version of a run to which those in all other places lead.
func (x *repacking) lastVersion(id string) (runFiles, error) {
	v, err := versionsIn(x.writer.trees, x.tip, x.at, id)
	if err != nil {
		return nil, err
	}
	if record, ok := v.own[repo.RecordName]; ok {
		same, err := sameFile(filepath.Join(x.repo.RunDir(id), repo.RecordName), record.ID)
		if err == nil && !same {
			return nil, &repo.HintError{
				Err: errors.New("its run.toml has changed since the commit"), Hint: "run 'runs commit' first",
			}
		}
	}
	files, _, err := v.last()
	return files, err
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
