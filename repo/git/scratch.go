package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/regular"
)

// Scratch is a temporary index and a temporary object folder. It reads the repository's objects and does not write to
// the repository. The caller must close it.
type Scratch struct {
	Dir  string // temporary; the caller may keep files of its own in it
	dirs Dirs
	cmd  command

	skipLFS  bool   // write pointers of Git LFS
	givenLFS bool   // the filter of Git LFS is given to Git, because the user has not configured it
	fetched  string // a temporary repository that only this scratch uses; may be empty

	// runs is how many tracked files each .runs had when the index was copied without them, by the folder that contains
	// it.
	runs    map[string]int
	skipped []string // pathspecs of folders named .runs that need not be compared

	own *ownScratch // reads the repository and keeps the index, without the git program; otherwise nil
}

// pinned fixes settings that could change what Git's plumbing commands read or write, or let them write into the
// repository.
var pinned = []string{
	"-c", "core.hooksPath=" +
		os.DevNull, "-c", "core.safecrlf=false", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false",
	"-c", "core.untrackedCache=false", "-c", "core.quotePath=true", "-c", "core.compression=-1", "-c",
	"core.looseCompression=0", "-c", "core.fsync=none", "-c", "core.protectHFS=true",
	"-c", "core.protectNTFS=true", "-c", "diff.suppressBlankEmpty=false", "-c", "apply.whitespace=nowarn", "-c",
	"apply.ignoreWhitespace=no",
	"-c", "index.sparse=false", "-c", "index.skipHash=true", "-c", "advice.updateSparsePath=false",
}

// NewScratch makes a scratch with an empty index.
func NewScratch(dirs Dirs) (*Scratch, error) {
	dir, err := dirs.makeTemp(scratchPattern)
	if err != nil {
		return nil, fmt.Errorf("making a temporary index: %w", err)
	}
	s, err := newScratch(dirs, dir)
	if err != nil {
		if inside, otherErr := NewScratchInside(dirs); otherErr == nil {
			return inside, nil
		}
	}
	return s, err
}

const scratchPattern = "runs-source-"

// NewScratchInside is like NewScratch, but uses the Git folder. It is for a second attempt after one that may have
// failed because the temporary folder of the system is full.
func NewScratchInside(dirs Dirs) (*Scratch, error) {
	dir, err := TemporaryIn(dirs.Temporary(), scratchPattern)
	if err != nil {
		return nil, fmt.Errorf("making a temporary index: %w", err)
	}
	return newScratch(dirs, dir)
}

func newScratch(dirs Dirs, dir string) (*Scratch, error) {
	s := &Scratch{Dir: dir, dirs: dirs}
	s.cmd = command{dir: dirs.Root, anywhere: dirs.Apart, env: append(dirs.env(),
		"GIT_INDEX_FILE="+s.index(), "GIT_OBJECT_DIRECTORY="+s.objects(), "GIT_ALTERNATE_OBJECT_DIRECTORIES=",
		// A capture never uses the network: a partial clone must not fetch missing objects.
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none")}
	if err := s.alternates(); err != nil {
		s.Close()
		return nil, fmt.Errorf("making a temporary index: %w", err)
	}
	if dirs.ByFiles() {
		if err := s.openOwn(); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// AllowNetwork lets later commands fetch objects that a partial clone lacks.
func (s *Scratch) AllowNetwork() {
	s.cmd.env = s.cmd.env[:len(s.cmd.env)-2]
}

func (s *Scratch) index() string { return filepath.Join(s.Dir, "index") }

func (s *Scratch) objects() string { return filepath.Join(s.Dir, "objects") }

// Close removes the temporary folders.
func (s *Scratch) Close() {
	if s.own != nil {
		s.own.repository.Close()
	}
	_ = os.RemoveAll(s.Dir)
	if s.fetched != "" {
		_ = os.RemoveAll(s.fetched)
	}
}

// alternates makes the repository's objects readable through the temporary object folder.
func (s *Scratch) alternates() error {
	info := filepath.Join(s.objects(), "info")
	if err := os.MkdirAll(info, 0o700); err != nil {
		return err
	}
	var text strings.Builder
	folders := []string{filepath.Join(s.dirs.Common, "objects")}
	// Git sets it for hooks that run before a push is accepted.
	if own := os.Getenv("GIT_OBJECT_DIRECTORY"); own != "" && !s.dirs.Apart {
		folders = append(folders, absolute(s.dirs.Root, own))
	}
	others := os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")
	if s.dirs.Apart {
		others = ""
	}
	for _, other := range filepath.SplitList(others) {
		folders = append(folders, absolute(s.dirs.Root, other))
	}
	for _, dir := range folders {
		if strings.ContainsAny(dir, "\n\"") || strings.HasPrefix(dir, "#") {
			dir = strconv.Quote(dir)
		}
		text.WriteString(dir + "\n")
	}
	return os.WriteFile(filepath.Join(info, "alternates"), []byte(text.String()), 0o600)
}

// run runs a plumbing command on the temporary index and objects, whatever the user has configured.
func (s *Scratch) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	// A comparison runs the clean filter of a file, and that of Git LFS would write into .git/lfs.
	head := append(pinned[:len(pinned):len(pinned)], "-c", "lfs.storage="+filepath.Join(s.Dir, "lfs"))
	c := s.cmd
	if stdin != nil {
		c.stdin = bytes.NewReader(stdin)
	}
	return c.run(ctx, append(head, args...)...)
}

// CopyIndex copies the user's index to the scratch, without the files in .runs, and keeps its modification time. Git
// compares the content of files that are as new as the index, so a newer time would hide an edit made in the same clock
// tick as a `git add`.
func (s *Scratch) CopyIndex() error {
	if s.own != nil {
		return s.own.copyIndex()
	}
	from := s.dirs.indexPath()
	var key indexKey
	keep := false
	err := writeIndex(from, s.index(), func(in *os.File, size int64, out *os.File) (err error) {
		var ok bool
		if key, ok = keyOf(in, size); ok {
			if s.runs, ok = s.dirs.readCachedIndex(key, out); ok {
				return nil
			}
			keep = true
		}
		s.runs, err = stripIndex(in, size, out)
		return err
	})
	if errors.Is(err, errUnusualIndex) {
		return copyIndex(from, s.index())
	}
	entries := 0
	for _, n := range s.runs {
		entries += n
	}
	if err == nil && keep && entries >= cachedEntries {
		s.dirs.keepIndexCopy(key, s.runs, s.index())
	}
	return err
}

// copyIndex copies an index with its modification time. It does nothing if there is no index.
func copyIndex(from, to string) error {
	return writeIndex(from, to, func(in *os.File, _ int64, out *os.File) error {
		_, err := io.Copy(out, in)
		return err
	})
}

// writeIndex writes to the file to what write makes of an index, with the modification time of that index.
func writeIndex(from, to string, write func(in *os.File, size int64, out *os.File) error) error {
	in, err := regular.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever added
	}
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	out, err := regular.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(in, info.Size(), out)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	if err != nil {
		return fmt.Errorf("copying the index: %w", err)
	}
	return nil
}

// EmptyTree returns the id of the tree without entries, which depends on the repository's hash algorithm.
func (s *Scratch) EmptyTree(ctx context.Context) (string, error) {
	if s.own != nil {
		return native.EmptyTree.String(), nil
	}
	out, err := s.run(ctx, []byte{}, "mktree")
	return strings.TrimSpace(string(out)), err
}
