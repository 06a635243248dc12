package repo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// A worktree can have no .runs folder although its project has one: it was made before a commit had the folder. Its
// commands work all the same. They read the settings of another worktree as these are now, because a copy would hide
// what is changed there. The first command that writes makes a .runs folder that Git does not see, so that a merge of
// the commit that brings the settings meets no file in its way. A commit of runs makes it an ordinary one.

// ownIgnoreFile is the .gitignore of such a folder. It ignores itself.
const ownIgnoreFile = "# Written by runs. The settings are those of another worktree until a commit has them.\n*\n"

// findInWorktrees opens the repository of the first of the folders, none of which has a .runs folder, that is one in
// another worktree. If no folder above has one either, a common store with runs of that path is enough. It returns nil
// if there is none, or if Git knows the folder: then it was deleted here.
func findInWorktrees(project git.Dirs, folders []string, above bool) (*Repository, error) {
	for _, folder := range folders {
		at, err := filepath.Rel(project.Root, filepath.Join(folder, DirName))
		if err != nil || !filepath.IsLocal(at) {
			continue
		}
		at = filepath.ToSlash(at)
		stored := !above && len(dayNames(commonDirOf(project.Common, storeKey(at)))) > 0
		if !stored && len(otherProjects(project, at)) == 0 {
			continue
		}
		known, err := git.Indexed(context.Background(), project, at)
		if errors.Is(err, git.ErrNoGit) {
			err = nil
		}
		if err != nil || len(known) > 0 {
			return nil, err
		}
		r, err := open(filepath.Join(folder, DirName))
		if err == nil {
			r.absent = true
		}
		return r, err
	}
	return nil, nil
}

// otherProjects lists the .runs folders with settings that the other worktrees have at a path of the working tree: that
// of the main one first.
func otherProjects(project git.Dirs, at string) []string {
	var roots []string
	for _, dir := range subfolders(filepath.Join(project.Common, "worktrees"), 1, nil) {
		if link := readLine(filepath.Join(dir, "gitdir")); link != "" {
			if !filepath.IsAbs(link) {
				link = filepath.Join(dir, link)
			}
			roots = append(roots, filepath.Dir(link))
		}
	}
	slices.Sort(roots)
	if filepath.Base(project.Common) == ".git" {
		roots = slices.Insert(roots, 0, filepath.Dir(project.Common))
	}
	var found []string
	for _, root := range roots {
		dir := filepath.Join(root, filepath.FromSlash(at))
		if root != project.Root && !sameFile(root, project.Root) && exists(filepath.Join(dir, configName)) {
			found = append(found, dir)
		}
	}
	return found
}

// otherConfig returns the settings of another worktree, for one whose branch has none. They are nil if no worktree has
// any.
func (r *Repository) otherConfig() ([]byte, error) {
	if !r.InGit || r.commit != "" || r.gone != nil {
		return nil, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, nil
	}
	others := otherProjects(r.Git, at)
	if len(others) == 0 {
		return nil, nil
	}
	return readBounded(filepath.Join(others[0], configName), format.MaxConfigBytes)
}

// makeFolder makes the .runs folder of a worktree that has none.
func (r *Repository) makeFolder() error {
	if !r.absent {
		return nil
	}
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		return err
	}
	_, err := writeNew(filepath.Join(r.Dir, ".gitignore"), []byte(ownIgnoreFile))
	if err == nil {
		r.absent = false
	}
	return err
}

// hidesItself reports whether a .runs folder is one that makeFolder has made.
func hidesItself(runs string) bool {
	data, err := regular.ReadFile(filepath.Join(runs, ".gitignore"))
	return err == nil && string(data) == ownIgnoreFile
}

// CompleteSetup makes the .runs folder an ordinary one before the first runs of its branch are committed, if only other
// worktrees had set the project up. Settings that were edited there are left out: the commit that brings them may be on
// its way, and must not meet a copy.
func (r *Repository) CompleteSetup() error {
	if !hidesItself(r.Dir) || len(dayNames(r.Dir)) == 0 {
		return nil
	}
	settings, err := r.otherConfig()
	if err != nil {
		return err
	}
	for name, text := range SetupFiles() {
		if name == configName && settings != nil && string(settings) != text {
			continue
		}
		if name == ".gitignore" { // last
			continue
		}
		if _, err := writeNew(filepath.Join(r.Dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return replace(filepath.Join(r.Dir, ".gitignore"), func(tmp string) error {
		return writeFile(tmp, []byte(ignoreFile))
	})
}
