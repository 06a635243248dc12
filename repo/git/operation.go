package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Operation changes the branch that is checked out and the user's index together. It writes, in this order, the intent
// `<git dir>/runs/op`, Git's index.lock, the new index under a temporary name, the intent again with the commits, the
// index by one rename, and the refs. Then it removes the lock and, last, the intent. If the process is killed at any
// moment, CompleteOrRollBack completes the operation or rolls it back. While index.lock exists, Git itself refuses to
// build on a half-done change.
//
// The index comes before the refs because `git commit` reads the branch first and the index second, both before it
// takes the lock. So a process that reads the new branch also reads the new index. If a process has read the old
// branch, Git refuses when it tries to move the branch.
type Operation struct {
	dirs     Dirs
	lockFile *os.File // the lock of operations
	intent   intent
	index    string // path of the new index
}

// indexPath returns the path of the user's index.
func (d Dirs) indexPath() string {
	if own := os.Getenv("GIT_INDEX_FILE"); own != "" && !d.Apart {
		return absolute(d.Root, own)
	}
	return filepath.Join(d.Git, "index")
}

// Begin completes or rolls back an operation that was killed, and takes both locks: ours and Git's. kind is the kind of
// the intent, and nonce a random word. The caller must close the operation.
func Begin(ctx context.Context, dirs Dirs, kind, nonce string) (*Operation, error) {
	return beginWithin(ctx, dirs, kind, nonce, time.Minute, lockWait) // our other commands hold it only for short writes
}

