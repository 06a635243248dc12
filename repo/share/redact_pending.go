package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// KeptRedactions says what KeepRedactions did about the redactions that no commit has.
type KeptRedactions struct {
	Again []string // runs whose former bytes Git had brought back: they are redacted again
	Back  []string // runs whose redacted batch Git had deleted: it is there again
}

// WaitingRedaction is a redaction of a committed run that is not committed itself.
type WaitingRedaction struct {
	ID        string
	Elsewhere bool           // the run is of a branch that is not checked out
	Worktree  *repo.Worktree // the other worktree in which it was made; nil for this one
}

// KeepRedactions makes sure that what Git does to the working tree undoes no redaction that is not committed yet: it
// applies the redaction again if the former bytes are back, and brings back a batch that Git has deleted. It forgets
// redactions that the runs branch has, and takes those of its runs over that were made in a worktree which does not
// exist any more. If there are none, it only reads two folders.
func KeepRedactions(ctx context.Context, r *repo.Repository) (*KeptRedactions, error) {
	done := &KeptRedactions{}
	if !r.InGit {
		return done, nil
	}
	gone, err := goneRedactions(r)
	if err != nil {
		return done, err
	}
	if pending, err := r.PendingRedactions(); err != nil || len(pending)+len(gone) == 0 {
		return done, err
	}
	k, err := openKeeping(ctx, r)
	if errors.Is(err, git.ErrNoGit) {
		return done, nil // nothing can have changed the working tree
	}
	if err != nil {
		return done, err
	}
	defer k.trees.Close()
	if err := k.keepLocked(ctx, gone, done); err != nil {
		return done, err
	}
	for _, j := range k.rejoins {
		did, err := j.redact(ctx, r, k.local.tip)
		if err != nil {
			return done, err
		}
		if did && !slices.Contains(done.Again, j.pending.ID) {
			done.Again = append(done.Again, j.pending.ID)
		}
	}
	return done, nil
}

// keepLocked does what must be done while nobody else redacts.
func (k *keeping) keepLocked(ctx context.Context, gone []repo.PendingRedaction, done *KeptRedactions) error {
	unlock, err := k.repo.LockRedactions(ctx)
	if err != nil {
		return fmt.Errorf("waiting for a redaction: %w", err)
	}
	defer unlock()
	if err := k.adopt(ctx, gone); err != nil {
		return err
	}
	pending, err := k.repo.PendingRedactions()
	if err != nil {
		return err
	}
	return k.keep(ctx, pending, done)
}

// goneRedactions lists the redactions of worktrees that do not exist any more.
func goneRedactions(r *repo.Repository) ([]repo.PendingRedaction, error) {
	all, err := r.RedactionsElsewhere()
	return slices.DeleteFunc(all, func(p repo.PendingRedaction) bool { return !p.Worktree.Gone }), err
}

