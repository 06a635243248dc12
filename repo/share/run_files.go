package share

import (
	"io"

	"github.com/gitruns/runs/repo/git"
)

// runFiles are the files of a run in a commit, by their names in the folder that the run has, or would have by itself.
type runFiles map[string]runFile

// runFile is a file of a run in a commit. Two files with equal IDs have equal bytes.
type runFile struct {
	git.TreeEntry
}

// ordinaryFile stands for a file of which only the kind matters.
var ordinaryFile = runFile{git.TreeEntry{Mode: "100644"}}

// read returns the bytes of the file. If it has more than limit bytes, read returns an error.
func (f runFile) read(trees *git.Trees, limit int64) ([]byte, error) { return trees.Blob(f.ID, limit) }

// sum returns the SHA-256 of the file, its size and its first bytes.
func (f runFile) sum(trees *git.Trees, limit int64) (digest string, size int64, head []byte, err error) {
	return trees.Sum(f.ID, limit)
}

// copy writes the file to w.
func (f runFile) copy(trees *git.Trees, limit int64, w io.Writer) error {
	return trees.Copy(f.ID, limit, w)
}
