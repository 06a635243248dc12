package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// KeptRevision is the revision of the runs that were ever committed in this clone.
const KeptRevision = keptRef

// LostRequest selects the runs to restore.
type LostRequest struct {
	IDs      []string // the runs to restore, even if they were removed or are on another branch; nil: all lost runs
	DryRun   bool
	Progress func(done, total int)
}

// RestoredLost is the result of RestoreLost.
type RestoredLost struct {
	Runs            []*format.Run
	Refused         []repo.Damage
	OnOtherBranches int // runs that are only on other local branches, and so are not lost
	// OnRemotes counts the runs that only branches of remotes have, as last fetched, and Remote names the newest of
	// these branches. They are looked for only if nothing is lost.
	OnRemotes int
	Remote    string
	Deleted   int // runs that HEAD has and that were deleted from the working tree, and so are not lost
}

// ErrNeverCommitted means that this clone never committed a run, and that its branch never had it.
var ErrNeverCommitted = errors.New("neither this clone nor its branch ever committed it")

// OpenLost opens the repository of runs that contains dir. If somebody has removed the .runs folder, it sets the folder
// up again, unless dry is true.
func OpenLost(ctx context.Context, dir string, dry bool) (*repo.Repository, error) {
	r, err := repo.Find(dir)
	if err != nil && !errors.Is(err, repo.ErrNoRepository) || err == nil && dry || os.Getenv("RUNS_REPO") != "" {
		return r, err
	}
	project, folders, lostErr := lostProject(ctx, dir)
	switch {
	case lostErr != nil:
		return nil, lostErr
	case project == "" && err != nil && len(folders) > 0:
		return nil, &repo.HintError{Err: err, Hint: "this clone committed runs in " + strings.Join(folders,
			", ") + "; name the folder with -C to restore them"}
	case project == "", err == nil && len(project) <= len(r.Root):
		return r, err
	case dry:
		return repo.OpenDeleted(project)
	}
	r, _, err = repo.Init(project)
	return r, err
}

// DeletedProject returns the nearest folder, from dir upwards, whose .runs folder keptRef or HEAD has. It returns an
// empty string if there is none.
func DeletedProject(ctx context.Context, dir string) (string, error) {
	project, _, err := lostProject(ctx, dir)
	return project, err
}

// lostProject returns the nearest folder, from dir upwards, whose .runs folder keptRef or HEAD has. It returns an empty
// string if there is none. folders are all .runs folders in them.
func lostProject(ctx context.Context, dir string) (project string, folders []string, err error) {
	dirs, inGit, err := git.Discover(dir)
	if err != nil || !inGit {
		return "", nil, err
	}
	for _, ref := range []string{keptRef, "HEAD"} {
		commit, err := git.Resolve(ctx, dirs, ref)
		if err != nil {
			return "", nil, err
		}
		if commit == "" {
			continue
		}
		of, err := git.FoldersNamed(ctx, dirs, commit, repo.DirName)
		if err != nil {
			return "", nil, err
		}
		folders = append(folders, of...)
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	here, err := filepath.Rel(dirs.Root, dir)
	if err != nil {
		return "", nil, err
	}
	for at := filepath.ToSlash(here); ; at = path.Dir(at) {
		if slices.Contains(folders, path.Join(at, repo.DirName)) {
			return filepath.Join(dirs.Root, filepath.FromSlash(at)), folders, nil
		}
		if at == path.Dir(at) {
			return "", folders, nil
		}
	}
}

// RestoreLost restores runs that are no longer in the working tree or on any local branch: those that were committed in
// this clone, and those that the history of the branch had and that went without a removal marker. They become
// finished, uncommitted runs. Each is verified, like a run from somebody else, before its files are written.
func RestoreLost(ctx context.Context, r *repo.Repository, q LostRequest) (*RestoredLost, error) {
	done := &RestoredLost{}
	if !r.InGit {
		return nil, errors.New("restoring runs: this is not a Git repository")
	}
	f := &finder{repo: r, done: done, shared: map[string]string{}, commits: map[string][]string{}}
	if err := f.open(ctx); err != nil {
		return nil, fmt.Errorf("restoring runs: %w", err)
	}
	defer f.trees.Close()
	lost, err := f.find(ctx, q.IDs)
	if err != nil {
		return nil, fmt.Errorf("restoring runs: %w", err)
	}
	if len(lost) == 0 {
		return done, nil
	}
	if !q.DryRun && filepath.Base(r.Dir) == repo.DirName {
		// The ignore files and attributes may have been deleted together with the runs.
		if _, _, err := repo.Init(r.Root); err != nil {
			return nil, err
		}
		r.ClearStale()
	}
	if err := f.restore(ctx, lost, q); err != nil {
		return nil, fmt.Errorf("restoring runs: %w", err)
	}
	return done, nil
}
