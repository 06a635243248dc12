package repo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// RunsBranch finds the runs branch, whose name is in the setting commit.branch. It takes the local branch, or
// otherwise the branch of a remote as it was last fetched. commit is empty if there is no such branch, or if it is
// checked out here.
func (r *Repository) RunsBranch(ctx context.Context) (name, commit string, err error) {
	config, err := r.Config()
	if err != nil || config.Commit.Branch == "" || !r.InGit {
		return "", "", err
	}
	name = config.Commit.Branch
	commit, here, err := git.FindBranch(ctx, r.Git, name)
	if errors.Is(err, git.ErrNoGit) {
		return name, "", nil
	}
	if err != nil {
		return name, "", fmt.Errorf("reading branch %s: %w", name, err)
	}
	if here {
		commit = ""
	}
	return name, commit, nil
}

// ListBranch reads the runs of the runs branch that are not known yet, with the notes that were added here. For the
// known runs, it reads only the names. It leaves out runs that were removed here or on the branch. rev is nil if
// there are no runs; otherwise the caller closes it.
func (r *Repository) ListBranch(ctx context.Context, known func(id string) bool) (
	rev *Revision, entries []*Entry, damaged []Damage, err error,
) {
	name, commit, err := r.RunsBranch(ctx)
	if err != nil || commit == "" {
		return nil, nil, nil, err
	}
	removed, err := r.RemovedIDs()
	if err == nil {
		rev, entries, damaged, err = r.listCommit(ctx, commit, r, func(id string) bool {
			return removed[id] ||
				known(id)
		})
	}
	if err != nil {
		err = fmt.Errorf("reading the runs of branch %s: %w", name, err)
	}
	return rev, entries, damaged, err
}

// ListRevision reads the runs of a revision that are not known yet. rev is nil if there are no runs; otherwise the
// caller closes it.
func (r *Repository) ListRevision(ctx context.Context, name string, known func(id string) bool) (
	rev *Revision, entries []*Entry, damaged []Damage, err error,
) {
	commit, _, err := r.commitOf(ctx, name)
	if err != nil {
		return nil, nil, nil, err
	}
	rev, entries, damaged, err = r.listCommit(ctx, commit, nil, known)
	if err != nil {
		err = fmt.Errorf("reading the runs of %s: %w", name, err)
	}
	return rev, entries, damaged, err
}

// listCommit reads the runs of a commit that are not known, and the notes for them in the repository late.
func (r *Repository) listCommit(ctx context.Context, commit string, late *Repository, known func(id string) bool) (
	*Revision, []*Entry, []Damage, error,
) {
	tree, err := r.TreePath()
	if err != nil {
		return nil, nil, nil, err
	}
	ids, removed, batches, err := idsOf(ctx, r.Git, commit, tree)
	if err != nil {
		return nil, nil, nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return removed[id] || known(id) })
	if len(ids) == 0 {
		return nil, nil, nil, nil
	}
	files, err := git.FilesIn(ctx, r.Git, commit, runFolders(tree, ids, batches)...)
	if err != nil {
		return nil, nil, nil, err
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	v := r.revision(commit, tree, files, func(id string) bool { return wanted[id] })
	v.late = late
	if err := v.readRecords(ctx); err != nil {
		return nil, nil, nil, err
	}
	entries, damaged, err := v.List(ctx)
	return v, entries, damaged, err
}

// fewRuns is the number of runs up to which they are listed one by one. If there are more, whole days are listed.
const fewRuns = 200

func runFolders(tree string, ids []string, batches map[string][]string) []string {
	var folders []string
	for _, id := range ids {
		folders = append(folders, batches[id]...)
		folder := path.Join(tree, format.IDDay(id))
		if len(ids) <= fewRuns {
			folder = path.Join(folder, id)
		}
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// idsOf lists the runs and the removal markers of a commit, and for each run the folders of its batches. It reads
// only names, and the records of batches.
func idsOf(ctx context.Context, dirs git.Dirs, commit, tree string) (
	ids []string, removed map[string]bool, batches map[string][]string, err error,
) {
	folders, err := git.Names(ctx, dirs, commit, tree)
	if err != nil {
		return nil, nil, nil, err
	}
	var days []string
	for _, folder := range folders {
		if name := path.Base(folder.Path); folder.Tree && (format.CheckDay(name) == nil || name == RemovedName) {
			days = append(days, folder.Path)
		}
	}
	if len(days) == 0 {
		return nil, nil, nil, nil
	}
	names, err := git.Names(ctx, dirs, commit, days...)
	if err != nil {
		return nil, nil, nil, err
	}
	removed = map[string]bool{}
	var batchFolders []string
	for _, n := range names {
		folder, id := path.Split(strings.TrimPrefix(n.Path, tree+"/"))
		switch {
		case n.Tree && format.IsBatchName(id) && format.CheckDay(path.Clean(folder)) == nil:
			batchFolders = append(batchFolders, n.Path)
		case format.CheckID(id) != nil:
		case folder == RemovedName+"/":
			removed[id] = true
		case n.Tree && folder == format.IDDay(id)+"/":
			ids = append(ids, id)
		}
	}
	batches, err = batchedIDs(ctx, dirs, commit, batchFolders)
	for id := range batches {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), removed, batches, err
}