// beginWithin is Begin with how long it waits for our lock and for Git's.
func beginWithin(ctx context.Context, dirs Dirs, kind, nonce string, wait, indexWait time.Duration) (
	*Operation, error,
) {
	lockFile, err := dirs.lockOperations(ctx, wait)
	if err != nil {
		return nil, err
	}
	o := &Operation{
		dirs: dirs, lockFile: lockFile, intent: intent{nonce: nonce, kind: kind},
		index: dirs.state("index-" + nonce),
	}
	err = dirs.completeOrRollBack(ctx, lockFile)
	if err == nil {
		dirs.sweep()
		err = o.intent.write(dirs.state("op"))
	}
	if err == nil && filepath.Base(dirs.indexPath()) != indexLockName {
		err = o.lockIndex(ctx, indexWait)
	}
	if err == nil {
		err = copyIndex(dirs.indexPath(), o.index)
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// lockedCommand prepares a call that inherits our lock. If we are killed while the call goes on, no other process
// completes or rolls back the operation before the call ends.
func (o *Operation) lockedCommand() command {
	c := o.dirs.command()
	c.heldLock = o.lockFile
	return c
}

// run runs Git with the new index.
func (o *Operation) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	c := o.dirs.command()
	c.stdin = strings.NewReader(stdin)
	return o.runBy(ctx, c, args...)
}

func (o *Operation) runBy(ctx context.Context, c command, args ...string) ([]byte, error) {
	c.env = append(c.env[:len(c.env):len(c.env)], "GIT_INDEX_FILE="+o.index)
	return c.run(ctx, append([]string{"-c", "core.safecrlf=false", "-c", "advice.updateSparsePath=false"}, args...)...)
}

// Stage adds files on disk to the new index with the ids that they have after Git's filters, and removes files from it.
// It does not store the files. Paths are relative to the root of the working tree.
func (o *Operation) Stage(ctx context.Context, add iter.Seq[string], remove []string) error {
	return o.dirs.staged().stage(ctx, o.index, add, remove)
}

func (p program) stage(ctx context.Context, index string, add iter.Seq[string], remove []string) error {
	o := &Operation{dirs: p.Dirs, index: index}
	next, stop := iter.Pull(add)
	defer stop()
	if first, some := next(); some {
		c := o.dirs.command()
		c.stdin = &pathReader{rest: first + "\x00", next: next}
		if _, err := o.runBy(ctx, c, "update-index", "-z", "--add", "--replace", "--info-only", "--chmod=-x",
			"--stdin"); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		if _, err := o.run(ctx, string(list(remove)), "update-index", "-z", "--force-remove", "--stdin"); err != nil {
			return err
		}
	}
	return nil
}

// pathReader reads paths, each followed by a zero byte.
type pathReader struct {
	rest string
	next func() (string, bool)
}

func (r *pathReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.rest == "" {
			path, some := r.next()
			if !some {
				break
			}
			r.rest = path + "\x00"
		}
		k := copy(p[n:], r.rest)
		n, r.rest = n+k, r.rest[k:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// StageEntries puts files that Git already has into the new index, without looking at the disk. The index loses what it
// has of their paths in a conflict.
func (o *Operation) StageEntries(ctx context.Context, entries []Edit) error {
	if len(entries) == 0 {
		return nil
	}
	return o.dirs.staged().stageEntries(ctx, o.index, entries)
}

func (p program) stageEntries(ctx context.Context, index string, entries []Edit) error {
	o := &Operation{dirs: p.Dirs, index: index}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s\t%s\x00", e.Mode, e.ID, e.Path)
	}
	_, err := o.run(ctx, b.String(), "update-index", "-z", "--index-info")
	return err
}

// Finish puts the new index in place and moves the refs, the first of which is HEAD. If a ref has moved since, the
// error is ErrMoved and nothing is changed.
func (o *Operation) Finish(ctx context.Context, reason string, updates ...RefUpdate) error {
	o.intent.ref, o.intent.old, o.intent.next = updates[0].Ref, updates[0].Old, updates[0].New
	o.intent.moves = updates
	if err := o.intent.write(o.dirs.state("op")); err != nil {
		return err
	}
	// Ignore cancellation from here on: the rest takes only milliseconds.
	return o.publish(context.WithoutCancel(ctx), reason, nil)
}

// updateRefs moves refs. A process of Git that does it inherits our lock, as lockedCommand says.
func (o *Operation) updateRefs(ctx context.Context, reason string, updates ...RefUpdate) error {
	return o.dirs.refs().updateRefs(ctx, o.lockFile, reason, updates...)
}

// publish puts the new index in place and moves the refs of the intent. If the refs cannot be moved, it calls undo
// while the new index is in place, and then restores the old index.
func (o *Operation) publish(ctx context.Context, reason string, undo func() error) error {
	was := o.dirs.state("was-" + o.intent.nonce)
	if err := keepIndex(o.dirs.indexPath(), was); err != nil {
		return err
	}
	if err := os.Rename(o.index, o.dirs.indexPath()); err != nil {
		return err
	}
	err := o.updateRefs(ctx, reason, o.intent.moves...)
	if err == nil {
		o.leaveNote()
		return nil
	}
	if undo != nil {
		err = errors.Join(err, copyIndex(o.dirs.indexPath(), o.index), undo())
	}
	if info, statErr := os.Lstat(was); statErr == nil && info.Size() == 0 { // there was no index
		return errors.Join(err, os.Remove(o.dirs.indexPath()))
	}
	return errors.Join(err, os.Rename(was, o.dirs.indexPath()))
}

// keepIndex makes a second name or a copy of the index, or an empty file if there is no index yet.
func keepIndex(index, was string) error {
	if _, err := os.Lstat(index); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(was, nil, 0o666)
	}
	if os.Link(index, was) == nil {
		return nil
	}
	return copyIndex(index, was)
}

// FinishIndex puts the new index in place and moves refs that are not branches.
func (o *Operation) FinishIndex(ctx context.Context, reason string, updates ...RefUpdate) error {
	if len(updates) > 0 {
		if err := UpdateRefs(ctx, o.dirs, reason, updates...); err != nil {
			return err
		}
	}
	return os.Rename(o.index, o.dirs.indexPath())
}

// Close releases the locks. If the operation was not finished, nothing is changed. The error is a *LockLeftError if
// Git's lock could not be removed; the next command then tries again.
func (o *Operation) Close() error {
	err := o.dirs.clear(o.intent)
	_ = o.lockFile.Close()
	return err
}
