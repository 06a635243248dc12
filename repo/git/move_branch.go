package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

const kindMove = "follow"

// InTheWayError means that the branch was not moved because of the user's own changes. Nothing was changed.
type InTheWayError struct{ Message string }

func (e *InTheWayError) Error() string { return "your own changes are in the way: " + e.Message }

// MoveBranch moves the branch that is checked out from one commit to another, with its files and the index, as `git
// switch` does: staged and modified files stay so. If that is not possible, nothing is changed and the error is an
// *InTheWayError. If the branch is not at from, the error is ErrMoved. nonce is a random word.
func MoveBranch(ctx context.Context, dirs Dirs, from, to, reason, nonce string) (err error) {
	o, err := Begin(ctx, dirs, kindMove, nonce)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if tip, err := ReadTip(ctx, dirs); err != nil || tip.Commit != from {
		if err == nil {
			err = ErrMoved
		}
		return err
	}
	o.intent.ref, o.intent.old, o.intent.next = "HEAD", from, to
	o.intent.moves = []RefUpdate{{"HEAD", from, to}}
	if err := o.intent.write(dirs.state("op")); err != nil {
		return err
	}
	// Ignore cancellation from here on: a half-changed working tree is worse than a wait of a second.
	return o.moveBranch(context.WithoutCancel(ctx), reason, false)
}

// moveBranch changes files, index and branch. again reports whether an earlier process was killed while it did this.
func (o *Operation) moveBranch(ctx context.Context, reason string, again bool) error {
	if err := o.dirs.worktree().moveFiles(ctx, o, again); err != nil {
		return err
	}
	// If somebody has moved the branch in the meantime, change the files back.
	return o.publish(ctx, reason, func() error { return o.dirs.worktree().moveBack(ctx, o) })
}

func (p program) moveFiles(ctx context.Context, o *Operation, again bool) error {
	if err := o.adoptFiles(ctx, again); err != nil {
		return err
	}
	from := o.intent.old
	if from == "" {
		var err error
		if from, err = o.emptyTree(ctx); err != nil {
			return err
		}
	}
	if err := o.checkUserChanges(ctx, from); err != nil {
		return err
	}
	restore, err := o.beforeSwitch(ctx)
	if err != nil {
		return err
	}
	if err := o.switchFiles(ctx, from, o.intent.next); err != nil { // the disk was full, or a filter failed
		return errors.Join(err, restore())
	}
	return nil
}

// beforeSwitch returns a function that takes back what an unfinished switch did to the files of the working tree. What
// had its new content before stays.
func (o *Operation) beforeSwitch(ctx context.Context) (restore func() error, err error) {
	var back []Edit // what the files were
	if o.intent.old == "" {
		back, err = Differences(ctx, o.dirs, "", o.intent.next)
		for i := range back {
			back[i] = Edit{Path: back[i].Path}
		}
	} else {
		back, err = Differences(ctx, o.dirs, o.intent.next, o.intent.old)
	}
	if err != nil {
		return nil, err
	}
	adopted, err := o.staged(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(back))
	for _, e := range back {
		_, err := os.Lstat(filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path)))
		there[e.Path] = err == nil
	}
	return func() error {
		var write strings.Builder
		var failed []error
		for _, e := range back {
			switch {
			case adopted[e.Path] || e.Mode == "160000":
			case !there[e.Path]:
				if err := removeBelow(o.dirs.Root, e.Path); err != nil {
					failed = append(failed, err)
				}
			case e.ID != "":
				write.WriteString(e.Path + "\x00")
			}
		}
		if write.Len() > 0 {
			_, err := o.run(ctx, write.String(), "checkout-index", "-f", "-q", "-z", "--stdin")
			failed = append(failed, err)
		}
		return errors.Join(failed...)
	}, nil
}

func (p program) moveBack(ctx context.Context, o *Operation) error {
	from := o.intent.old
	if from == "" {
		var err error
		if from, err = o.emptyTree(ctx); err != nil {
			return err
		}
	}
	return o.switchFiles(ctx, o.intent.next, from)
}

