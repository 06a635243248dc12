package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// HistoryRequest describes the history to verify.
type HistoryRequest struct {
	At       string   // the .runs folder in the tree; empty: every .runs folder in the commits
	Revs     []string // REV, ^REV or OLD..NEW; none: HEAD
	Progress func(done, total int64)
}

// History is the result of VerifyHistory.
type History struct {
	Tips, Without []string // commits
	Folders       []string // .runs folders
	Commits       int      // commits that change something in these folders
	Runs          int      // runs that these commits added or annotated
	Shared        int      // shared files
	Shallow       bool     // the history is incomplete
	Partial       bool     // the clone fetches missing objects when they are needed
	Unchecked     int      // runs and shared files not verified: a partial clone lacks their objects
	Redacted      []RedactedRun
	Problems      []Problem
	Unknown       []Reference
}

// Problem is a run or file that is not as it must be.
type Problem struct {
	Runs   string // the .runs folder
	ID     string // the run; empty for a file that belongs to no run
	Path   string // a file that belongs to no run, relative to the root of the repository
	Commit string // the commit that caused it, if one did
	Reason string

	parents []string // of a commit that rewrote the run
}

// RedactedRun is a redaction of a run that was committed before.
type RedactedRun struct {
	Runs   string // the .runs folder
	ID     string
	Commit string
	Files  []string // that changed: those of the run, and shared files by their new paths in .runs
}

// Reference is a reference from a run to another run that this history does not have. It does not count as damage.
type Reference struct{ ID, Key, Names string }

// FindHistory finds the Git repository that contains dir, and the path of its .runs folder in a tree. In a bare
// repository, or if the branch that is checked out has no .runs, the path is empty, which stands for all folders.
func FindHistory(ctx context.Context, dir string) (dirs git.Dirs, at string, err error) {
	// This comes first: a bare repository may be inside a project.
	if dirs, bare, err := git.OpenBare(ctx, dir); bare || err != nil {
		return dirs, "", err
	}
	r, err := repo.Find(dir)
	switch {
	case errors.Is(err, repo.ErrNoRepository):
		dirs, ok, discoverErr := git.Discover(dir)
		if discoverErr != nil || !ok {
			return dirs, "", err
		}
		return dirs, "", nil
	case err != nil:
		return dirs, "", err
	case !r.InGit:
		return dirs, "", errors.New("verifying the history: this is not a Git repository")
	}
	at, err = r.TreePath()
	return r.Git, at, err
}

// VerifyHistory verifies every run that the commits of a history added. It also verifies that a finished run changed
// only as package transition allows, that every removed run has its marker, and that .runs has no files that must not
// be there.
func VerifyHistory(ctx context.Context, dirs git.Dirs, q HistoryRequest) (*History, error) {
	v := &verification{dirs: dirs, ask: q, done: &History{Shallow: dirs.Shallow()}, folders: map[string]*folderHistory{}}
	if err := v.verify(ctx); err != nil {
		return nil, fmt.Errorf("verifying the history: %w", err)
	}
	return v.done, nil
}

type verification struct {
	dirs    git.Dirs
	ask     HistoryRequest
	done    *History
	folders map[string]*folderHistory
	absent  map[string]bool // objects that a partial clone has not fetched
}

func (v *verification) verify(ctx context.Context) (err error) {
	if err := v.resolve(ctx); err != nil || len(v.done.Tips) == 0 {
		return err
	}
	if err := v.find(ctx); err != nil || len(v.done.Folders) == 0 {
		return err
	}
	if err := v.changes(ctx); err != nil {
		return err
	}
	if err := v.check(ctx); err != nil {
		return err
	}
	listsort.Stable(v.done.Problems, func(a, b Problem) int {
		if c := strings.Compare(a.Runs, b.Runs); c != 0 {
			return c
		}
		return strings.Compare(a.ID+a.Path, b.ID+b.Path)
	})
	v.done.Problems = distinct(v.done.Problems)
	return nil
}

// changes decides about all changes of the history, and not about the content of runs.
func (v *verification) changes(ctx context.Context) (err error) {
	if v.done.Partial, err = git.Partial(ctx, v.dirs); err == nil && v.done.Partial {
		v.absent, err = git.MissingObjects(ctx, v.dirs, v.done.Tips, v.done.Without, v.done.Folders)
	}
	if err != nil {
		return err
	}
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return err
	}
	defer objects.Close()
	for _, commit := range v.done.Without {
		if err := v.read(ctx, objects, commit, (*folderHistory).before, (*folderHistory).batchBefore); err != nil {
			return err
		}
	}
	if err := v.eachChange(ctx, objects); err != nil {
		return err
	}
	for _, commit := range v.done.Tips {
		if err := v.read(ctx, objects, commit, (*folderHistory).now, (*folderHistory).batchNow); err != nil {
			return err
		}
	}
	if err := v.twice(objects); err != nil {
		return err
	}
	for _, at := range v.done.Folders {
		v.compare(v.folders[at])
	}
	return v.transitions(ctx)
}

