package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// MissingFiles lists the files of HEAD that the working tree lacks although they belong to runs of HEAD: shared files,
// experiment files, removal markers, and the tables of batches, by their paths in .runs. Missing lists the runs whose
// record is gone. Files that a sparse checkout leaves out are not among them, and neither are those that a redaction
// which is not committed yet has replaced. It lists a few folders and looks at no run.
func MissingFiles(ctx context.Context, r *repo.Repository) ([]string, error) {
	if !r.InGit {
		return nil, nil
	}
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil || head == "" {
		return nil, err
	}
	d, err := openDays(ctx, r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return missingFiles(ctx, r, d.trees, head, d.at)
}

func missingFiles(ctx context.Context, r *repo.Repository, trees *git.Trees, commit, at string) ([]string, error) {
	e, ok, err := trees.Find(commit, at)
	if err != nil || !ok || !e.IsTree() {
		return nil, err
	}
	folders, err := trees.Read(e.ID)
	if err != nil {
		return nil, err
	}
	if err := trees.ReadAll(treesOf(folders, func(git.TreeEntry) bool { return true })); err != nil {
		return nil, err
	}
	var batches []string
	for _, folder := range folders {
		if !folder.IsTree() || format.CheckDay(folder.Name) != nil {
			continue
		}
		entries, err := trees.Read(folder.ID)
		if err != nil {
			return nil, err
		}
		batches = append(batches, treesOf(entries, func(e git.TreeEntry) bool { return format.IsBatchName(e.Name) })...)
	}
	if err := trees.ReadAll(batches); err != nil {
		return nil, err
	}
	replaced, err := replacedFiles(r)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, folder := range folders {
		if !folder.IsTree() {
			continue
		}
		var found []string
		switch {
		case format.CheckDay(folder.Name) == nil:
			found, err = missingTables(r, trees, folder)
		case folder.Name == repo.RemovedName:
			found, err = missingMarkers(r, trees, folder)
		default:
			found, err = missingShared(r, trees, folder)
		}
		if err != nil {
			return nil, err
		}
		missing = append(missing, found...)
	}
	missing = slices.DeleteFunc(missing, func(name string) bool { return replaced[name] || r.LeavesOut(name) })
	if len(missing) == 0 {
		return nil, nil
	}
	if name, _ := r.Git.InProgress(); name == "" && !git.Merging(r.Git) {
		return missing, nil
	}
	return tracked(ctx, r, missing, at)
}

// treesOf returns the ids of the folders among entries that are wanted.
func treesOf(entries []git.TreeEntry, wanted func(e git.TreeEntry) bool) []string {
	var ids []string
	for _, e := range entries {
		if e.IsTree() && wanted(e) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// tracked returns those of some files that the index has: the other side of a merge may have removed the others.
func tracked(ctx context.Context, r *repo.Repository, names []string, at string) ([]string, error) {
	folders, has := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		folders[path.Dir(name)] = true
	}
	for folder := range folders {
		entries, err := git.IndexVersions(ctx, r.Git, path.Join(at, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			has[e.Path] = true
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !has[path.Join(at, name)] }), nil
}

// replacedFiles returns the shared files that redactions of this worktree have replaced which are not committed yet.
func replacedFiles(r *repo.Repository) (map[string]bool, error) {
	pending, err := r.PendingRedactions()
	replaced := map[string]bool{}
	for _, p := range pending {
		for _, name := range p.Replaced() {
			replaced[name] = true
		}
	}
	return replaced, err
}

// missingShared lists the shared files and the experiment files of a folder that the working tree lacks.
func missingShared(r *repo.Repository, trees *git.Trees, folder git.TreeEntry) ([]string, error) {
	entries, err := trees.Read(folder.ID)
	if err != nil {
		return nil, err
	}
	var missing []string
	var there map[string]bool
	for _, e := range entries {
		name := path.Join(folder.Name, e.Name)
		if !strings.HasPrefix(e.Mode, "100") || !repo.IsShared(name) && !isExperiment(name) {
			continue
		}
		if there == nil {
			if there, err = namesIn(filepath.Join(r.Dir, folder.Name)); err != nil {
				return nil, err
			}
		}
		if !there[e.Name] {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// missingMarkers lists the removal markers that the working tree lacks although it does not have the run. Without one,
// a merge can bring the run back.
func missingMarkers(r *repo.Repository, trees *git.Trees, folder git.TreeEntry) ([]string, error) {
	entries, err := trees.Read(folder.ID)
	if err != nil {
		return nil, err
	}
	there, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, e := range entries {
		if format.CheckID(e.Name) == nil && !there[e.Name] && !r.HasRun(e.Name) {
			missing = append(missing, path.Join(repo.RemovedName, e.Name))
		}
	}
	return missing, nil
}

// missingTables lists the tables of the batches of a day that the working tree lacks. A batch without its list of runs
// is damaged or missing as a whole, which is reported as such.
func missingTables(r *repo.Repository, trees *git.Trees, day git.TreeEntry) ([]string, error) {
	entries, err := trees.Read(day.ID)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, e := range entries {
		if !e.IsTree() || !format.IsBatchName(e.Name) {
			continue
		}
		at := path.Join(day.Name, e.Name)
		there, err := namesIn(filepath.Join(r.Dir, day.Name, e.Name))
		if err != nil {
			return nil, err
		}
		if !there[format.BatchRunsName] {
			continue
		}
		files, err := trees.Read(e.ID)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if strings.HasPrefix(f.Mode, "100") && !there[f.Name] {
				missing = append(missing, path.Join(at, f.Name))
			}
		}
	}
	return missing, nil
}

// namesIn returns the names in a folder, which may not exist.
func namesIn(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing files: %w", err)
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names, nil
}

// restoreShared puts the shared files of the commit that is checked out back into the working tree, if that lacks them
// and no redaction waits that has replaced them. Their names are the digests of their bytes, so nobody means to delete
// one, and the next commit of all changes would take it from the runs that name it. It returns those that it restored.
func restoreShared(ctx context.Context, r *repo.Repository, trees *git.Trees, commit, at string) ([]string, error) {
	missing, err := missingFiles(ctx, r, trees, commit, at)
	if err != nil {
		return nil, err
	}
	var restored []string
	for _, name := range missing {
		if !repo.IsShared(name) {
			continue
		}
		if _, err := r.PlaceShared(ctx, name); err != nil {
			return restored, fmt.Errorf("restoring %s: %w", path.Join(at, name), err)
		}
		restored = append(restored, name)
	}
	return restored, nil
}

// restoreAtHead is restoreShared for HEAD.
func restoreAtHead(ctx context.Context, r *repo.Repository) ([]string, error) {
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil || head == "" {
		return nil, err
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	return restoreShared(ctx, r, trees, head, at)
}

// CheckOutMissing returns the command that brings back files of HEAD, which are given by their paths in .runs. It names
// a folder whose files nobody edits instead of each file in it.
func CheckOutMissing(missing []string) string {
	targets := map[string]bool{}
	for _, name := range missing {
		if !isExperiment(name) && len(missing) > 1 {
			name = path.Dir(name)
		}
		targets[path.Join(repo.DirName, name)] = true
	}
	return "git checkout HEAD -- " + strings.Join(slices.Sorted(maps.Keys(targets)), " ")
}
