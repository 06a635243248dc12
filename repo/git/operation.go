package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Operation changes the branch that is checked out and the index of the user together. What it writes, it writes in this
// order: the intent `<git dir>/runs/op`, git's index.lock, the new index under a name of its own, the intent again with the
// commits, the index by one rename, the refs; and then it removes the lock, and the intent last. Killed at any moment, CompleteOrRollBack makes
// it whole or as if it had never begun; and while index.lock is there, git itself refuses to build on what is half done.
//
// The index comes before the refs: `git commit` reads the branch first and then the index, before it takes the lock. Whoever
// sees the new branch has the new index then; who saw the old branch is refused by git when it is to move.
type Operation struct {
	dirs     Dirs
	lockFile *os.File // the lock of our own processes
	intent   intent
	index    string // the new index
}

// indexPath is the user's index.
func (d Dirs) indexPath() string {
	if own := os.Getenv("GIT_INDEX_FILE"); own != "" {
		return absolute(d.Root, own)
	}
	return filepath.Join(d.Git, "index")
}

// Begin settles what a killed process left behind and takes both locks. nonce is a random word.
func Begin(ctx context.Context, dirs Dirs, kind, nonce string) (*Operation, error) {
	lockFile, err := dirs.lockOperations(ctx, time.Minute) // what holds it is a short write of another command of ours
	if err != nil {
		return nil, err
	}
	o := &Operation{dirs: dirs, lockFile: lockFile, intent: intent{nonce: nonce, kind: kind}, index: dirs.state("index-" + nonce)}
	err = dirs.completeOrRollBack(ctx, lockFile)
	if err == nil {
		dirs.sweep()
		err = o.intent.write(dirs.state("op"))
	}
	if err == nil && filepath.Base(dirs.indexPath()) != indexLockName {
		err = o.lockIndex(ctx)
	}
	if err == nil {
		err = copyIndex(dirs.indexPath(), o.index)
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// lockedCommand is a call that has our lock too: where we are killed and it goes on, nobody settles what it is about to do.
func (o *Operation) lockedCommand() command {
	c := o.dirs.command()
	c.heldLock = o.lockFile
	return c
}

// run calls git on the new index.
func (o *Operation) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	return o.runBy(ctx, o.dirs.command(), stdin, args...)
}

func (o *Operation) runBy(ctx context.Context, c command, stdin string, args ...string) ([]byte, error) {
	c.env = append(c.env[:len(c.env):len(c.env)], "GIT_INDEX_FILE="+o.index)
	c.stdin = strings.NewReader(stdin)
	return c.run(ctx, append([]string{"-c", "core.safecrlf=false", "-c", "advice.updateSparsePath=false"}, args...)...)
}

// Stage stores files as they are on disk, through git's own filters, brings them into the new index, and takes others out. It
// returns the entries of those that it stored. Paths are relative to the root of the working tree.
func (o *Operation) Stage(ctx context.Context, add, remove []string) ([]Entry, error) {
	var entries []Entry
	if len(add) > 0 {
		var err error
		if entries, err = o.store(ctx, add); err != nil {
			return nil, err
		}
		if _, err := o.run(ctx, string(list(add)), "update-index", "-z", "--add", "--replace", "--chmod=-x", "--stdin"); err != nil {
			return nil, err
		}
	}
	if len(remove) > 0 {
		if _, err := o.run(ctx, string(list(remove)), "update-index", "-z", "--force-remove", "--stdin"); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// store makes blobs of files. The index is not asked: to list it costs more than all the rest where it is large.
func (o *Operation) store(ctx context.Context, paths []string) ([]Entry, error) {
	for _, path := range paths {
		if strings.Contains(path, "\n") {
			return nil, fmt.Errorf("%q: a line break in its path", path)
		}
	}
	out, err := o.run(ctx, strings.Join(paths, "\n")+"\n", "hash-object", "-w", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(string(out))
	if len(ids) != len(paths) {
		return nil, fmt.Errorf("git hash-object: %d answers to %d questions", len(ids), len(paths))
	}
	entries := make([]Entry, len(paths))
	for i, path := range paths {
		entries[i] = Entry{path, ids[i], "100644"}
	}
	return entries, nil
}

// stageEntries puts files that are in git already into the new index, without a look at the disk.
func (o *Operation) stageEntries(ctx context.Context, entries []Edit) error {
	if len(entries) == 0 {
		return nil
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s\t%s\x00", e.Mode, e.ID, e.Path)
	}
	_, err := o.run(ctx, b.String(), "update-index", "-z", "--index-info")
	return err
}

// Finish moves the refs, of which the first is HEAD, and gives the new index its place.
func (o *Operation) Finish(ctx context.Context, reason string, updates ...RefUpdate) error {
	o.intent.ref, o.intent.old, o.intent.next = updates[0].Ref, updates[0].Old, updates[0].New
	o.intent.moves = updates
	if err := o.intent.write(o.dirs.state("op")); err != nil {
		return err
	}
	// From here on nothing is interrupted: it is a matter of milliseconds.
	return o.publish(context.WithoutCancel(ctx), reason, nil)
}

// publish gives the new index its place and moves the refs of the intent. Where they do not move, undo is called with the new
// index, and the old one comes back.
func (o *Operation) publish(ctx context.Context, reason string, undo func() error) error {
	was := o.dirs.state("was-" + o.intent.nonce)
	if err := keepIndex(o.dirs.indexPath(), was); err != nil {
		return err
	}
	if err := os.Rename(o.index, o.dirs.indexPath()); err != nil {
		return err
	}
	err := o.lockedCommand().updateRefs(ctx, reason, o.intent.moves...)
	if err == nil {
		return nil
	}
	if undo != nil {
		err = errors.Join(err, copyIndex(o.dirs.indexPath(), o.index), undo())
	}
	if info, statErr := os.Lstat(was); statErr == nil && info.Size() == 0 { // there was none
		return errors.Join(err, os.Remove(o.dirs.indexPath()))
	}
	return errors.Join(err, os.Rename(was, o.dirs.indexPath()))
}

// keepIndex makes a second name, or a copy, of the index; an empty file where there is none yet.
func keepIndex(index, was string) error {
	if _, err := os.Lstat(index); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(was, nil, 0o666)
	}
	if os.Link(index, was) == nil {
		return nil
	}
	return copyIndex(index, was)
}

// FinishIndex moves refs that are no branch, and gives the new index its place.
func (o *Operation) FinishIndex(ctx context.Context, reason string, updates ...RefUpdate) error {
	if len(updates) > 0 {
		if err := UpdateRefs(ctx, o.dirs, reason, updates...); err != nil {
			return err
		}
	}
	return os.Rename(o.index, o.dirs.indexPath())
}

// Close gives the locks back. What was not finished is as if it had never begun.
func (o *Operation) Close() {
	o.dirs.clear(o.intent)
	_ = o.lockFile.Close()
}
