package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// CompleteOrRollBack completes or rolls back an operation that was killed, and looks after one that has just ended, see
// LookAgain. If there is none, it only checks whether two files exist. It does not touch an operation of a process that
// is still alive.
func CompleteOrRollBack(ctx context.Context, dirs Dirs) error {
	if _, err := os.Lstat(dirs.state("op")); err != nil {
		_, err := LookAgain(ctx, dirs)
		return err
	}
	lockFile, err := dirs.lockOperations(ctx, 0)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = lockFile.Close() }()
	return dirs.completeOrRollBack(ctx, lockFile)
}

func (d Dirs) completeOrRollBack(ctx context.Context, lockFile *os.File) error {
	n, err := readIntent(d.state("op"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.freeRefs(ctx, n); err != nil {
		return err
	}
	if n.kind == kindMove {
		return d.completeMove(ctx, n, lockFile)
	}
	if err := d.completeRefs(ctx, n, lockFile); err != nil {
		return err
	}
	return d.clear(n)
}

// refLockWait is how long a lock of a ref must exist before it counts as left by a dead process. Git holds such locks
// for milliseconds.
const refLockWait = time.Second

// freeRefs removes the locks that a killed `git update-ref` left on the refs of an intent. While index.lock is ours, no
// other commit can hold them.
func (d Dirs) freeRefs(ctx context.Context, n intent) error {
	if n.next == "" {
		return nil
	}
	if own, err := d.ownsIndexLock(n); err != nil || !own {
		return err
	}
	paths := []string{filepath.Join(d.Git, "HEAD.lock")}
	for _, u := range n.moves {
		ref := u.Ref
		if ref == "HEAD" {
			tip, err := ReadTip(ctx, d)
			if err != nil {
				return err
			}
			if ref = "refs/heads/" + tip.Branch; tip.Branch == "" {
				continue
			}
		}
		paths = append(paths, filepath.Join(d.Common, filepath.FromSlash(ref)+".lock"))
	}
	seen := map[string]fs.FileInfo{}
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil {
			seen[path] = info
		}
	}
	if len(seen) == 0 {
		return nil
	}
	if err := sleep(ctx, refLockWait); err != nil {
		return err
	}
	for path, was := range seen {
		if is, err := os.Lstat(path); err == nil && os.SameFile(was, is) {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexReplaced reports whether the new index is in place and the old one is kept.
func (d Dirs) indexReplaced(n intent) bool {
	_, made := os.Lstat(d.state("index-" + n.nonce))
	_, was := os.Lstat(d.state("was-" + n.nonce))
	return errors.Is(made, fs.ErrNotExist) && was == nil
}

// completeRefs moves the refs of an intent whose index is already in place. If a user has removed index.lock, it moves
// nothing, because index and branch may have changed since.
func (d Dirs) completeRefs(ctx context.Context, n intent, lockFile *os.File) error {
	if n.next == "" || !d.indexReplaced(n) {
		return nil
	}
	if own, err := d.ownsIndexLock(n); err != nil || !own {
		return err
	}
	o := &Operation{dirs: d, lockFile: lockFile, intent: n}
	reason := "runs: finish an interrupted " + n.kind
	err := o.updateRefs(ctx, reason, n.moves...)
	if !errors.Is(err, ErrMoved) {
		return err
	}
	// All refs have moved already, or only some of them if Git was killed in between.
	for _, u := range n.moves {
		if err := o.updateRefs(ctx, reason, u); err != nil && !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return nil
}

// completeMove repeats a move of a branch that was killed. If that is not possible, the branch stays where it is.
func (d Dirs) completeMove(ctx context.Context, n intent, lockFile *os.File) error {
	if n.next == "" {
		return d.clear(n)
	}
	if d.indexReplaced(n) {
		if err := d.completeRefs(ctx, n, lockFile); err != nil {
			return err
		}
		return d.clear(n)
	}
	o := &Operation{dirs: d, lockFile: lockFile, intent: n, index: d.state("index-" + n.nonce)}
	tip, err := ReadTip(ctx, d)
	if err != nil {
		return err
	}
	if tip.Commit == n.old {
		own, err := d.ownsIndexLock(n)
		if err == nil && !own {
			err = o.lockIndex(ctx, lockWait)
		}
		if err != nil {
			return err
		}
		if err := copyIndex(d.indexPath(), o.index); err != nil {
			return err
		}
		_ = os.Remove(o.index + ".lock")
		var inTheWay *InTheWayError
		if err := o.moveBranch(ctx, "runs: finish an interrupted move", true); err != nil && !errors.As(err, &inTheWay) {
			return err
		}
	}
	return d.clear(n)
}
