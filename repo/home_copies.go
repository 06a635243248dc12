package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// gonePrefix begins the name of a folder that is being removed. It is renamed first, so that nobody reads or copies a
// part of it.
const gonePrefix = ".gone-"

// KeepCopy puts a finished run of the working tree into the common store too, by hard links. Nothing that is done to
// the working tree removes it there. A run that is already in the store gets the notes that it lacks. Outside Git,
// KeepCopy does nothing.
//
// The copy is not synced: the run of the working tree is, and a copy that is lost with the power is made again.
func (r *Repository) KeepCopy(id string) error {
	store := r.commonDir()
	if store == "" || r.gone != nil || !exists(filepath.Join(r.RunDir(id), RecordName)) {
		return nil
	}
	worktree, err := r.worktree()
	if err == nil {
		err = r.keepCopy(Home{store, true}, id, worktree)
	}
	if err != nil {
		return fmt.Errorf("keeping a copy of run %s in %s: %w", id, store, err)
	}
	return nil
}

func (r *Repository) keepCopy(home Home, id, worktree string) error {
	from, to := r.RunDir(id), home.RunDir(id)
	if exists(filepath.Join(to, RecordName)) {
		return addNotes(from, to)
	}
	if err := r.recordWorktree(home, id, worktree); err != nil {
		return err
	}
	return r.linkRun(from, to)
}

