package share

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// lostRun is a lost run and a snapshot that has it.
type lostRun struct {
	id   string
	from *snapshot
}

// finder finds lost runs.
type finder struct {
	repo   *repo.Repository
	done   *RestoredLost
	trees  *git.Trees
	at     string
	tip    string            // of keptRef
	kept   *snapshot         // at the tip
	shared map[string]string // blobs of the shared files of all commits that were read
}

func (f *finder) open(ctx context.Context) error {
	var err error
	if f.at, err = f.repo.TreePath(); err != nil {
		return err
	}
	if f.tip, err = git.Resolve(ctx, f.repo.Git, keptRef); err != nil {
		return err
	}
	if f.trees, err = git.OpenTrees(ctx, f.repo.Git); err != nil {
		return err
	}
	f.kept, err = f.read(f.tip)
	if err != nil {
		f.trees.Close()
	}
	return err
}

func (f *finder) read(commit string) (*snapshot, error) {
	c, err := readSnapshot(f.trees, commit, f.at)
	if err != nil {
		return nil, err
	}
	for name, blob := range c.shared {
		if f.shared[name] == "" {
			f.shared[name] = blob
		}
	}
	return c, nil
}

func (f *finder) find(ctx context.Context, ids []string) ([]lostRun, error) {
	present, err := f.repo.FinishedIDs()
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, id := range present {
		// When Git switches branches, it leaves a run's folder with the files that it does not track.
		if _, err := os.Lstat(filepath.Join(f.repo.RunDir(id), repo.RecordName)); err == nil {
			here[id] = true
		}
	}
	removed, err := f.repo.RemovedIDs()
	if err != nil {
		return nil, err
	}
	gone := maps.Clone(removed)
	if gone == nil {
		gone = map[string]bool{}
	}
	head, others, err := f.branches(ctx, gone)
	if err != nil {
		return nil, err
	}
	if ids != nil {
		return f.named(ctx, ids, here)
	}
	var lost []lostRun
	for _, id := range slices.Sorted(maps.Keys(f.kept.runs)) {
		switch {
		case here[id], head[id], gone[id]:
		case others[id]:
			f.done.OnOtherBranches++
		default:
			lost = append(lost, lostRun{id, f.kept})
		}
	}
	return lost, nil
}

// branches returns the runs of the commit that is checked out and of the runs branch, and the runs of the other local
// branches. It adds the removal markers of the former to gone.
func (f *finder) branches(ctx context.Context, gone map[string]bool) (head, others map[string]bool, err error) {
	local, err := runsBranch(ctx, f.repo)
	if err != nil {
		return nil, nil, err
	}
	names, err := git.Branches(ctx, f.repo.Git)
	if err != nil {
		return nil, nil, err
	}
	head, others = map[string]bool{}, map[string]bool{}
	for _, ref := range append([]string{"HEAD"}, names...) {
		commit, err := git.Resolve(ctx, f.repo.Git, ref)
		if err != nil {
			return nil, nil, err
		}
		c, err := f.read(commit)
		if err != nil {
			return nil, nil, err
		}
		into := others
		if ref == "HEAD" || ref == "refs/heads/"+local.name {
			into = head
			maps.Copy(gone, c.removed)
		}
		for id := range c.runs {
			into[id] = true
		}
	}
	return head, others, nil
}

// named finds runs by their ids, also in the history of keptRef: only the history has removed runs.
func (f *finder) named(ctx context.Context, ids []string, here map[string]bool) ([]lostRun, error) {
	var lost []lostRun
	for _, id := range ids {
		if here[id] {
			return nil, fmt.Errorf("run %s is not lost: it is in the working tree", id)
		}
		if _, ok := f.kept.runs[id]; ok {
			lost = append(lost, lostRun{id, f.kept})
			continue
		}
		from, err := f.history(ctx, id)
		if err != nil {
			return nil, err
		}
		if from == nil {
			return nil, fmt.Errorf("run %s: %w", id, ErrNeverCommitted)
		}
		lost = append(lost, lostRun{id, from})
	}
	return lost, nil
}

// history returns the last snapshot of keptRef that had a run, or nil.
func (f *finder) history(ctx context.Context, id string) (*snapshot, error) {
	if f.tip == "" {
		return nil, nil
	}
	removal, err := git.LastChange(ctx, f.repo.Git, f.tip, path.Join(f.at, runPath(id)))
	if err != nil || removal == "" {
		return nil, err
	}
	c, err := f.trees.Commit(removal)
	if err != nil || len(c.Parents) == 0 {
		return nil, err
	}
	from, err := f.read(c.Parents[0])
	if err != nil || from.runs[id] == "" {
		return nil, err
	}
	return from, nil
}
