package repo

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
)

// TableAt returns the columns of the runs of a revision, as At and List read them. What it has read of the folder of a
// day, the index keeps for as long as some commit may have the same folder. The caller closes the revision.
func (r *Repository) TableAt(ctx context.Context, rev string) (*Table, *Revision, error) {
	if os.Getenv(IndexVariable) == IndexOff {
		v, err := r.At(ctx, rev)
		if err != nil {
			return nil, nil, err
		}
		entries, damage, err := v.List(ctx)
		if err != nil {
			v.Close()
			return nil, nil, err
		}
		return v.tableOf(entries, damage), v, nil
	}
	commit, tree, err := r.commitOf(ctx, rev)
	if err != nil {
		return nil, nil, err
	}
	v := r.revision(commit, tree, nil, func(string) bool { return true })
	v.ctx, v.fetched = ctx, map[string]bool{}
	t := &Table{repo: v.Repository, at: v, entries: map[string]*Entry{}}
	blocks, err := r.blocksAt(ctx, t, commit, tree)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	t.Table = index.NewTable(blocks, nil)
	return t, v, nil
}

// FolderCache returns the cache of the runs in folders of commits, or nil if IndexVariable is IndexOff.
func (r *Repository) FolderCache() *index.Cache {
	if os.Getenv(IndexVariable) == IndexOff {
		return nil
	}
	return index.OpenCache(r.indexDir(), "folders", "folders")
}

// daysTogether is how many days of a commit are read at once.
const daysTogether = 32

// blocksAt returns the blocks of the days of a commit.
func (r *Repository) blocksAt(ctx context.Context, t *Table, commit, tree string) ([]*index.Block, error) {
	folders, err := git.Folders(ctx, r.Git, commit, tree)
	if err != nil {
		return nil, err
	}
	cache := index.OpenCache(r.indexDir(), "commits", "commits")
	var blocks []*index.Block
	var missing []git.Folder
	used := map[string]bool{}
	for _, day := range folders {
		if format.CheckDay(day.Name) != nil {
			continue
		}
		used[day.ID] = true
		if b := cache.Tree(day.ID, day.Name); b != nil {
			blocks = append(blocks, b)
		} else {
			missing = append(missing, day)
		}
	}
	added := map[string]*index.Block{}
	done := 0
	for days := range slices.Chunk(missing, daysTogether) {
		if err := r.readDaysAt(ctx, t, commit, tree, days, added, &blocks); err != nil {
			return nil, err
		}
		if done += len(days); r.Reading != nil && len(missing) > daysTogether {
			r.Reading(done, len(missing))
		}
	}
	if len(added) > 0 {
		cache.AddTrees(added, used)
	}
	return blocks, nil
}

// readDaysAt reads days of a commit. Those without damage are added to the blocks that the index keeps.
func (r *Repository) readDaysAt(ctx context.Context, t *Table, commit, tree string, days []git.Folder,
	added map[string]*index.Block, blocks *[]*index.Block,
) error {
	paths := make([]string, len(days))
	for i, day := range days {
		paths[i] = path.Join(tree, day.Name)
	}
	files, err := git.FilesIn(ctx, r.Git, commit, paths...)
	if err != nil {
		return err
	}
	v := r.revision(commit, tree, files, func(string) bool { return true })
	if err := v.readRecords(ctx); err != nil {
		return err
	}
	entries, damage, err := v.List(ctx)
	if err != nil {
		return err
	}
	if len(damage) > 0 && len(days) > 1 { // find out which days it is in
		for i := range days {
			if err := r.readDaysAt(ctx, t, commit, tree, days[i:i+1], added, blocks); err != nil {
				return err
			}
		}
		return nil
	}
	t.Damage = append(t.Damage, damage...)
	byDay := map[string][]*format.Run{}
	for _, e := range entries {
		byDay[format.IDDay(e.ID)] = append(byDay[format.IDDay(e.ID)], e.Run)
	}
	for _, day := range days {
		b := index.NewBlock(byDay[day.Name])
		*blocks = append(*blocks, b)
		if len(damage) == 0 {
			added[day.ID] = b
		}
	}
	return nil
}

// load reads the records of some runs of the commit that were not read yet.
func (v *Revision) load(ctx context.Context, ids []string) error {
	v.listing.Lock()
	defer v.listing.Unlock()
	days := map[string]bool{}
	var folders []string
	for _, id := range ids {
		if day := format.IDDay(id); v.runs[id] == nil && !days[day] {
			days[day] = true
			folders = append(folders, path.Join(v.tree, day))
		}
	}
	if len(folders) > 0 {
		slices.Sort(folders)
		files, err := git.FilesIn(ctx, v.Git, v.Commit, folders...)
		if err != nil {
			return err
		}
		v.add(files)
	}
	if err := v.readBatches(ctx); err != nil {
		return err
	}
	return v.readRecordsOf(ctx, slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		run := v.runs[id]
		return run == nil || run.record != nil || run.err != nil
	}))
}
