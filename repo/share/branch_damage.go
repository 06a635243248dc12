package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/transition"
)

// BranchDamage returns what is wrong with committed runs on the branch that is checked out and on the runs branch: runs
// that a commit rewrote as no command does, and runs that went without a removal marker. It leaves out what a later
// commit took back. It looks only at names and at runs that changed, and remembers up to which commits all was well.
func BranchDamage(ctx context.Context, r *repo.Repository) ([]Problem, error) {
	if !r.InGit {
		return nil, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, nil // .runs is outside the working tree, so Git has no files of it
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	var tips []string
	for _, tip := range []string{head, local.seen} {
		if tip != "" && !slices.Contains(tips, tip) {
			tips = append(tips, tip)
		}
	}
	var problems []Problem
	for _, tip := range tips {
		sound, err := soundCommits(ctx, r, tip)
		if err != nil {
			return nil, err
		}
		if slices.Contains(sound, tip) {
			continue
		}
		found, err := damageBetween(ctx, r.Git, at, sound, []string{tip})
		if err != nil {
			return nil, err
		}
		lost, err := lostProblems(ctx, r, tip, at)
		if err != nil {
			return nil, err
		}
		problems = append(append(problems, found...), lost...)
	}
	alone := len(problems) == 0 // each tip by itself
	if len(tips) > 1 {
		if problems, err = notOn(ctx, r.Git, at, tips, problems); err != nil {
			return nil, err
		}
	}
	if len(problems) == 0 {
		rememberSound(r, tips)
		if alone {
			writeCommits(commonFile(r, "sound-"), tips)
		}
	}
	return distinct(problems), nil
}

// notOn leaves out runs that went from one tip without a marker, and that another one has.
func notOn(ctx context.Context, dirs git.Dirs, at string, tips []string, problems []Problem) ([]Problem, error) {
	trees, err := git.OpenTrees(ctx, dirs)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	return slices.DeleteFunc(problems, func(p Problem) bool {
		return p.Reason == transition.Unmarked && slices.ContainsFunc(tips, func(tip string) bool {
			files, err := filesIn(trees, tip, at, p.ID)
			_, there := files[repo.RecordName]
			return err == nil && there
		})
	}), nil
}

// damageBetween returns the problems of runs that commits between others and the tips made, and that the tips have.
func damageBetween(ctx context.Context, dirs git.Dirs, at string, without, tips []string) ([]Problem, error) {
	v := &verification{
		dirs: dirs, ask: HistoryRequest{At: at}, done: &History{Tips: tips, Without: without, Shallow: dirs.Shallow()},
		folders: map[string]*folderHistory{},
	}
	if err := v.find(ctx); err != nil {
		return nil, err
	}
	if err := v.changes(ctx); err != nil {
		return nil, err
	}
	return v.present(ctx)
}

// soundFile holds the commits up to which BranchDamage found nothing, one in each line.
func soundFile(r *repo.Repository) string { return commitsFile(r, "sound-") }

// commitsFile returns the path of a file for writeCommits. It is that of this .runs folder: a repository may have
// several.
func commitsFile(r *repo.Repository, prefix string) string {
	name := sha256.Sum256([]byte(r.Dir))
	return filepath.Join(r.Git.Common, "runs", prefix+hex.EncodeToString(name[:6]))
}

// commonFile is commitsFile for what is true in every worktree. A new one begins with it, and need not look at a
// history that another one has looked at.
func commonFile(r *repo.Repository, prefix string) string {
	at, err := r.TreePath()
	if err != nil {
		return commitsFile(r, prefix)
	}
	name := sha256.Sum256([]byte(at))
	return filepath.Join(r.Git.Common, "runs", prefix+"all-"+hex.EncodeToString(name[:6]))
}

// readCommits reads commitsFile or, if this worktree has none yet, commonFile.
func readCommits(r *repo.Repository, prefix string) []string {
	data, err := regular.ReadFile(commitsFile(r, prefix))
	if errors.Is(err, fs.ErrNotExist) {
		data, err = regular.ReadFile(commonFile(r, prefix))
	}
	if err != nil {
		return nil // nothing is known
	}
	return strings.Fields(string(data))
}

// soundCommits returns commits in the history of a tip, possibly the tip itself, up to which there is nothing wrong.
func soundCommits(ctx context.Context, r *repo.Repository, tip string) ([]string, error) {
	known := readCommits(r, "sound-")
	if slices.Contains(known, tip) {
		return []string{tip}, nil
	}
	var sound []string
	for _, commit := range known {
		base, err := git.MergeBase(ctx, r.Git, commit, tip)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && base != "" && !slices.Contains(sound, base) { // otherwise that history is gone
			sound = append(sound, base)
		}
	}
	return sound, nil
}

// rememberSound writes soundFile. If that fails, the next call looks at more commits.
func rememberSound(r *repo.Repository, tips []string) {
	writeCommits(soundFile(r), tips)
}

// writeCommits replaces a file of commits, one in each line, if it can.
func writeCommits(file string, commits []string) {
	if os.MkdirAll(filepath.Dir(file), 0o777) != nil {
		return
	}
	tmp := file + "." + format.RandomLetters(8)
	if os.WriteFile(tmp, []byte(strings.Join(commits, "\n")+"\n"), 0o666) != nil || os.Rename(tmp, file) != nil {
		_ = os.Remove(tmp)
	}
}

// remainSound says that a commit of ours, which only adds runs to its parent, is as sound as the parent. Otherwise the
// next BranchDamage would read all runs that it adds.
func remainSound(r *repo.Repository, parent, commit string) {
	for _, file := range []string{soundFile(r), commonFile(r, "sound-")} {
		data, err := regular.ReadFile(file)
		tips := strings.Fields(string(data))
		if i := slices.Index(tips, parent); err == nil && i >= 0 {
			tips[i] = commit
			writeCommits(file, tips)
		}
	}
}

// present returns the problems of runs that the tips still have.
func (v *verification) present(ctx context.Context) ([]Problem, error) {
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	var problems []Problem
	for _, p := range v.done.Problems {
		if p.ID == "" {
			continue
		}
		stays := len(p.parents) == 0
		for _, tip := range v.done.Tips {
			for _, parent := range p.parents {
				was, err := versionIn(objects, parent, p.Runs, p.ID)
				if errors.Is(err, errTwoVersions) {
					stays = true
					continue
				}
				if err != nil {
					return nil, err
				}
				now, err := versionIn(objects, tip, p.Runs, p.ID)
				if errors.Is(err, errTwoVersions) {
					stays = true
					continue
				}
				if err != nil {
					return nil, err
				}
				if was == nil || now == nil {
					continue
				}
				if _, err := transition.Check(was, now, false); err != nil {
					stays = true
				}
			}
		}
		if stays {
			problems = append(problems, p)
		}
	}
	return distinct(problems), nil
}
