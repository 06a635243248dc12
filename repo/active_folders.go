package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// activeFolders lists the folders that may hold active runs of this repository, first the one that new runs go into.
// There is more than one in Git, because a working tree may have become a sparse checkout, or have stopped being one,
// while a run goes on.
func (r *Repository) activeFolders() []string {
	folders := []string{r.active}
	if !r.InGit || r.commit != "" || r.Git.Linked() {
		return folders
	}
	for _, other := range []string{filepath.Join(r.Dir, "active"), commonActive(r.Git)} {
		if other != r.active && realDir(other) == nil {
			folders = append(folders, other)
		}
	}
	return folders
}

// activeEntries lists what is in the folders of active runs, with the folder of each.
func (r *Repository) activeEntries() (entries []fs.DirEntry, folders []string, err error) {
	for _, folder := range r.activeFolders() {
		names, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		for _, name := range names {
			entries, folders = append(entries, name), append(folders, folder)
		}
	}
	return entries, folders, nil
}

// elsewhere reports whether an active run belongs to another working tree: they share one folder of active runs.
func (a *Active) elsewhere() bool {
	r := a.repo
	if !r.InGit || filepath.Dir(a.Dir) != commonActive(r.Git) {
		return false
	}
	if filepath.Dir(a.Dir) == r.active {
		return !a.goesHere()
	}
	owners, err := a.owners()
	return err != nil || len(owners) == 0 || !r.isOwn(owners[0])
}

// activeDir returns the folder of the active run with this id.
func (r *Repository) activeDir(id string) string {
	for _, folder := range r.activeFolders()[1:] {
		if dir := filepath.Join(folder, id); exists(filepath.Join(dir, RecordName)) && format.CheckID(id) == nil &&
			!exists(filepath.Join(r.active, id)) {
			return dir
		}
	}
	return filepath.Join(r.active, id)
}
