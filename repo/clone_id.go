package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// A folder that Git puts into active/ must not be mistaken for a run of this machine: its journals could declare any
// file of the machine an artifact. Therefore every clone has a secret id in its Git folder, which Git never
// transfers, and each owner file of a run that is started in this clone repeats it.

// clonePlace returns the path of the file with the clone id. It is empty outside a Git repository, where no folder
// can come from Git.
func (r *Repository) clonePlace() string {
	if !r.InGit {
		return ""
	}
	return filepath.Join(r.Git.Common, "runs", "clone")
}

// maxWordBytes is the maximum length of a clone id, in bytes.
const maxWordBytes = 256

// knownClone returns the id of this clone, or "" if it has none yet.
func (r *Repository) knownClone() string {
	place := r.clonePlace()
	if place == "" {
		return ""
	}
	data, err := readBounded(place, maxWordBytes)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// clone returns the id of this clone, and creates it if there is none yet.
func (r *Repository) clone() (string, error) {
	place := r.clonePlace()
	if place == "" {
		return "", nil
	}
	if word := r.knownClone(); word != "" {
		return word, nil
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o777); err != nil {
		return "", fmt.Errorf("creating the clone id: %w", err)
	}
	if _, err := writeNew(place, []byte(format.RandomLetters(32)+"\n")); err != nil {
		return "", fmt.Errorf("creating the clone id: %w", err)
	}
	return r.knownClone(), nil
}

// owner describes a process of this machine as the owner of a run of this repository.
func (r *Repository) owner(kind string, pid int) (*format.Owner, error) {
	w := self(kind, pid, r.Dir)
	var err error
	if w.Clone, err = r.clone(); err != nil {
		return w, err
	}
	if store := r.commonDir(); store != "" {
		w.Store = filepath.Base(store)
		// Without its id, the run still starts, and is of an unknown worktree if this one is removed.
		w.Worktree, _ = r.worktree()
	}
	return w, nil
}

// Foreign reports whether the run was started outside this clone, so that its folder came with Git or was copied.
func (a *Active) Foreign() bool {
	// The active folder of a linked worktree is in a place that Git never transfers.
	if a.begun || !a.repo.InGit || a.repo.Git.Linked() {
		return false
	}
	word := a.repo.knownClone()
	if word == "" || realDir(a.Dir) != nil {
		return true
	}
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // removed meanwhile
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ownerPrefix) {
			continue
		}
		data, err := readBounded(filepath.Join(a.Dir, entry.Name()), format.MaxNoteBytes)
		if err != nil {
			continue
		}
		if w, err := format.DecodeOwner(entry.Name(), data); err == nil && w.Clone == word {
			return false
		}
	}
	return true
}

func (a *Active) foreignError() error {
	return withHint(fmt.Errorf("run %s was not started in this clone: its folder came with Git or was copied", a.ID),
		"run 'runs recover %s --force' to finish it without the files that it names outside its folder", a.ID)
}

// checkTakeover returns an error if anything in the run's folder links to a place outside it.
func (a *Active) checkTakeover() error {
	if err := realDir(a.Dir); err != nil {
		return err
	}
	return filepath.WalkDir(a.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !entry.Type().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", Relative(a.repo.Root, path))
		}
		return err
	})
}

var errElsewhere = errors.New("it is outside the run, and the run was not started in this clone")

// mayReach returns an error if the run must not make this machine read files outside its folder, because Git tracks
// files in that folder or takeover is set.
func (a *Active) mayReach(ctx context.Context, takeover bool) error {
	if takeover {
		return errElsewhere
	}
	if a.begun || !a.repo.InGit || a.repo.Git.Linked() {
		return nil
	}
	rel, err := filepath.Rel(a.repo.Git.Root, a.Dir)
	if err != nil || strings.HasPrefix(rel, "..") {
		return nil
	}
	tracked, err := git.Tracked(ctx, a.repo.Git, filepath.ToSlash(rel))
	if err == nil && len(tracked) > 0 {
		return errElsewhere
	}
	if errors.Is(err, git.ErrNoGit) {
		return nil
	}
	return err
}