// recordWorktree records in the common store which worktree a run is of.
func (r *Repository) recordWorktree(home Home, id, worktree string) error {
	at := filepath.Join(home.Dir, fromName, worktree)
	if err := r.makeShared(at); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(at, id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	root := r.Git.Root
	if r.gone != nil {
		root = r.gone.Root
	}
	if name := filepath.Join(at, rootName); root != "" && readLine(name) != root {
		tmp := filepath.Join(at, newPrefix+format.RandomLetters(8))
		err := os.WriteFile(tmp, []byte(root+"\n"), 0o666)
		if err == nil {
			err = os.Rename(tmp, name)
		}
		if err != nil {
			_ = os.Remove(tmp)
		}
		return err
	}
	return nil
}

// linkRun links the files of a run into another folder, which appears whole or not at all. It copies files that cannot
// be linked, and leaves out what is neither a file nor a folder. A folder that exists without a record keeps what it
// holds.
func (r *Repository) linkRun(from, to string) error {
	for _, dir := range []string{filepath.Dir(from), from} {
		if err := realDir(dir); err != nil {
			return err
		}
	}
	if err := r.makeShared(filepath.Dir(to)); err != nil {
		return err
	}
	if err := realDir(filepath.Dir(to)); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	defer func() { _ = os.RemoveAll(tmp) }()
	err := r.linkTree(from, tmp)
	if err == nil && !exists(filepath.Join(from, RecordName)) { // it was removed meanwhile
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	err = os.Rename(tmp, to)
	if err != nil && exists(filepath.Join(to, RecordName)) {
		return nil // another process was first
	}
	if err != nil && realDir(to) == nil {
		in := &Incoming{repo: r, dir: tmp}
		err = in.merge(to)
	}
	return err
}

func (r *Repository) linkTree(from, to string) error {
	if err := os.Mkdir(to, 0o777); err != nil {
		return err
	}
	if err := r.shareFolder(to); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		source, target := filepath.Join(from, name), filepath.Join(to, name)
		switch {
		case entry.IsDir():
			err = r.linkTree(source, target)
		case !entry.Type().IsRegular() || strings.HasPrefix(name, newPrefix):
			continue
		default:
			err = linkOrCopy(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linkOrCopy gives a file a second name, or copies it if the file system or the owner of the file does not allow that.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_, err = copyFile(from, to)
	}
	return err
}

// Adopt puts a run of the common store into the working tree, so that it can be committed from it. It reports whether
// it did: a run that the working tree has is left alone.
func (r *Repository) Adopt(id string) (bool, error) {
	dir, home := r.FindRun(id)
	if !home.Common {
		return false, nil
	}
	target := r.RunDir(id)
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return false, fmt.Errorf("adding run %s to the working tree: %w", id, err)
	}
	if err := r.linkRun(dir, target); err != nil {
		return false, fmt.Errorf("adding run %s to the working tree: %w", id, err)
	}
	return true, nil
}

// Disown removes a run that Adopt put into the working tree, if the common store still has it.
func (r *Repository) Disown(id string) error {
	store := r.commonDir()
	if store == "" || !exists(filepath.Join(Home{store, true}.RunDir(id), RecordName)) {
		return nil
	}
	if err := addNotes(r.RunDir(id), Home{store, true}.RunDir(id)); err != nil {
		return err
	}
	return removeWhole(r.RunDir(id))
}

// GatherNotes adds to a run of the working tree the notes that its copy in the common store has.
func (r *Repository) GatherNotes(id string) error {
	store := r.commonDir()
	if store == "" || !exists(filepath.Join(r.RunDir(id), RecordName)) {
		return nil
	}
	return addNotes(Home{store, true}.RunDir(id), r.RunDir(id))
}

// DropCopies removes runs from the common store. The caller knows that a commit holds them.
func (r *Repository) DropCopies(ids []string) error {
	store := r.commonDir()
	if store == "" || len(ids) == 0 {
		return nil
	}
	var errs []error
	for _, id := range ids {
		dir := Home{store, true}.RunDir(id)
		err := error(nil)
		if exists(filepath.Join(r.RunDir(id), RecordName)) {
			err = addNotes(dir, r.RunDir(id))
		}
		if err == nil {
			err = removeWhole(dir)
		}
		errs = append(errs, err)
	}
	for _, at := range subfolders(filepath.Join(store, fromName), 1, isWorktreeID) {
		for _, id := range ids {
			if err := os.Remove(filepath.Join(at, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing the copies of committed runs in %s: %w", store, err)
	}
	return nil
}

// removeWhole removes the folder of a run, which vanishes at once, and its day if that is empty then.
func removeWhole(dir string) error {
	away := filepath.Join(filepath.Dir(dir), gonePrefix+format.RandomLetters(8))
	err := os.Rename(dir, away)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = os.RemoveAll(away)
	_ = os.Remove(filepath.Dir(dir))
	return err
}

// Copies returns the folders that hold a finished run: in the working tree, in the common store, and in those other
// worktrees whose index does not have it. Where Git tracks a run, a commit of that branch decides about it.
func (r *Repository) Copies(ctx context.Context, id string) ([]string, error) {
	var dirs []string
	for _, h := range r.Homes() {
		if dir := h.RunDir(id); realDir(filepath.Dir(dir)) == nil && realDir(dir) == nil {
			dirs = append(dirs, dir)
		}
	}
	if r.commonDir() == "" {
		return dirs, nil
	}
	more, err := r.copiesElsewhere(ctx, id)
	return append(dirs, more...), err
}

func (r *Repository) copiesElsewhere(ctx context.Context, id string) ([]string, error) {
	var dirs []string
	for _, runs := range r.others() {
		dir := Home{Dir: runs}.RunDir(id)
		if !exists(filepath.Join(dir, RecordName)) || realDir(filepath.Dir(dir)) != nil || realDir(dir) != nil {
			continue
		}
		tracked, err := trackedElsewhere(ctx, runs, dir)
		if err != nil {
			return nil, err
		}
		if !tracked {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs, nil
}

// trackedElsewhere reports whether the index of another worktree has a file, or a file in a folder. runs is the .runs
// folder of that worktree.
func trackedElsewhere(ctx context.Context, runs, path string) (bool, error) {
	other, err := open(runs)
	if err != nil {
		return false, err
	}
	rel, err := filepath.Rel(other.Git.Root, path)
	if err != nil {
		return false, err
	}
	tracked, err := git.Tracked(ctx, other.Git, filepath.ToSlash(rel))
	if errors.Is(err, git.ErrNoGit) {
		return false, nil
	}
	return len(tracked) > 0, err
}

// ClearStaleCopies removes what processes that died have left in the common store.
func (r *Repository) ClearStaleCopies() {
	store := r.commonDir()
	if store == "" {
		return
	}
	isDay := func(name string) bool { return format.CheckDay(name) == nil }
	for _, dir := range subfolders(store, 2, isDay) {
		name := filepath.Base(dir)
		info, err := os.Lstat(dir)
		if err == nil && (strings.HasPrefix(name, gonePrefix) ||
			strings.HasPrefix(name, newPrefix) && time.Since(info.ModTime()) > staleAfter) {
			_ = os.RemoveAll(dir)
		}
	}
	r.clearStaleMarks(store)
}

// clearStaleMarks removes from the common store what says that a worktree has recorded a run, if the store does not
// hold the run. A process that died has left it, or one is about to copy the run: it is then new.
func (r *Repository) clearStaleMarks(store string) {
	worktrees := r.Worktrees()
	for _, at := range subfolders(filepath.Join(store, fromName), 1, isWorktreeID) {
		ids, err := readNames(at)
		if err != nil {
			continue
		}
		left := false
		for _, id := range ids {
			if !isRunID(id) {
				continue
			}
			mark := filepath.Join(at, id)
			info, err := os.Lstat(mark)
			if exists(filepath.Join(Home{store, true}.RunDir(id), RecordName)) || err != nil ||
				time.Since(info.ModTime()) < staleAfter || os.Remove(mark) != nil {
				left = true
			}
		}
		inTrash := exists(filepath.Join(store, trashName, filepath.Base(at)))
		if w, ok := worktrees[filepath.Base(at)]; !left && !inTrash && (!ok || w.Gone) {
			_ = os.Remove(filepath.Join(at, rootName))
			_ = os.Remove(at) // only if it is empty
		}
	}
}

// sortElsewhere sorts by name, with the worktrees that were removed at the end.
func sortElsewhere(all []RunsElsewhere) {
	slices.SortFunc(all, func(a, b RunsElsewhere) int {
		if a.Gone != b.Gone {
			if a.Gone {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name()+a.ID, b.Name()+b.ID)
	})
}
