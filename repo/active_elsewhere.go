package repo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// OtherActives lists the active runs of the other worktrees of this project. The finished run of one goes to its own
// worktree, or to the common store if that worktree was removed.
func (r *Repository) OtherActives() []*Active {
	return slices.DeleteFunc(r.othersInActive(), func(a *Active) bool { return a.check() != nil })
}

// othersInActive is like OtherActives, with the finished runs whose folder in active/ is not removed yet.
func (r *Repository) othersInActive() []*Active {
	if r.commonDir() == "" {
		return nil
	}
	var all []*Active
	var trees map[string]Worktree
	for _, dir := range r.otherActiveFolders() {
		names, _ := os.ReadDir(dir) // a folder that does not exist has no runs
		for _, name := range names {
			if !name.IsDir() || format.CheckID(name.Name()) != nil {
				continue
			}
			if trees == nil {
				trees = r.Worktrees()
			}
			if a := r.otherActive(filepath.Join(dir, name.Name()), trees); a != nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// otherActiveFolders returns the folders with active runs of other worktrees.
func (r *Repository) otherActiveFolders() []string {
	linked := filepath.Join(r.Git.Common, "runs", "active")
	if !r.Git.Linked() {
		return []string{linked}
	}
	folders := []string{linked}
	at, err := r.TreePath()
	if main := r.Worktrees()[worktreeIn(r.Git.Common)]; err == nil && main.Root != "" {
		folders = append(folders, filepath.Join(main.Root, filepath.FromSlash(at), "active"))
	}
	return folders
}

// otherActive returns the active run in a folder if it is of another worktree of this project, otherwise nil.
func (r *Repository) otherActive(dir string, trees map[string]Worktree) *Active {
	a := &Active{ID: filepath.Base(dir), Dir: dir, repo: r}
	owners, err := a.owners()
	if err != nil || len(owners) == 0 || r.isOwn(owners[0]) {
		return nil
	}
	owner := owners[0]
	w, known := trees[owner.Worktree]
	runs := owner.Runs
	if known && !w.Gone { // it may have been moved
		if at, err := r.TreePath(); err == nil && owner.Store == filepath.Base(r.commonDir()) {
			runs = filepath.Join(w.Root, filepath.FromSlash(at))
		}
	}
	if isDir(runs) {
		other, err := open(runs)
		if err == nil && other.InGit && sameFile(other.Git.Common, r.Git.Common) {
			if other.commonDir() == "" || filepath.Base(other.commonDir()) != filepath.Base(r.commonDir()) {
				return nil
			}
			a.repo = other
			a.other = &Worktree{ID: owner.Worktree, Root: other.Git.Root}
			return a
		}
	}
	if goneKey(owner) != filepath.Base(r.commonDir()) {
		return nil
	}
	a.repo = goneRepository(r.Git.Common, owner)
	a.other = a.repo.gone
	return a
}

// goneKey returns the name of the common store for a run whose worktree was removed.
func goneKey(owner *format.Owner) string {
	if owner.Store == "" { // started by an earlier version
		return storeKey(DirName)
	}
	return owner.Store
}

// goneRepository returns the repository of a run whose worktree was removed. Its finished runs go to the common store.
func goneRepository(gitCommon string, owner *format.Owner) *Repository {
	r := &Repository{
		Dir: owner.Runs, Root: filepath.Dir(owner.Runs), InGit: true,
		active: filepath.Join(gitCommon, "runs", "active"),
		gone:   &Worktree{ID: owner.Worktree, Root: filepath.Dir(owner.Runs), Gone: true},
	}
	if !isWorktreeID(r.gone.ID) {
		r.gone.ID = "unknown"
	}
	r.Git.Root, r.Git.Git, r.Git.Common = r.Root, gitCommon, gitCommon
	r.goneTo = commonDirOf(gitCommon, goneKey(owner))
	r.config = func() (*format.Config, error) { return format.DefaultConfig(), nil }
	return r
}

// isOwn reports whether the run of an owner goes to this working tree.
func (r *Repository) isOwn(owner *format.Owner) bool {
	if owner.Worktree != "" && r.InGit && worktreeIn(r.Git.Git) == owner.Worktree {
		return owner.Store == "" || owner.Store == filepath.Base(r.commonDir())
	}
	return owner.Runs == r.Dir
}

// openElsewhere opens an active run of another worktree by its id. The error is ErrNotActive if there is none.
func (r *Repository) openElsewhere(id string) (*Active, error) {
	if r.commonDir() != "" {
		for _, dir := range r.otherActiveFolders() {
			if at := filepath.Join(dir, id); exists(filepath.Join(at, RecordName)) {
				if a := r.otherActive(at, r.Worktrees()); a != nil {
					return a, a.check()
				}
			}
		}
	}
	return nil, errors.New("no other worktree has it")
}

// openLinked opens the active run in a folder of the Git folder whose worktree was moved or removed. It returns nil if
// the .runs folder of the owner exists, or if the folder is not in a Git folder.
func openLinked(dir string, owner *format.Owner) *Active {
	if isDir(owner.Runs) {
		return nil
	}
	common := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	if filepath.Dir(dir) != filepath.Join(common, "runs", "active") || !isDir(filepath.Join(common, "objects")) {
		return nil
	}
	a := &Active{ID: filepath.Base(dir), Dir: dir, repo: goneRepository(common, owner)}
	if w, ok := a.repo.Worktrees()[owner.Worktree]; ok && !w.Gone {
		root := readLine(filepath.Join(a.repo.goneTo, fromName, w.ID, rootName))
		if rel, err := filepath.Rel(root, owner.Runs); err == nil {
			if other, err := open(filepath.Join(w.Root, rel)); err == nil && other.InGit {
				a.repo = other
				return a
			}
		}
	}
	a.other = a.repo.gone
	return a
}

// makeDay makes the day folder that a run goes to, and in the common store what says which worktree the run is of.
func (r *Repository) makeDay(target string) error {
	day := filepath.Dir(target)
	if r.gone != nil {
		if err := r.recordWorktree(Home{r.goneTo, true}, filepath.Base(target), r.gone.ID); err != nil {
			return err
		}
		if err := r.makeShared(day); err != nil {
			return err
		}
	} else if err := os.MkdirAll(day, 0o777); err != nil {
		return err
	}
	return realDir(day)
}
