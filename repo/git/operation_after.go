package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// A `git commit` of the user reads the branch and the index before it takes the lock of the index. If an operation of
// ours begins and ends in between, it writes the old index back, without what the operation has put there, and only
// then fails because the branch has moved. The user's next commit would undo the operation. So an operation leaves a
// note of what it did, and LookAgain compares the index with it: at the end of the command, and in the commands that
// follow.

// afterName is the name of the note in the state folder.
const afterName = "after"

// afterWait is how long an operation is looked after. It is longer than a commit needs from its reading of the index to
// its lock, during which it asks for the state of every file.
const afterWait = 5 * time.Second

// afterNote describes an operation that has ended.
type afterNote struct {
	ended     time.Time
	old, next string // commits
	index     string // as indexStamp gives it
}

// leaveNote writes the note of an operation that has put its index in place and moved HEAD. If that fails, nobody looks
// after the operation, which is complete all the same.
func (o *Operation) leaveNote() {
	if o.intent.ref != "HEAD" || os.Getenv("GIT_INDEX_FILE") != "" && !o.dirs.Apart {
		return
	}
	afterNote{time.Now(), o.intent.old, o.intent.next, indexStamp(o.dirs)}.write(o.dirs, o.intent.nonce)
}

func (n afterNote) write(dirs Dirs, nonce string) {
	text := fmt.Sprintf("ended %d\nold %s\nnew %s\nindex %s\n", n.ended.UnixNano(), n.old, n.next, n.index)
	tmp := dirs.state("op-" + nonce) // which sweep removes
	if err := os.WriteFile(tmp, []byte(text), 0o666); err == nil {
		_ = os.Rename(tmp, dirs.state(afterName))
	}
}

func readAfterNote(dirs Dirs) (n afterNote, ok bool) {
	data, err := regular.ReadFile(dirs.state(afterName))
	if err != nil {
		return n, false
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "ended":
			ns, _ := strconv.ParseInt(value, 10, 64)
			n.ended = time.Unix(0, ns)
		case "old":
			n.old = value
		case "new":
			n.next = value
		case "index":
			n.index = value
		}
	}
	return n, isObjectID(n.next) && (n.old == "" || isObjectID(n.old))
}