// switchFiles changes files and index from one tree to another. It turns the file system monitor off: one that Git
// started here would inherit our lock and hold it while it runs.
func (o *Operation) switchFiles(ctx context.Context, from, to string, flags ...string) error {
	args := append([]string{"-c", "core.fsmonitor=false", "read-tree", "-m", "-u"}, flags...)
	_, err := o.runBy(ctx, o.lockedCommand(), append(args, from, to)...)
	return err
}

// checkUserChanges returns an *InTheWayError if changes of the user are in the way. If Git reports any, it refreshes
// the index and asks again, because files may only look changed.
func (o *Operation) checkUserChanges(ctx context.Context, from string) error {
	var failed *Error
	err := o.switchFiles(ctx, from, o.intent.next, "--dry-run")
	if !errors.As(err, &failed) {
		return err
	}
	if _, err := o.run(ctx, "", "update-index", "-q", "--unmerged", "--refresh"); err != nil && !errors.As(err, &failed) {
		return err
	}
	err = o.switchFiles(ctx, from, o.intent.next, "--dry-run")
	switch {
	case !errors.As(err, &failed):
		return err
	case strings.HasPrefix(failed.Message, "unable to "), strings.Contains(failed.Message, "write error"):
		return err
	}
	if strings.Contains(failed.Message, "resolve your current index") {
		return &InTheWayError{"some files have conflicts, which you must resolve first"}
	}
	return &InTheWayError{failed.Message}
}

func (o *Operation) emptyTree(ctx context.Context) (string, error) {
	out, err := o.run(ctx, "", "mktree")
	return strings.TrimSpace(string(out)), err
}

// adoptFiles stages the files on disk that already have their new content, because they are not in the way. With again,
// it also removes files that Git has written only partly.
func (o *Operation) adoptFiles(ctx context.Context, again bool) error {
	edits, err := Differences(ctx, o.dirs, o.intent.old, o.intent.next)
	if err != nil {
		return err
	}
	staged, err := o.staged(ctx)
	if err != nil {
		return err
	}
	var files, same []Edit
	var paths strings.Builder
	for _, e := range edits {
		info, err := os.Lstat(filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path)))
		switch {
		case e.ID == "" || staged[e.Path] || err != nil:
		case e.Mode == "120000" && info.Mode()&fs.ModeSymlink != 0:
			if o.leadsTo(e) {
				same = append(same, e)
			}
		case strings.HasPrefix(e.Mode, "100") && info.Mode().IsRegular() && !strings.Contains(e.Path, "\n"):
			files = append(files, e)
			paths.WriteString(e.Path + "\n")
		}
	}
	if len(files) > 0 {
		out, err := o.run(ctx, paths.String(), "hash-object", "--stdin-paths")
		if err != nil {
			return err
		}
		ids := strings.Fields(string(out))
		if len(ids) != len(files) {
			return fmt.Errorf("git: it returned %d ids for %d files", len(ids), len(files))
		}
		for i, e := range files {
			switch {
			case ids[i] == e.ID:
				same = append(same, e)
			case again:
				if err := o.removePartial(ctx, e); err != nil {
					return err
				}
			}
		}
	}
	return o.StageEntries(ctx, same)
}

// leadsTo reports whether a link in the working tree already has its new target.
func (o *Operation) leadsTo(e Edit) bool {
	target, err := os.Readlink(filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path)))
	if err != nil {
		return false
	}
	target = filepath.ToSlash(target)
	id, err := BlobID(e.ID, int64(len(target)), strings.NewReader(target))
	return err == nil && id == e.ID
}

// staged returns the paths that the user has staged.
func (o *Operation) staged(ctx context.Context) (map[string]bool, error) {
	paths := map[string]bool{}
	if o.intent.old == "" {
		return paths, nil
	}
	out, err := o.run(ctx, "", "diff-index", "--cached", "-z", "--name-only", "--no-renames", "--no-relative",
		"--ignore-submodules=none", o.intent.old)
	for path := range strings.SplitSeq(string(out), "\x00") {
		paths[path] = true
	}
	return paths, err
}

// removePartial removes a file if it has only the beginning of its new content.
func (o *Operation) removePartial(ctx context.Context, e Edit) error {
	path := filepath.Join(o.dirs.Root, filepath.FromSlash(e.Path))
	got, err := regular.ReadFile(path)
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
