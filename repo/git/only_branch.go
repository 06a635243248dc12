package git

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// maxPackedRefs is how much of the file of packed refs is looked through, in bytes.
const maxPackedRefs = 1 << 20

// OnlyBranch reports whether the branch that is checked out is certainly the only local one. It reads a few files and
// never starts Git. It is false if there are others, if no branch is checked out, and if the refs are kept in another
// way than in files.
func OnlyBranch(dirs Dirs) bool {
	head, err := readRef(filepath.Join(dirs.Git, "HEAD"))
	name, symbolic := strings.CutPrefix(head, "ref: refs/heads/")
	if err != nil || !symbolic {
		return false
	}
	if _, err := os.Lstat(filepath.Join(dirs.Common, "reftable")); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	other := errors.New("another branch")
	heads := filepath.Join(dirs.Common, "refs", "heads")
	err = filepath.WalkDir(heads, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && path != filepath.Join(heads, filepath.FromSlash(name)) {
			return other
		}
		return err
	})
	return err == nil && !packsOther(dirs, "refs/heads/"+name)
}

// packsOther reports whether the file of packed refs may have another local branch than one.
func packsOther(dirs Dirs, branch string) bool {
	f, err := regular.Open(filepath.Join(dirs.Common, "packed-refs"))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPackedRefs+1))
	if err != nil || len(data) > maxPackedRefs {
		return true
	}
	for line := range bytes.Lines(data) {
		_, ref, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if bytes.HasPrefix(ref, []byte("refs/heads/")) && string(ref) != branch {
			return true
		}
	}
	return false
}

// readRef returns what a small file of Git contains.
func readRef(path string) (string, error) {
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	return strings.TrimSuffix(string(data), "\n"), err
}
