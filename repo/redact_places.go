package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// The entries of the folder with the redactions of a worktree.
const (
	doneName    = "done"    // redactions that no commit has, by the ids of their runs
	plannedName = "planned" // redactions that are complete but not yet moved into place
	batchesName = "batches" // batches that redactions have written, by day and name
)

// RedactedDir returns the folder that lists the runs whose redaction is not committed yet.
func (r *Repository) RedactedDir() string { return filepath.Join(r.redactions(), doneName) }

// redactDir returns the folder of redactions that are complete but not yet moved into place.
func (r *Repository) redactDir() string { return filepath.Join(r.redactions(), plannedName) }

// redactions returns the folder with the redactions of this worktree. No commit by others can write to it, because its
// files are trusted. It is in the common Git folder, so that they survive their worktree.
func (r *Repository) redactions() string {
	if !r.InGit {
		return filepath.Join(r.Dir, "cache", "redact")
	}
	name := sha256.Sum256([]byte(r.Dir))
	former := filepath.Join(r.Git.Git, "runs", "redact-"+hex.EncodeToString(name[:6]))
	prefix, id := r.redactionsPrefix(), worktreeIn(r.Git.Git)
	if prefix == "" || id == "" {
		return former
	}
	place := prefix + id
	if exists(former) && moveRedactions(former, place) != nil {
		return former
	}
	return place
}

// redactionsPrefix begins the paths of the folders with the redactions of all worktrees. The id of a worktree follows.
func (r *Repository) redactionsPrefix() string {
	at, err := r.TreePath()
	if err != nil || !r.InGit {
		return ""
	}
	return filepath.Join(r.Git.Common, "runs", "redact-"+storeKey(at)+"-")
}

// moveRedactions moves the redactions that an earlier version has kept, in a folder named after the path of .runs. It
// is one rename, unless that version was used again since.
func moveRedactions(from, to string) error {
	if !exists(to) {
		return os.Rename(from, to)
	}
	for _, name := range []string{batchesName, plannedName, doneName} {
		depth := 1
		if name == batchesName {
			depth = 2
		}
		for _, dir := range subfolders(filepath.Join(from, name), depth, nil) {
			target := filepath.Join(to, name, Relative(filepath.Join(from, name), dir))
			if exists(target) {
				continue
			}
			if err := putBack(dir, target); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(from)
}

// otherRedactions returns the folders with the redactions of other worktrees, by worktree. If there are none, it reads
// one folder.
func (r *Repository) otherRedactions() map[string]string {
	prefix := r.redactionsPrefix()
	if prefix == "" {
		return nil
	}
	own := worktreeIn(r.Git.Git)
	names, err := readNames(filepath.Dir(prefix))
	if err != nil {
		return nil
	}
	var others map[string]string
	for _, name := range names {
		id, ok := strings.CutPrefix(name, filepath.Base(prefix))
		if !ok || id == own || !isWorktreeID(id) {
			continue
		}
		if others == nil {
			others = map[string]string{}
		}
		others[id] = filepath.Join(filepath.Dir(prefix), name)
	}
	return others
}

// goneRedactions is otherRedactions for worktrees that do not exist any more.
func (r *Repository) goneRedactions() map[string]string {
	others := r.otherRedactions()
	if len(others) == 0 {
		return nil
	}
	for id, w := range r.Worktrees() {
		if !w.Gone {
			delete(others, id)
		}
	}
	return others
}

// RedactionsElsewhere lists the redactions that were made in other worktrees and that no commit has. Those of
// worktrees that exist have that worktree; the others can be adopted.
func (r *Repository) RedactionsElsewhere() ([]PendingRedaction, error) {
	others := r.otherRedactions()
	if len(others) == 0 {
		return nil, nil
	}
	worktrees := r.Worktrees()
	var all []PendingRedaction
	for id, root := range others {
		pending, err := r.pendingIn(root)
		if err != nil {
			return nil, err
		}
		w, ok := worktrees[id]
		if !ok {
			w = Worktree{ID: id, Gone: true}
		}
		if w.Gone && len(pending) == 0 && len(subfolders(filepath.Join(root, plannedName), 1, nil)) == 0 {
			_ = os.RemoveAll(root)
		}
		for _, p := range pending {
			p.Worktree = &w
			all = append(all, p)
		}
	}
	return all, nil
}

// Adopt takes a redaction over from a worktree that does not exist any more. It reports whether it did: another
// worktree may have, or this one may have a redaction of the run. The caller calls DropBatches after the last one.
func (p PendingRedaction) Adopt() (bool, error) {
	r := p.repo
	if _, err := r.worktree(); err != nil {
		return false, err
	}
	target := filepath.Join(r.RedactedDir(), p.ID)
	if exists(target) || p.Worktree == nil || !p.Worktree.Gone {
		return false, nil
	}
	if name := p.batch(); name != "" {
		if err := r.linkFolder(filepath.Join(p.keptBatches(), filepath.FromSlash(name)),
			filepath.Join(r.redactions(), batchesName, filepath.FromSlash(name))); err != nil {
			return false, fmt.Errorf("adopting the redaction of run %s: %w", p.ID, err)
		}
	}
	if err := putBack(p.dir, target); err != nil {
		if exists(p.dir) {
			return false, fmt.Errorf("adopting the redaction of run %s: %w", p.ID, err)
		}
		return false, nil
	}
	return true, nil
}

// adoptPlanned takes over redactions that were killed in a worktree that does not exist any more.
func (r *Repository) adoptPlanned() error {
	for _, root := range r.goneRedactions() {
		for _, dir := range subfolders(filepath.Join(root, plannedName), 1, nil) {
			if strings.HasPrefix(filepath.Base(dir), newPrefix) {
				continue
			}
			if _, err := r.worktree(); err != nil {
				return err
			}
			if err := putBack(dir, filepath.Join(r.redactDir(), filepath.Base(dir))); err != nil && exists(dir) {
				return err
			}
		}
	}
	return nil
}

// linkFolder links a folder to another place, where it appears whole. It does nothing if it is there, or if from does
// not exist.
func (r *Repository) linkFolder(from, to string) error {
	if exists(to) || !exists(from) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	defer func() { _ = os.RemoveAll(tmp) }()
	err := r.linkTree(from, tmp)
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil && exists(to) {
		return nil
	}
	return err
}