// adopt takes over those redactions of worktrees that do not exist any more whose runs the runs branch has, and forgets
// those that a branch has.
func (k *keeping) adopt(ctx context.Context, gone []repo.PendingRedaction) error {
	var forget []repo.PendingRedaction
	for _, p := range gone {
		base, waits, err := k.waits(ctx, p)
		if err != nil {
			return err
		}
		if !waits {
			forget = append(forget, p)
			continue
		}
		here, err := k.isHere(ctx, p, base)
		if err != nil {
			return err
		}
		if !here {
			continue
		}
		if base != "" { // of the branch that was checked out there
			if err := p.SetBase(k.local.tip); err != nil {
				return fmt.Errorf("adopting the redaction of run %s: %w", p.ID, err)
			}
		}
		if _, err := p.Adopt(); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := repo.ForgetRedactions(forget...); err != nil {
		return err
	}
	if err := repo.DropBatches(gone...); err != nil {
		return err
	}
	_, err := k.repo.RedactionsElsewhere() // removes the folders that are empty now
	return err
}

// keeping compares redactions with the runs branch.
type keeping struct {
	repo  *repo.Repository
	trees *git.Trees
	local localBranch
	at    string          // the .runs folder in the tree
	bases map[string]bool // whether the runs branch has a commit
	// rejoins are redactions of runs that others have redacted otherwise.
	rejoins []rejoin
}

func openKeeping(ctx context.Context, r *repo.Repository) (*keeping, error) {
	local, err := runsBranch(ctx, r)
	if err != nil {
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
	return &keeping{repo: r, trees: trees, local: local, at: at, bases: map[string]bool{}}, nil
}

// keep does what KeepRedactions promises.
func (k *keeping) keep(ctx context.Context, pending []repo.PendingRedaction, done *KeptRedactions) (err error) {
	var waiting, forget []repo.PendingRedaction
	here := map[string]bool{}
	for _, p := range pending {
		base, waits, err := k.waits(ctx, p)
		if err != nil {
			return err
		}
		if !waits {
			forget = append(forget, p)
			continue
		}
		if base == "" {
			base = k.local.tip
			if err := p.SetBase(base); err != nil {
				return fmt.Errorf("noting the redaction of run %s: %w", p.ID, err)
			}
		}
		if here[p.ID], err = k.isHere(ctx, p, base); err != nil {
			return err
		}
		if texts, ok, err := k.diverged(ctx, p); err != nil {
			return err
		} else if ok {
			k.rejoins = append(k.rejoins, rejoin{p, texts})
			continue
		}
		waiting = append(waiting, p)
	}
	if err := repo.ForgetRedactions(forget...); err != nil {
		return err
	}
	done.Again, done.Back, err = k.repo.ApplyRedactions(ctx, waiting, func(id string) bool { return here[id] })
	if err != nil || !k.local.checkedOut {
		return err
	}
	for _, p := range waiting {
		if here[p.ID] {
			continue
		}
		if err := k.setAside(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// waits reports whether a redaction still has to be committed. It need not if the branch has removed the run. base is
// the commit of the runs branch that has the run as it was before, or empty if it was not noted yet.
func (k *keeping) waits(ctx context.Context, p repo.PendingRedaction) (base string, waits bool, err error) {
	committed, isNew, err := k.committed(ctx, p)
	base = p.Base()
	if err != nil || committed || base == "" {
		return base, !committed && !isNew, err
	}
	gone, err := k.removed(p.ID)
	return base, !(isNew && gone), err
}

// removed reports whether the runs branch has the removal marker of a run.
func (k *keeping) removed(id string) (bool, error) {
	_, marked, err := k.trees.Find(k.local.tip, path.Join(k.at, repo.RemovedName, id))
	return marked, err
}

// setAside sets the redacted batch of a branch aside that is not checked out: it must not become part of this one.
func (k *keeping) setAside(ctx context.Context, p repo.PendingRedaction) error {
	if p.Batch() == "" {
		return nil
	}
	tracked, err := git.Tracked(ctx, k.repo.Git, path.Join(k.at, p.Batch()))
	if err != nil || len(tracked) > 0 {
		return err
	}
	if other, err := k.onBranch(ctx, p.Base()); err != nil || !other {
		return err
	}
	return p.SetAside()
}

// here reports whether a commit is part of the runs branch.
func (k *keeping) here(ctx context.Context, commit string) (bool, error) {
	is, known := k.bases[commit]
	if known || commit == "" || k.local.tip == "" {
		return is, nil
	}
	is, err := k.has(commit)
	if is {
		is, err = git.IsAncestor(ctx, k.repo.Git, commit, k.local.tip)
	}
	if err == nil {
		k.bases[commit] = is
	}
	return is, err
}

// has reports whether Git has a commit: it may have collected that of a redaction.
func (k *keeping) has(commit string) (bool, error) {
	_, err := k.trees.Commit(commit)
	if errors.Is(err, git.ErrNoObject) {
		return false, nil
	}
	return err == nil, err
}

// onBranch reports whether a local branch has a commit.
func (k *keeping) onBranch(ctx context.Context, commit string) (bool, error) {
	if has, err := k.has(commit); err != nil || !has {
		return false, err
	}
	return git.OnBranch(ctx, k.repo.Git, commit)
}

// isHere reports whether a redaction belongs to the runs branch: that has base, the commit of the redaction. If its
// worktree or every branch with base is gone, it is enough that the branch has the run as it was before.
func (k *keeping) isHere(ctx context.Context, p repo.PendingRedaction, base string) (bool, error) {
	if base == "" {
		return true, nil
	}
	if here, err := k.here(ctx, base); err != nil || here || k.local.tip == "" {
		return here, err
	}
	if p.Worktree == nil || !p.Worktree.Gone {
		if on, err := k.onBranch(ctx, base); err != nil || on {
			return false, err
		}
	}
	record, err := p.Record()
	if err != nil || record == nil {
		return false, err
	}
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return false, nil // it is reported where it is applied
	}
	return precedesIn(k.trees, k.local.tip, k.at, run)
}

// committed reports whether the runs branch, or another branch of this clone, has the redacted run, and whether the
// runs branch does not have the run at all.
func (k *keeping) committed(ctx context.Context, p repo.PendingRedaction) (committed, isNew bool, err error) {
	record, err := p.Record()
	if err != nil {
		return false, false, err
	}
	if record == nil { // an earlier version kept nothing
		e, err := k.repo.ReadFinished(p.ID)
		if err != nil {
			return false, false, nil
		}
		if record, err = e.RecordBytes(); err != nil {
			return false, false, err
		}
	}
	committed, there, err := k.holds(k.local.tip, p.ID, record)
	if err != nil || committed {
		return committed, !there, err
	}
	committed, err = k.elsewhere(ctx, p.ID, record)
	return committed, !there, err
}

// elsewhere reports whether another branch of this clone than the runs branch has a redacted run.
func (k *keeping) elsewhere(ctx context.Context, id string, record []byte) (bool, error) {
	branches, err := git.NewestBranches(ctx, k.repo.Git, maxListed, false)
	if err != nil {
		return false, err
	}
	for _, b := range branches {
		if b.Commit == k.local.tip {
			continue
		}
		if committed, _, err := k.holds(b.Commit, id, record); err != nil || committed {
			return committed, err
		}
	}
	return false, nil
}

// holds reports whether a commit, which may be empty, has a run with this record or a later redaction of it, with all
// shared files. there reports whether it has the run at all.
func (k *keeping) holds(commit, id string, record []byte) (committed, there bool, err error) {
	files, err := filesIn(k.trees, commit, k.at, id)
	if errors.Is(err, errTwoVersions) {
		return false, true, nil
	}
	if err != nil {
		return false, false, err
	}
	own, there := files[repo.RecordName]
	if !there {
		return false, false, nil
	}
	blob, err := git.BlobID(own.ID, int64(len(record)), bytes.NewReader(record))
	if err != nil {
		return false, true, err
	}
	if blob == own.ID {
		committed, err = k.hasShared(commit, record)
		return committed, true, err
	}
	run, err := recordOf(k.trees, own)
	return err == nil && repo.Precedes(record, run), true, nil // damage is reported elsewhere
}

// hasShared reports whether a commit has the shared files of a record. A commit of the user's own has the
// record, which Git tracks, and not the new shared files, which Git ignores.
func (k *keeping) hasShared(commit string, record []byte) (bool, error) {
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return false, err
	}
	for _, name := range repo.SharedNames(run) {
		if _, ok, err := k.trees.Find(commit, path.Join(k.at, name)); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// Waiting lists the redactions of committed runs that are not committed themselves, also those of other worktrees.
func Waiting(ctx context.Context, r *repo.Repository) ([]WaitingRedaction, error) {
	if !r.InGit {
		return nil, nil
	}
	pending, err := r.PendingRedactions()
	if err != nil {
		return nil, err
	}
	others, err := r.RedactionsElsewhere()
	if err != nil {
		return nil, err
	}
	pending = append(pending, others...)
	k, err := openKeeping(ctx, r)
	if err != nil {
		return nil, err
	}
	defer k.trees.Close()
	var waiting []WaitingRedaction
	found, err := k.notice(ctx, pending)
	if err != nil && len(found) == 0 { // otherwise it cannot be kept; the list names it all the same
		return nil, err
	}
	for _, id := range found {
		waiting = append(waiting, WaitingRedaction{ID: id})
	}
	for _, p := range pending {
		base, waits, err := k.waits(ctx, p)
		if err != nil {
			return nil, err
		}
		if !waits {
			continue
		}
		here, err := k.isHere(ctx, p, base)
		if err == nil && !here && p.Worktree == nil {
			here, err = k.isOffBranch(ctx, p, base)
		}
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, WaitingRedaction{p.ID, !here, p.Worktree})
	}
	return waiting, nil
}

// isOffBranch reports whether no branch has the commit of a redaction any more, as after an amended commit, and the
// working tree has the redacted run: the next commit takes it.
func (k *keeping) isOffBranch(ctx context.Context, p repo.PendingRedaction, base string) (bool, error) {
	if on, err := k.onBranch(ctx, base); err != nil || on {
		return false, err
	}
	want, err := p.Record()
	if err != nil {
		return false, err
	}
	_, record, err := k.repo.ReadRecord(p.ID)
	return err == nil && string(record) == string(want), nil
}

// refuseWaiting returns an error if a redaction is not committed: a command that rewrites batches would build on the
// bytes from before it.
func refuseWaiting(ctx context.Context, r *repo.Repository) error {
	waiting, err := Waiting(ctx, r)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if !w.Elsewhere && w.Worktree == nil {
			return &repo.HintError{
				Err:  fmt.Errorf("the redaction of run %s is not committed", format.IDRandom(w.ID)),
				Hint: "run 'runs commit' first",
			}
		}
	}
	return nil
}