// indexStamp describes the file of the user's index. It changes whenever somebody replaces the index.
func indexStamp(dirs Dirs) string {
	info, err := os.Stat(dirs.indexPath())
	if err != nil {
		return "none"
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}

// LookAgain looks after the last operation, for some seconds after its end. If Git has written back the index from
// before the operation, it adds again what that index lacks. undone reports whether a commit of the user has been made
// from that index, so that the branch has lost what the operation had committed. If another process holds the lock of
// the index, LookAgain leaves it to a later call.
func LookAgain(ctx context.Context, dirs Dirs) (undone bool, err error) {
	if _, err := os.Lstat(dirs.state(afterName)); err != nil || os.Getenv("GIT_INDEX_FILE") != "" {
		return false, nil
	}
	n, ok := readAfterNote(dirs)
	stamp := indexStamp(dirs)
	if ok && stamp != n.index {
		undone, err = dirs.lookAgain(ctx, &n)
		if errors.Is(err, ErrLocked) || errors.Is(err, ErrNoGit) {
			return false, nil
		}
		if err != nil && dirs.lacksCommits(ctx, n) {
			undone, ok, err = false, false, nil // they were amended and collected, and nothing is to be looked after
		}
	}
	if age := time.Since(n.ended); !ok || age < 0 || age > afterWait {
		if removeErr := os.Remove(dirs.state(afterName)); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return undone, err
}

// lacksCommits reports whether a commit of the note no longer exists.
func (d Dirs) lacksCommits(ctx context.Context, n afterNote) bool {
	for _, commit := range []string{n.old, n.next} {
		if commit == "" {
			continue
		}
		if found, err := Resolve(ctx, d, commit); err == nil && found == "" {
			return true
		}
	}
	return false
}

// lookAgain compares the index with the note, and then keeps the stamp of the index in it.
func (d Dirs) lookAgain(ctx context.Context, n *afterNote) (undone bool, err error) {
	tip, err := ReadTip(ctx, d)
	if err != nil {
		return false, err
	}
	nonce := fmt.Sprintf("%08x", rand.Uint32())
	edits, err := Differences(ctx, d, n.old, n.next)
	if err != nil || len(edits) == 0 {
		return false, err
	}
	if tip.Commit != n.next {
		changed, err := d.objects().changedAt(ctx, n.old, tip.Commit, edits)
		return err == nil && !changed, err
	}
	stamp := indexStamp(d)
	lost := d.onDisk(edits)
	if lost {
		if lost, err = d.lacks(ctx, d.indexPath(), n.old, edits); err != nil {
			return false, err
		}
	}
	if lost {
		if err := d.addAgain(ctx, nonce, n, edits); err != nil {
			return false, err
		}
		stamp = indexStamp(d)
	}
	n.index = stamp
	n.write(d, nonce)
	return false, nil
}

// lacks reports whether an index has all paths of the edits as they were before the operation.
func (d Dirs) lacks(ctx context.Context, index, old string, edits []Edit) (bool, error) {
	staged, err := d.staged().stagedAt(ctx, index, old, edits)
	return err == nil && !staged, err
}

// onDisk reports whether the files on disk are those that the edits leave. They are not if a user has undone the
// operation, for example with `git revert --no-commit`.
func (d Dirs) onDisk(edits []Edit) bool {
	return !slices.ContainsFunc(edits, func(e Edit) bool {
		_, err := os.Lstat(filepath.Join(d.Root, filepath.FromSlash(e.Path)))
		return (e.ID == "") != errors.Is(err, fs.ErrNotExist)
	})
}

func (p program) changedAt(ctx context.Context, from, to string, edits []Edit) (bool, error) {
	changed, err := changedPaths(ctx, p.command(), from, to)
	return err == nil && overlaps(edits, changed), err
}

func (p program) stagedAt(ctx context.Context, index, from string, edits []Edit) (bool, error) {
	c := p.command()
	c.env = append(slices.Clip(c.env), "GIT_INDEX_FILE="+index)
	staged, err := changedPaths(ctx, c, from, "")
	return err == nil && overlaps(edits, staged), err
}

// changedPaths returns the paths in which a commit, or the index if to is empty, differs from another one, which is
// empty before the first commit.
func changedPaths(ctx context.Context, c command, from, to string) (map[string]bool, error) {
	if from == "" {
		out, err := c.run(ctx, "hash-object", "-t", "tree", "--stdin")
		if err != nil {
			return nil, err
		}
		from = strings.TrimSpace(string(out))
	}
	args := []string{"diff-index", "--cached"}
	if to != "" {
		args = []string{"diff-tree", "-r"}
	}
	args = append(args, "-z", "--name-only", "--no-renames", "--no-relative", "--ignore-submodules=none", from)
	if to != "" {
		args = append(args, to)
	}
	out, err := c.run(ctx, args...)
	paths := map[string]bool{}
	for path := range strings.SplitSeq(string(out), "\x00") {
		paths[path] = true
	}
	return paths, err
}

func overlaps(edits []Edit, paths map[string]bool) bool {
	return slices.ContainsFunc(edits, func(e Edit) bool { return paths[e.Path] })
}

// addAgain puts the edits into the index again, if it still lacks them once it is locked.
func (d Dirs) addAgain(ctx context.Context, nonce string, n *afterNote, edits []Edit) (err error) {
	o, err := beginWithin(ctx, d, "stage", nonce, 0, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	tip, err := ReadTip(ctx, d)
	if err != nil || tip.Commit != n.next {
		return err
	}
	if lost, err := d.lacks(ctx, o.index, n.old, edits); err != nil || !lost {
		return err
	}
	var add []Edit
	var remove []string
	for _, e := range edits {
		if e.ID == "" {
			remove = append(remove, e.Path)
			continue
		}
		add = append(add, e)
	}
	if err := o.StageEntries(ctx, add); err != nil {
		return err
	}
	if err := o.Stage(ctx, slices.Values[[]string](nil), remove); err != nil {
		return err
	}
	return o.FinishIndex(ctx, "")
}
