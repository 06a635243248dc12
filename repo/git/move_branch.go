package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const kindFollow = "follow"

// InTheWayError says that the user's own changes keep the branch from moving. Nothing was changed.
type InTheWayError struct{ Message string }

func (e *InTheWayError) Error() string { return "your own changes are in the way: " + e.Message }

// Follow moves the branch that is checked out from one commit to another, with the files and the index, as a switch of
// branches does: what is staged stays staged, what is modified stays modified. Where that cannot be, nothing is changed and
// the error is an InTheWayError.
func Follow(ctx context.Context, dirs Dirs, from, to, reason, nonce string) error {
	o, err := Begin(ctx, dirs, kindFollow, nonce)
	if err != nil {
		return err
	}
	defer o.Close()
	if tip, err := ReadTip(ctx, dirs); err != nil || tip.Commit != from {
		if err == nil {
			err = ErrMoved
		}
		return err
	}
	o.note.ref, o.note.old, o.note.next = "HEAD", from, to
	o.note.moves = []RefUpdate{{"HEAD", from, to}}
	if err := o.note.write(dirs.state("op")); err != nil {
		return err
	}
	// Not interrupted from here on: a half-changed working tree is worse than a second of waiting.
	return o.follow(context.WithoutCancel(ctx), reason, false)
}

// follow changes files, index and branch. again says that a process died at it before.
func (o *Operation) follow(ctx context.Context, reason string, again bool) error {
	if err := o.takeOver(ctx, again); err != nil {
		return err
	}
	from := o.note.old
	if from == "" {
		var err error
		if from, err = o.emptyTree(ctx); err != nil {
			return err
		}
	}
	if err := o.mayMove(ctx, from); err != nil {
		return err
	}
	if err := o.move(ctx, from, o.note.next); err != nil {
		// No space left, or a filter that failed: what it did not write to its end would be in the way of the next try.
		return errors.Join(err, o.takeOver(ctx, true))
	}
	// Where somebody has moved the branch meanwhile, the files go back.
	return o.publish(ctx, reason, func() error { return o.move(ctx, o.note.next, from) })
}

// move changes files and index from one tree to the next. A monitor of the file system that git started here would keep our
// lock for as long as it lives.
func (o *Operation) move(ctx context.Context, from, to string, flags ...string) error {
	args := append([]string{"-c", "core.fsmonitor=false", "read-tree", "-m", "-u"}, flags...)
	_, err := o.runBy(ctx, o.lasting(), "", append(args, from, to)...)
	return err
}

// mayMove asks whether changes of the user are in the way. What only looks like one is told apart by a look into the files.
func (o *Operation) mayMove(ctx context.Context, from string) error {
	var failed *Error
	err := o.move(ctx, from, o.note.next, "--dry-run")
	if !errors.As(err, &failed) {
		return err
	}
	if _, err := o.run(ctx, "", "update-index", "-q", "--unmerged", "--refresh"); err != nil && !errors.As(err, &failed) {
		return err
	}
	err = o.move(ctx, from, o.note.next, "--dry-run")
	switch {
	case !errors.As(err, &failed):
		return err
	case strings.HasPrefix(failed.Message, "unable to "), strings.Contains(failed.Message, "write error"):
		return err
	}
	return &InTheWayError{failed.Message}
}

func (o *Operation) emptyTree(ctx context.Context) (string, error) {
	out, err := o.run(ctx, "", "mktree")
	return strings.TrimSpace(string(out)), err
}

// takeOver marks what lies on disk as it is to be already: it is in nobody's way. After a kill it also removes what git had
// not written to its end.
func (o *Operation) takeOver(ctx context.Context, again bool) error {
	edits, err := Differences(ctx, o.dirs, o.note.old, o.note.next)
	if err != nil {
		return err
	}
	staged, err := o.staged(ctx)
	if err != nil {
		return err
	}
	var there []Edit
	var paths strings.Builder
	for _, e := range edits {
		info, err := os.Lstat(filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path)))
		if e.ID == "" || staged[e.Path] || err != nil || !info.Mode().IsRegular() || strings.Contains(e.Path, "\n") || !strings.HasPrefix(e.Mode, "100") {
			continue
		}
		there = append(there, e)
		paths.WriteString(e.Path + "\n")
	}
	if len(there) == 0 {
		return nil
	}
	out, err := o.run(ctx, paths.String(), "hash-object", "--stdin-paths")
	if err != nil {
		return err
	}
	ids := strings.Fields(string(out))
	if len(ids) != len(there) {
		return fmt.Errorf("git hash-object: %d answers to %d questions", len(ids), len(there))
	}
	var same []Edit
	for i, e := range there {
		switch {
		case ids[i] == e.ID:
			same = append(same, e)
		case again:
			if err := o.removeTorn(ctx, e); err != nil {
				return err
			}
		}
	}
	return o.StageEntries(ctx, same)
}

// staged are the paths that the user has staged.
func (o *Operation) staged(ctx context.Context) (map[string]bool, error) {
	paths := map[string]bool{}
	if o.note.old == "" {
		return paths, nil
	}
	out, err := o.run(ctx, "", "diff-index", "--cached", "-z", "--name-only", "--no-renames", "--no-relative", "--ignore-submodules=none", o.note.old)
	for path := range strings.SplitSeq(string(out), "\x00") {
		paths[path] = true
	}
	return paths, err
}

// removeTorn removes a file that holds the beginning of what it is to be and no more.
func (o *Operation) removeTorn(ctx context.Context, e Edit) error {
	path := filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path))
	got, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var want bytes.Buffer
	if err := o.dirs.command().stream(ctx, &want, "cat-file", "--filters", "--path="+e.Path, e.ID); err != nil {
		return nil
	}
	if len(got) < want.Len() && bytes.HasPrefix(want.Bytes(), got) {
		return os.Remove(path)
	}
	return nil
}