// eachChange reads the changes of the history.
func (v *verification) eachChange(ctx context.Context, objects *git.Trees) error {
	commit := ""
	flush := func() error {
		for _, at := range v.done.Folders {
			f := v.folders[at]
			f.commit = commit
			if err := v.changeBatches(objects, f); err != nil {
				return err
			}
		}
		return nil
	}
	n, err := git.EachChange(ctx, v.dirs, v.done.Tips, v.done.Without, v.done.Folders,
		func(c git.CommittedChange) error {
			if c.Commit != commit {
				if err := flush(); err != nil {
					return err
				}
				commit = c.Commit
			}
			if f, name := v.folderOf(c.Path); f != nil {
				v.change(f, name, c)
			}
			return nil
		})
	if err != nil {
		return err
	}
	v.done.Commits = n
	return flush()
}

// twice reports runs that a tip has in two places with different bytes.
func (v *verification) twice(objects *git.Trees) error {
	for _, at := range v.done.Folders {
		f := v.folders[at]
		for _, id := range slices.Sorted(maps.Keys(f.twice)) {
			for _, tip := range v.done.Tips {
				_, err := filesIn(objects, tip, at, id)
				if isBroken(err) {
					return err
				}
				if errors.Is(err, errTwoVersions) {
					v.problem(Problem{Runs: at, ID: id, Reason: err.Error() + "; " + repo.SettleVersions})
				}
			}
		}
	}
	return nil
}

// distinct leaves out problems of a run that several of its versions have, but for the first.
func distinct(problems []Problem) []Problem {
	type key struct{ runs, id, reason string }
	seen := map[key]bool{}
	return slices.DeleteFunc(problems, func(p Problem) bool {
		k := key{p.Runs, p.ID, p.Reason}
		again := p.ID != "" && seen[k]
		seen[k] = true
		return again
	})
}

// resolve turns the revisions into commits.
func (v *verification) resolve(ctx context.Context) error {
	revs := v.ask.Revs
	if len(revs) == 0 {
		revs = []string{"HEAD"}
	}
	for _, rev := range revs {
		with, without := rev, ""
		if old, next, ok := strings.Cut(rev, ".."); ok {
			if strings.HasPrefix(next, ".") {
				return fmt.Errorf("%s is not a history: use REV, ^REV or OLD..NEW", rev)
			}
			with, without = cmp.Or(next, "HEAD"), cmp.Or(old, "HEAD")
		} else if old, ok := strings.CutPrefix(rev, "^"); ok {
			with, without = "", old
		}
		for _, end := range []struct {
			rev string
			to  *[]string
		}{{with, &v.done.Tips}, {without, &v.done.Without}} {
			if strings.Trim(end.rev, "0") == "" { // a hook gets zeros for a branch that is created or deleted
				continue
			}
			commit, err := git.Commit(ctx, v.dirs, end.rev)
			if err != nil {
				return &repo.HintError{
					Err:  err,
					Hint: repo.RevisionHint(err),
				}
			}
			*end.to = append(*end.to, commit)
		}
	}
	return nil
}

// find finds the .runs folders.
func (v *verification) find(ctx context.Context) error {
	folders := []string{v.ask.At}
	if v.ask.At == "" {
		folders = nil
		for _, commit := range slices.Concat(v.done.Tips, v.done.Without) {
			more, err := git.FoldersNamed(ctx, v.dirs, commit, repo.DirName)
			if err != nil {
				return err
			}
			for _, at := range more {
				if outer, _, nested := cutRuns(at); !nested || outer == at {
					folders = append(folders, at)
				}
			}
		}
	}
	slices.Sort(folders)
	v.done.Folders = slices.Compact(folders)
	for _, at := range v.done.Folders {
		v.folders[at] = &folderHistory{
			at: at, runs: map[string]*runHistory{}, shared: map[string]map[string]bool{}, tip: map[string]map[string]bool{},
			marks: map[string]bool{}, kept: map[string]string{}, old: map[string]string{}, folded: map[string]string{},
			batches: map[string]*heldBatch{}, seen: map[string]*heldBatch{}, pending: map[string]bool{},
			twice: map[string]bool{},
		}
	}
	return nil
}

// folderOf splits a path into its .runs folder and the rest.
func (v *verification) folderOf(file string) (*folderHistory, string) {
	for at, f := range v.folders {
		if name, ok := strings.CutPrefix(file, at+"/"); ok {
			return f, name
		}
		if file == at { // a link or a submodule instead of the folder
			return f, ""
		}
	}
	return nil, ""
}

// read calls visit for the files that a commit has in the .runs folders, and then visitBatch for its batches. It leaves
// out batches that cannot be read.
func (v *verification) read(ctx context.Context, objects *git.Trees, commit string,
	visit func(*folderHistory, place, git.TreeEntry), visitBatch func(*folderHistory, *git.Trees, *heldBatch) error,
) error {
	for at, f := range v.folders {
		files, err := git.FilesIn(ctx, v.dirs, commit, at)
		if err != nil {
			return err
		}
		batches := map[string]bool{}
		for _, e := range files {
			p := placeOf(path.Join(repo.DirName, strings.TrimPrefix(e.Path, at+"/")))
			if p.kind == ofBatch {
				batches[p.pack] = true
			}
			visit(f, p, git.TreeEntry{Mode: e.Mode, Name: path.Base(e.Path), ID: e.ID})
		}
		for _, name := range slices.Sorted(maps.Keys(batches)) {
			b, err := batchIn(objects, commit, at, name)
			if err == nil && b != nil {
				err = visitBatch(f, objects, b)
			}
			if isBroken(err) {
				return err
			}
		}
	}
	return nil
}

func (v *verification) problem(p Problem) { v.done.Problems = append(v.done.Problems, p) }
