package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/lock"
)

// ErrLocked says that another process of git, or of ours, is changing the repository.
var ErrLocked = errors.New("another process is changing this repository")

// lockWait is how long a change waits for git's own index.lock.
const lockWait = 5 * time.Second

// Operation changes the branch that is checked out and the index of the user together. What it writes, it writes in this
// order: the note `<git dir>/runs/op`, git's index.lock, the new index under a name of its own, the note again with the
// commits, the index by one rename, the refs; and then it removes the lock, and the note last. Killed at any moment, Settle makes
// it whole or as if it had never begun; and while index.lock is there, git itself refuses to build on what is half done.
//
// The index comes before the refs: `git commit` reads the branch first and then the index, before it takes the lock. Whoever
// sees the new branch has the new index then; who saw the old branch is refused by git when it is to move.
type Operation struct {
	dirs  Dirs
	guard *os.File // the lock of our own processes
	note  note
	index string // the new index
}

// note is the file that says what is being done.
type note struct {
	nonce          string
	kind           string      // commit, follow
	ref, old, next string      // empty until the refs are about to move
	moves          []RefUpdate // all that move, ref among them
}

func (d Dirs) state(name string) string { return filepath.Join(d.Git, "runs", name) }

// indexPath is the user's index.
func (d Dirs) indexPath() string {
	if own := os.Getenv("GIT_INDEX_FILE"); own != "" {
		return absolute(d.Root, own)
	}
	return filepath.Join(d.Git, "index")
}

// write gives the file its content as a whole. It need not outlive a power failure until the refs are about to move.
func (n note) write(path string) error {
	text := fmt.Sprintf("nonce %s\nkind %s\n", n.nonce, n.kind)
	if n.next != "" {
		text += fmt.Sprintf("ref %s\nold %s\nnew %s\n", n.ref, n.old, n.next)
		for _, u := range n.moves {
			text += fmt.Sprintf("moves %s %s %s\n", u.Ref, u.New, u.Old)
		}
	}
	tmp := path + "-" + n.nonce
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil && n.next != "" {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func readNote(path string) (note, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return note{}, err
	}
	var n note
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "nonce":
			n.nonce = filepath.Base(value)
		case "kind":
			n.kind = value
		case "ref":
			n.ref = value
		case "old":
			n.old = value
		case "new":
			n.next = value
		case "moves":
			if fields := strings.Split(value, " "); len(fields) == 3 {
				n.moves = append(n.moves, RefUpdate{Ref: fields[0], New: fields[1], Old: fields[2]})
			}
		}
	}
	return n, nil
}

// take locks out our own processes of this working tree. Without wait it gives up at once.
func (d Dirs) take(ctx context.Context, wait time.Duration) (*os.File, error) {
	return takeLock(ctx, d.state("lock"), wait)
}

// turnWait is how long a commit lets others of ours go first.
const turnWait = time.Minute

// Turn waits until no other commit of runs is being made in any working tree of the repository: of many that begin at once
// none is overtaken again and again. It is for fairness alone; after a minute it is given without. Call the function at the
// end.
func Turn(ctx context.Context, dirs Dirs) (end func(), err error) {
	f, err := takeLock(ctx, filepath.Join(dirs.Common, "runs", "turn"), turnWait)
	if errors.Is(err, ErrLocked) {
		return func() {}, nil
	}
	return func() { _ = f.Close() }, err
}

