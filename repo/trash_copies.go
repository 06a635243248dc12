package repo

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// trashName is the folder of removed runs, in .runs and in the common store. In the store, it has a folder for each
// worktree, with hard links to what the trash of that worktree has: 'git clean -fdx' and 'git worktree remove' delete
// the latter.
const trashName = "trash"

// trashKept is how long the common store keeps a removed run that the trash of its worktree does not have any more.
const trashKept = 30 * 24 * time.Hour

// trashTime is the beginning of the name of a folder in the trash.
const trashTime = "20060102-150405.000000"

// trashCopies returns the folder of the common store for what a worktree has removed, or "" if there is none.
func (r *Repository) trashCopies(worktree string) string {
	store := r.commonDir()
	if store == "" || r.gone != nil || worktree == "" {
		return ""
	}
	return filepath.Join(store, trashName, worktree)
}

// allTrash lists the folders with removed runs that belong to this worktree or to none: its trash, and those of the
// common store.
func (r *Repository) allTrash() []string {
	all := []string{r.trashDir()}
	if store := r.commonDir(); store != "" && r.gone == nil {
		all = append(all, subfolders(filepath.Join(store, trashName), 1, isWorktreeID)...)
	}
	return all
}

// trashedRuns lists the folders of removed runs. A run may have two.
func (r *Repository) trashedRuns() []string {
	var runs []string
	for _, trash := range r.allTrash() {
		runs = append(runs, subfolders(trash, 2, nil)...)
	}
	return runs
}

// trash is what a worktree has removed: the folder in it, with its copies in the common store.
type trash struct {
	folders  []string
	worktree *Worktree // the other worktree; nil for this one
	runs     string    // the .runs folder of the other worktree, if it exists
}

// allTrashes lists what this worktree has removed, then that of the worktrees that do not exist any more, and then that
// of the others.
func (r *Repository) allTrashes() []trash {
	own := trash{folders: []string{r.trashDir()}}
	store := r.commonDir()
	if store == "" || r.gone != nil {
		return []trash{own}
	}
	id := worktreeIn(r.Git.Git)
	if id != "" {
		own.folders = append(own.folders, r.trashCopies(id))
	}
	all := []trash{own}
	var living []trash
	worktrees, others := r.Worktrees(), r.others()
	names := slices.Sorted(maps.Keys(others))
	for _, dir := range subfolders(filepath.Join(store, trashName), 1, isWorktreeID) {
		if name := filepath.Base(dir); others[name] == "" && name != id {
			w, ok := worktrees[name]
			if !ok {
				w = Worktree{ID: name}
			}
			w.Gone = true
			all = append(all, trash{folders: []string{dir}, worktree: &w})
		}
	}
	for _, name := range names {
		w := worktrees[name]
		living = append(living, trash{
			folders:  []string{filepath.Join(others[name], trashName), r.trashCopies(name)},
			worktree: &w, runs: others[name],
		})
	}
	return append(all, living...)
}

// undoTrash lists the folders from which Restore takes runs, one for each kind in the order in which they are tried:
// the trash of this worktree with its copies, and then the copies of each worktree that was removed.
func (r *Repository) undoTrash() [][]string {
	var all [][]string
	for _, t := range r.allTrashes() {
		if t.runs == "" {
			all = append(all, t.folders)
		}
	}
	return all
}

// keepTrashed links a removed run into the common store. It does its best: a full disk keeps nobody from removing runs.
func (r *Repository) keepTrashed(from string) {
	store := r.commonDir()
	if store == "" || r.gone != nil {
		return
	}
	worktree, err := r.worktree()
	if err != nil {
		return
	}
	to := filepath.Join(r.trashCopies(worktree), filepath.Base(filepath.Dir(from)), filepath.Base(from))
	if r.makeShared(filepath.Dir(to)) != nil {
		return
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+filepath.Base(from))
	err = r.linkTree(from, tmp)
	if err == nil && exists(from+trashedFrom) {
		err = linkOrCopy(from+trashedFrom, to+trashedFrom)
	}
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
	}
}

// dropTrashed removes a run that was restored from all folders of one trash.
func dropTrashed(folders []string, batch, id string) error {
	var errs []error
	for _, dir := range folders {
		run := filepath.Join(dir, batch, id)
		errs = append(errs, os.RemoveAll(run))
		_ = os.Remove(run + trashedFrom)
		_ = os.Remove(filepath.Dir(run)) // only if it is empty
	}
	return errors.Join(errs...)
}

// batchesOfTrash lists the names of the folders of one trash, oldest first.
func batchesOfTrash(folders []string) ([]string, error) {
	var names []string
	for _, dir := range folders {
		err := realDir(dir)
		var entries []fs.DirEntry
		if err == nil {
			entries, err = os.ReadDir(dir)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// inTrash returns the folder of a removed run, in the first folder that has it.
func inTrash(folders []string, batch, id string) (string, bool) {
	for _, dir := range folders {
		run := filepath.Join(dir, batch, id)
		if realDir(filepath.Dir(run)) == nil && realDir(run) == nil {
			return run, true
		}
	}
	return "", false
}

// moveRun moves the folder of a run, also to another file system.
func (r *Repository) moveRun(from, to string) error {
	err := putBack(from, to)
	if errors.Is(err, syscall.EXDEV) {
		if err = r.linkRun(from, to); err == nil {
			err = os.RemoveAll(from)
		}
	}
	return err
}

// ClearTrash removes runs for good that were removed long ago, from the common store: those that the trash of the
// worktree does not have any more in which they were removed. It returns their number.
func (r *Repository) ClearTrash() (removed int, err error) {
	store := r.commonDir()
	if store == "" || r.gone != nil {
		return 0, nil
	}
	trashes := map[string]string{worktreeIn(r.Git.Git): r.trashDir()}
	for id, runs := range r.others() {
		trashes[id] = filepath.Join(runs, trashName)
	}
	for _, dir := range subfolders(filepath.Join(store, trashName), 1, isWorktreeID) {
		for _, batch := range subfolders(dir, 1, nil) {
			name := filepath.Base(batch)
			at, bad := time.Parse(trashTime, name[:min(len(name), len(trashTime))])
			if bad != nil || now().Sub(at) < trashKept {
				continue
			}
			if trash := trashes[filepath.Base(dir)]; trash != "" && exists(filepath.Join(trash, name)) {
				continue
			}
			for _, run := range subfolders(batch, 1, nil) {
				if !strings.HasPrefix(filepath.Base(run), newPrefix) {
					removed++
				}
			}
			err = errors.Join(err, os.RemoveAll(batch))
		}
		_ = os.Remove(dir) // only if it is empty
	}
	return removed, err
}
