package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/regular"
)

// ErrLocked means that another process, of Git or ours, is changing the repository.
var ErrLocked = errors.New("another process is changing this repository")

// lockWait is how long a change waits for Git's own index.lock.
const lockWait = 5 * time.Second

// lockOperations takes the lock that keeps other processes of this program from changing this worktree. If wait is 0,
// it does not wait for the lock.
func (d Dirs) lockOperations(ctx context.Context, wait time.Duration) (*os.File, error) {
	return takeLock(ctx, d.state("lock"), wait)
}

// commitLockWait is how long a commit lets our other commits finish first.
const commitLockWait = time.Minute

// LockCommits waits until no other commit of runs is in progress in any worktree of the repository. Without it, a
// commit that starts together with many others might be overtaken again and again. The lock is only for fairness: after
// a minute, LockCommits returns without it. The caller must call end after the commit.
func LockCommits(ctx context.Context, dirs Dirs) (end func(), err error) {
	f, err := takeLock(ctx, filepath.Join(dirs.Common, "runs", "turn"), commitLockWait)
	if errors.Is(err, ErrLocked) {
		return func() {}, nil
	}
	return func() { _ = f.Close() }, err
}

func takeLock(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := regular.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(wait)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		locked, err := lock.Try(f)
		if err == nil && locked {
			return f, nil
		}
		if err == nil && !time.Now().Before(deadline) {
			err = ErrLocked
		}
		if err == nil {
			err = sleep(ctx, pause)
		}
		if err != nil {
			_ = f.Close()
			return nil, err
		}
	}
}

// indexLockName is the name of Git's own lock. `git commit -a` gives this file to its hooks as the index.
const indexLockName = "index.lock"

// lockIndex creates Git's index.lock as a hard link to a file of ours, so that it can be recognized as ours after a
// kill.
func (o *Operation) lockIndex(ctx context.Context, wait time.Duration) error {
	own := o.dirs.state("lock-" + o.intent.nonce)
	if err := os.WriteFile(own, []byte("runs "+o.intent.nonce+"\n"), 0o666); err != nil {
		return err
	}
	path := o.dirs.indexPath() + ".lock"
	deadline := time.Now().Add(wait)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := os.Link(own, path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			err = createExclusive(own, path)
		}
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return err
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("%w: %s exists", ErrLocked, path)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// createExclusive copies a file to a path that must not exist yet, for file systems without hard links.
func createExclusive(from, to string) error {
	data, err := regular.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// ownsIndexLock reports whether index.lock belongs to this intent. It returns an error if the lock cannot be read.
func (d Dirs) ownsIndexLock(n intent) (bool, error) {
	data, err := regular.ReadFile(d.indexPath() + ".lock")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.As(err, new(*regular.Error)) {
		return false, nil
	}
	return err == nil && string(data) == "runs "+n.nonce+"\n", err
}
