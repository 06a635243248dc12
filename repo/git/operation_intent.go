package git

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// intent is the content of the file that describes what an operation is about to do. Different versions of the program
// read it: an older version must be able to complete an operation that a newer one began.
type intent struct {
	nonce          string
	kind           string      // commit, stage, follow
	ref, old, next string      // empty until the refs are about to move
	moves          []RefUpdate // all refs that move, including ref
}

func (d Dirs) state(name string) string { return filepath.Join(d.Git, "runs", name) }

// write replaces the file by one rename. It syncs the file to disk only if the refs are about to move.
func (n intent) write(path string) error {
	text := fmt.Sprintf("nonce %s\nkind %s\n", n.nonce, n.kind)
	if n.next != "" {
		text += fmt.Sprintf("ref %s\nold %s\nnew %s\n", n.ref, n.old, n.next)
		for _, u := range n.moves {
			text += fmt.Sprintf("moves %s %s %s\n", u.Ref, u.New, u.Old)
		}
	}
	tmp := path + "-" + n.nonce
	f, err := regular.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
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

func readIntent(path string) (intent, error) {
	data, err := regular.ReadFile(path)
	if err != nil {
		return intent{}, err
	}
	var n intent
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

// LockLeftError says that Git's lock of the index could not be removed. Until it is, Git changes nothing in this
// repository. The intent stays, so that the next command removes the lock.
type LockLeftError struct {
	Path string
	Err  error
}

func (e *LockLeftError) Error() string {
	return fmt.Sprintf("the lock %s could not be removed: %v", e.Path, withoutPath(e.Err))
}

func (e *LockLeftError) Unwrap() error { return e.Err }

// withoutPath returns the cause of an error that names its path.
func withoutPath(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// removeAttempts is how often the removal of a lock is tried. A file system may fail once, and a lock that stays blocks
// everybody.
const removeAttempts = 3

// clear removes what an operation leaves: the lock, then the files, and the intent last. So after a kill, the intent
// still refers to all files that are left. If the lock cannot be removed, the error is a *LockLeftError and the intent
// stays. The other files are harmless: sweep removes them later.
func (d Dirs) clear(n intent) error {
	err := d.unlockIndex(n)
	for try := 1; err != nil && try < removeAttempts; try++ {
		time.Sleep(10 * time.Millisecond)
		err = d.unlockIndex(n)
	}
	if err != nil {
		return &LockLeftError{d.indexPath() + ".lock", err}
	}
	for _, name := range []string{
		"index-" + n.nonce, "index-" + n.nonce + ".lock", "was-" + n.nonce, "lock-" + n.nonce,
		"op-" + n.nonce, "op",
	} {
		_ = os.Remove(d.state(name))
	}
	return nil
}

// unlockIndex removes index.lock if it belongs to the intent.
func (d Dirs) unlockIndex(n intent) error {
	own, err := d.ownsIndexLock(n)
	if err != nil || !own {
		return err
	}
	if err := os.Remove(d.indexPath() + ".lock"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes the files of processes that were killed before they wrote their intent. The caller must hold the lock
// of lockOperations.
func (d Dirs) sweep() {
	for _, prefix := range []string{"op-", "index-", "lock-", "was-"} {
		left, _ := filepath.Glob(d.state(prefix + "*"))
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
}