func takeLock(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
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

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Begin settles what a killed process left behind and takes both locks. nonce is a random word.
func Begin(ctx context.Context, dirs Dirs, kind, nonce string) (*Operation, error) {
	guard, err := dirs.take(ctx, time.Minute) // what holds it is a short write of another command of ours
	if err != nil {
		return nil, err
	}
	o := &Operation{dirs: dirs, guard: guard, note: note{nonce: nonce, kind: kind}, index: dirs.state("index-" + nonce)}
	err = dirs.settle(ctx, guard)
	if err == nil {
		dirs.sweep()
		err = o.note.write(dirs.state("op"))
	}
	if err == nil && filepath.Base(dirs.indexPath()) != heldIndex {
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

// heldIndex is the index that `git commit -a` shows to hooks: the lock that git itself holds.
const heldIndex = "index.lock"

// sweep removes what processes left that were killed before their note was written. It needs the lock of our own processes.
func (d Dirs) sweep() {
	for _, prefix := range []string{"op-", "index-", "lock-", "was-"} {
		left, _ := filepath.Glob(d.state(prefix + "*"))
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
}

// lockIndex makes git's index.lock a second name of a file of ours: so that it is known as ours after a kill.
func (o *Operation) lockIndex(ctx context.Context) error {
	own := o.dirs.state("lock-" + o.note.nonce)
	if err := os.WriteFile(own, []byte("runs "+o.note.nonce+"\n"), 0o666); err != nil {
		return err
	}
	path := o.dirs.indexPath() + ".lock"
	deadline := time.Now().Add(lockWait)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := os.Link(own, path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			err = createWhole(own, path)
		}
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return err
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("%w: %s is there", ErrLocked, path)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// createWhole is for file systems without hard links.
func createWhole(from, to string) error {
	data, err := os.ReadFile(from)
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

// ours reports whether index.lock is the one of this note.
func (d Dirs) ours(n note) bool {
	data, err := os.ReadFile(d.indexPath() + ".lock")
	return err == nil && string(data) == "runs "+n.nonce+"\n"
}

// lasting is a call that has our lock too: where we are killed and it goes on, nobody settles what it is about to do.
func (o *Operation) lasting() command {
	c := o.dirs.command()
	c.holds = o.guard
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

// StageEntries puts files that are in git already into the new index, without a look at the disk.
func (o *Operation) StageEntries(ctx context.Context, entries []Edit) error {
	if len(entries) == 0 {
		return nil
	}
	var b strings.Builder
	for _, e := range entries {
		if e.ID == "" {
			fmt.Fprintf(&b, "0 %040d\t%s\x00", 0, e.Path)
			continue
		}
		fmt.Fprintf(&b, "%s %s\t%s\x00", e.Mode, e.ID, e.Path)
	}
	_, err := o.run(ctx, b.String(), "update-index", "-z", "--index-info")
	return err
}

// parseEntries reads `ls-files -s -z`.
func parseEntries(out []byte) []Entry {
	var entries []Entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 3 && fields[2] == "0" {
			entries = append(entries, Entry{path, fields[1], fields[0]})
		}
	}
	return entries
}

// RefUpdate moves a ref from one commit to another. An empty Old must not exist yet.
type RefUpdate struct {
	Ref, Old, New string
}

// ErrMoved says that a ref no longer is where it was read.
var ErrMoved = errors.New("the branch has moved meanwhile")

// UpdateRefs moves refs, all or none. The branch that is checked out is HEAD.
func UpdateRefs(ctx context.Context, dirs Dirs, reason string, updates ...RefUpdate) error {
	return dirs.command().updateRefs(ctx, reason, updates...)
}

func (c command) updateRefs(ctx context.Context, reason string, updates ...RefUpdate) error {
	var b strings.Builder
	for _, u := range updates {
		old := u.Old
		if old == "" {
			old = strings.Repeat("0", len(u.New))
		}
		fmt.Fprintf(&b, "update %s\x00%s\x00%s\x00", u.Ref, u.New, old)
	}
	c.stdin = strings.NewReader(b.String())
	_, err := c.run(ctx, "update-ref", "-m", reason, "--stdin", "-z")
	var failed *Error
	if errors.As(err, &failed) && (strings.Contains(failed.Message, "but expected") || strings.Contains(failed.Message, "reference already exists")) {
		return ErrMoved
	}
	return err
}

// Finish moves the refs, of which the first is HEAD, and gives the new index its place.
func (o *Operation) Finish(ctx context.Context, reason string, updates ...RefUpdate) error {
	o.note.ref, o.note.old, o.note.next = updates[0].Ref, updates[0].Old, updates[0].New
	o.note.moves = updates
	if err := o.note.write(o.dirs.state("op")); err != nil {
		return err
	}
	// From here on nothing is interrupted: it is a matter of milliseconds.
	return o.publish(context.WithoutCancel(ctx), reason, nil)
}

// publish gives the new index its place and moves the refs of the note. Where they do not move, undo is called with the new
// index, and the old one comes back.
func (o *Operation) publish(ctx context.Context, reason string, undo func() error) error {
	was := o.dirs.state("was-" + o.note.nonce)
	if err := keepIndex(o.dirs.indexPath(), was); err != nil {
		return err
	}
	if err := os.Rename(o.index, o.dirs.indexPath()); err != nil {
		return err
	}
	err := o.lasting().updateRefs(ctx, reason, o.note.moves...)
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
	o.dirs.clear(o.note)
	_ = o.guard.Close()
}

// clear removes what an operation leaves: the lock, then the files, and the note last, so that a kill on the way leaves
// nothing that the next command does not know of.
func (d Dirs) clear(n note) {
	if d.ours(n) {
		_ = os.Remove(d.indexPath() + ".lock")
	}
	for _, name := range []string{"index-" + n.nonce, "index-" + n.nonce + ".lock", "was-" + n.nonce, "lock-" + n.nonce, "op-" + n.nonce, "op"} {
		_ = os.Remove(d.state(name))
	}
}

// Settle completes or undoes what a killed process left behind. Where nothing is left it costs a look at one file. What a
// living process is doing is left to it.
func Settle(ctx context.Context, dirs Dirs) error {
	if _, err := os.Lstat(dirs.state("op")); err != nil {
		return nil
	}
	guard, err := dirs.take(ctx, 0)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = guard.Close() }()
	return dirs.settle(ctx, guard)
}

func (d Dirs) settle(ctx context.Context, guard *os.File) error {
	n, err := readNote(d.state("op"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.freeRefs(ctx, n); err != nil {
		return err
	}
	if n.kind == kindFollow {
		return d.settleFollow(ctx, n, guard)
	}
	if err := d.completeRefs(ctx, n, guard); err != nil {
		return err
	}
	d.clear(n)
	return nil
}

// refLockWait is how long a lock of a ref must be seen before it counts as left behind: git holds them for milliseconds.
const refLockWait = time.Second

// freeRefs removes the locks that a killed update-ref left on the refs of a note. While index.lock is ours, no commit of
// anybody else holds them.
func (d Dirs) freeRefs(ctx context.Context, n note) error {
	if n.next == "" || !d.ours(n) {
		return nil
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

// placed reports whether the new index has its place and the old one is kept.
func (d Dirs) placed(n note) bool {
	_, made := os.Lstat(d.state("index-" + n.nonce))
	_, was := os.Lstat(d.state("was-" + n.nonce))
	return errors.Is(made, fs.ErrNotExist) && was == nil
}

// completeRefs moves the refs of a note whose index has its place already. Where somebody has removed index.lock, index and
// branch may have changed since: they stay as they are.
func (d Dirs) completeRefs(ctx context.Context, n note, guard *os.File) error {
	if n.next == "" || !d.ours(n) || !d.placed(n) {
		return nil
	}
	o := &Operation{dirs: d, guard: guard, note: n}
	reason := "runs: finish an interrupted " + n.kind
	err := o.lasting().updateRefs(ctx, reason, n.moves...)
	if !errors.Is(err, ErrMoved) {
		return err
	}
	// They have moved already, all or, where git was killed between one and the next, some of them.
	for _, u := range n.moves {
		if err := o.lasting().updateRefs(ctx, reason, u); err != nil && !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return nil
}

// Differences lists what two commits differ in, as changes of the first. An empty one has no files.
func Differences(ctx context.Context, dirs Dirs, from, to string) ([]Edit, error) {
	args := []string{"diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-relative", "--full-index", "--no-commit-id", "--ignore-submodules=none"}
	if from == "" {
		args = append(args, "--root", to)
	} else {
		args = append(args, from, to)
	}
	out, err := dirs.command().run(ctx, args...)
	if err != nil {
		return nil, err
	}
	var edits []Edit
	for rest := string(out); rest != ""; {
		meta, more, ok := strings.Cut(rest, "\x00")
		path, more, ok2 := strings.Cut(more, "\x00")
		fields := strings.Fields(meta)
		if !ok || !ok2 || len(fields) != 5 {
			return nil, fmt.Errorf("git diff-tree: unexpected line %q", meta)
		}
		rest = more
		e := Edit{path, fields[1], fields[3]}
		if fields[4][0] == 'D' {
			e.Mode, e.ID = "", ""
		}
		edits = append(edits, e)
	}
	return edits, nil
}
