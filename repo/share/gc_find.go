package share

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// references are the shared files that the runs of one .runs folder refer to.
type references struct {
	any         map[string]bool
	uncommitted map[string]bool // referred to by a run that no branch has
	onBranch    map[string]bool // shared files that some branch has
}

// collect finds the files to remove.
func (c *collector) collect(ctx context.Context) error {
	var tips []string
	if c.repo.InGit {
		var err error
		if tips, err = git.Tips(ctx, c.repo.Git); err != nil {
			return err
		}
	}
	ours, err := c.names(ctx, c.repo, tips)
	if err != nil {
		return err
	}
	onDisk, err := c.repo.SharedFiles()
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, f := range onDisk {
		sizes[f.Name] = f.Bytes
	}
	tracked, err := c.tracked(ctx)
	if err != nil {
		return err
	}
	all := maps.Clone(tracked.head)
	maps.Copy(all, tracked.branch)
	for name := range sizes {
		all[name] = ""
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if ours.any[name] {
			continue
		}
		if c.repo.NeededSince(name, c.since) {
			c.done.Recent++
			continue
		}
		size, there := sizes[name]
		_, committed := tracked.branch[name]
		_, atHead := tracked.head[name]
		if !there && !committed {
			continue // it is in the commit that is checked out, but not on the runs branch
		}
		if !there {
			if _, size, _, err = c.trees.Sum(tracked.branch[name], maxBlobBytes); err != nil {
				return err
			}
		}
		if committed {
			c.committed = append(c.committed, name)
		}
		if there && (!atHead || c.local.checkedOut) {
			c.onDisk = append(c.onDisk, name)
		}
		c.done.Files = append(c.done.Files, name)
		c.done.Bytes += size
	}
	return c.collectKept(ctx, ours, tips)
}

// trackedFiles are the shared files that Git has, with their blobs.
type trackedFiles struct {
	branch map[string]string // on the runs branch
	head   map[string]string // in the commit that is checked out
}

func (c *collector) tracked(ctx context.Context) (trackedFiles, error) {
	t := trackedFiles{map[string]string{}, map[string]string{}}
	if !c.repo.InGit {
		return t, nil
	}
	branch, err := readSnapshot(c.trees, c.local.tip, c.at)
	if err != nil {
		return t, err
	}
	tip, err := git.ReadTip(ctx, c.repo.Git)
	if err != nil {
		return t, err
	}
	head, err := readSnapshot(c.trees, tip.Commit, c.at)
	if err != nil {
		return t, err
	}
	return trackedFiles{branch.shared, head.shared}, nil
}

// collectKept finds the second copies that are no longer needed: those of files that a branch also has, if every run
// that refers to the file is on a branch. It looks at every .runs folder of the Git repository.
func (c *collector) collectKept(ctx context.Context, ours *references, tips []string) error {
	kept, err := c.repo.KeptFiles()
	if err != nil || len(kept) == 0 {
		return err
	}
	siblings, err := c.repo.Siblings(ctx)
	if err != nil {
		return err
	}
	all := []*references{ours}
	for _, r := range siblings[1:] {
		theirs, err := c.names(ctx, r, tips)
		if err != nil {
			return err
		}
		all = append(all, theirs)
	}
	for _, f := range kept {
		needed := slices.ContainsFunc(all, func(n *references) bool {
			return n.uncommitted[f.Name] || n.any[f.Name] && !n.onBranch[f.Name]
		})
		if needed || c.repo.NeededSince(f.Name, c.since) {
			continue
		}
		c.copies = append(c.copies, f.Name)
		c.done.Copies++
		c.done.CopyBytes += f.Bytes
	}
	return nil
}

// names finds the shared files that the runs of a .runs folder refer to: the runs on disk, and those in the tips.
func (c *collector) names(ctx context.Context, r *repo.Repository, tips []string) (*references, error) {
	n := &references{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	committed := map[string]bool{}
	if len(tips) > 0 {
		at, err := r.TreePath()
		if err != nil {
			return nil, err
		}
		if err := c.namesInGit(ctx, n, committed, at, tips); err != nil {
			return nil, err
		}
	}
	return n, r.EachNamed(ctx, func(id string, names []string) {
		for _, name := range names {
			n.any[name] = true
			if !committed[id] {
				n.uncommitted[name] = true
			}
		}
	})
}

// namesInGit adds the shared files that runs in a commit refer to. It reads each record once, however many branches
// have it.
func (c *collector) namesInGit(ctx context.Context, n *references, committed map[string]bool, at string,
	tips []string,
) error {
	seen := map[string]bool{}
	var ids, blobs []string
	for _, tip := range tips {
		there, err := readSnapshot(c.trees, tip, at)
		if err != nil {
			return err
		}
		if err := there.unreadable(); err != nil {
			return fmt.Errorf("nothing is removed: %w", err)
		}
		for name := range there.shared {
			n.onBranch[name] = true
		}
		for id := range there.runs {
			committed[id] = true
		}
		for _, b := range there.batches {
			if seen[b.path+" "+b.tree] {
				continue
			}
			seen[b.path+" "+b.tree] = true
			for _, id := range b.ids {
				data, err := b.record(c.trees, id)
				if err != nil {
					return fmt.Errorf("run %s cannot be read, so nothing is removed: %w", id, err)
				}
				for _, name := range repo.NamedIn(data) {
					n.any[name] = true
				}
			}
		}
		for id, tree := range there.folders {
			if seen[tree] {
				continue
			}
			seen[tree] = true
			entries, err := c.trees.Read(tree)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if e.Name == repo.RecordName && strings.HasPrefix(e.Mode, "100") && !seen[e.ID] {
					seen[e.ID] = true
					ids = append(ids, id)
					blobs = append(blobs, e.ID)
				}
			}
		}
	}
	return git.ReadObjects(ctx, c.repo.Git, blobs, format.MaxRecordBytes, func(i int, data []byte, err error) error {
		if err != nil {
			return fmt.Errorf("run %s cannot be read, so nothing is removed: %w", ids[i], err)
		}
		for _, name := range repo.NamedIn(data) {
			n.any[name] = true
		}
		return nil
	})
}
