package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// lateRemovals returns the folder of the common store with the removal markers that no commit may hold yet. All
// worktrees read them. It is empty outside Git, and for a revision.
func (r *Repository) lateRemovals() string {
	home, ok := r.lateHome()
	if !ok {
		return ""
	}
	return filepath.Join(home.Dir, RemovedName)
}

// LateRemovals lists the runs whose removal markers the common store has.
func (r *Repository) LateRemovals() ([]string, error) {
	dir := r.lateRemovals()
	if dir == "" {
		return nil, nil
	}
	ids, err := markersIn(dir)
	if err != nil {
		return nil, fmt.Errorf("listing removed runs: %w", err)
	}
	return ids, nil
}

// markersIn lists the removal markers of a folder. If it does not exist or is a link, there are none.
func markersIn(dir string) ([]string, error) {
	if realDir(dir) != nil {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		if format.CheckID(entry.Name()) == nil {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// MarkedHere reports whether the working tree has the removal marker of a run, also one that a sparse checkout leaves
// out. Otherwise only the common store has it.
func (r *Repository) MarkedHere(id string) bool {
	dir := filepath.Join(r.Dir, RemovedName)
	return realDir(dir) == nil && exists(filepath.Join(dir, id)) || r.left.has(RemovedName+"/"+id)
}

// MarkerFolders lists the folders in which removal markers may be. They need not exist.
func (r *Repository) MarkerFolders() []string {
	folders := []string{filepath.Join(r.Dir, RemovedName)}
	if late := r.lateRemovals(); late != "" {
		folders = append(folders, late)
	}
	return folders
}

// mark writes the removal marker of a run: first into the common store, where nothing that is done to this worktree
// removes it.
func (r *Repository) mark(id string) error {
	if err := r.markLate(id); err != nil {
		return err
	}
	err := r.GatherRemoval(id)
	if err != nil {
		_ = r.DropRemovals([]string{id})
	}
	return err
}

func (r *Repository) markLate(id string) error {
	late := r.lateRemovals()
	if late == "" {
		return nil
	}
	for tries := 0; ; tries++ {
		err := r.makeShared(late)
		if err == nil {
			_, err = writeNew(filepath.Join(late, id), []byte(removedText))
		}
		if !errors.Is(err, fs.ErrNotExist) || tries == 3 { // another process may just have removed the empty folder
			return err
		}
	}
}

// GatherRemoval writes the removal marker of a run into the working tree, from which it is committed.
func (r *Repository) GatherRemoval(id string) error {
	dir := filepath.Join(r.Dir, RemovedName)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := realDir(dir); err != nil {
		return err
	}
	_, err := writeNew(filepath.Join(dir, id), []byte(removedText))
	return err
}

// Unmark removes the removal marker of a run wherever it is.
func (r *Repository) Unmark(id string) error {
	_, err := r.unmark(id)
	return err
}

// unmark is Unmark. It reports whether there was a marker.
func (r *Repository) unmark(id string) (was bool, err error) {
	for _, dir := range r.MarkerFolders() {
		removed := os.Remove(filepath.Join(dir, id))
		if removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		was = was || removed == nil
	}
	r.tidyRemovals()
	return was, err
}

// DropRemovals removes markers from the common store. The caller knows that a commit holds them.
func (r *Repository) DropRemovals(ids []string) error {
	dir := r.lateRemovals()
	if dir == "" {
		return nil
	}
	for _, id := range ids {
		if err := os.Remove(filepath.Join(dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the marker of run %s from %s: %w", id, dir, err)
		}
	}
	r.tidyRemovals()
	return nil
}

// tidyRemovals removes the folder of the common store if it is empty.
func (r *Repository) tidyRemovals() {
	if dir := r.lateRemovals(); dir != "" {
		_ = os.Remove(dir)
		_ = os.Remove(filepath.Dir(dir))
	}
}
