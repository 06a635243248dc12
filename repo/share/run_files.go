package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// runFiles are the files of a run in a commit, by their names in the folder that the run has, or would have by itself.
type runFiles map[string]runFile

// runFile is a file of a run in a commit. Two files with equal IDs have equal bytes. The record and the rows of a run
// in a batch are not blobs: the ID of the record is the one that it would have, and that of rows names their digest.
type runFile struct {
	git.TreeEntry
	at    string     // relative to .runs, for a file of a batch
	batch *heldBatch // that holds the file together with those of other runs; nil for a blob of its own
	run   string     // the id, if batch is set
}

// errMissing means that a version of a run does not have a file.
var errMissing = errors.New("the file is missing")

// ordinaryFile stands for a file of which only the kind matters.
var ordinaryFile = runFile{TreeEntry: git.TreeEntry{Mode: "100644"}}

// blob returns a file that is a blob.
func blob(e git.TreeEntry) runFile { return runFile{TreeEntry: e} }

// read returns the bytes of the file. If it has more than limit bytes, read returns an error. For the rows of a run in
// a batch, these are the bytes of the file that the run would have by itself.
func (f runFile) read(trees *git.Trees, limit int64) (data []byte, err error) {
	switch {
	case f.batch == nil && f.ID == "":
		return nil, errMissing
	case f.batch == nil:
		return trees.Blob(f.ID, limit)
	case f.Name == repo.RecordName:
		data, err = f.batch.record(trees, f.run)
	default:
		data, err = f.unpack(trees)
	}
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has %d bytes, the limit is %d", len(data), limit)
	}
	return data, err
}

// sum returns the SHA-256 of the file, its size and its first bytes.
func (f runFile) sum(trees *git.Trees, limit int64) (digest string, size int64, head []byte, err error) {
	if f.batch == nil {
		return trees.Sum(f.ID, limit)
	}
	data, err := f.read(trees, limit)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), int64(len(data)), data[:min(len(data), 1024)], err
}

// copy writes the file to w.
func (f runFile) copy(trees *git.Trees, limit int64, w io.Writer) error {
	if f.batch == nil {
		return trees.Copy(f.ID, limit, w)
	}
	data, err := f.read(trees, limit)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// rows reports whether the file is the rows of a run in a table of a batch.
func (f runFile) rows() bool { return f.batch != nil && f.Name != repo.RecordName }

// rowDigest returns the digest of the rows of the file, which has points or values.
func (f runFile) rowDigest(trees *git.Trees) (string, error) {
	if f.rows() {
		return f.batch.rowDigest(trees, f.Name, f.run)
	}
	data, err := f.read(trees, maxHeldBytes)
	if err != nil {
		return "", err
	}
	return fileDigest(context.Background(), f.Name, bytes.NewReader(data), int64(len(data)))
}

// fileDigest returns the digest of the rows of a metrics.parquet or values.parquet of a single run.
func fileDigest(ctx context.Context, name string, r io.ReaderAt, size int64) (digest string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be read: %v", name, p)
		}
	}()
	if name == format.ValuesName {
		v, err := format.OpenValues(r, size)
		if err != nil {
			return "", err
		}
		return v.Digest(ctx)
	}
	m, err := format.OpenMetrics(r, size)
	if err != nil {
		return "", err
	}
	return m.Digest(ctx)
}

// unpack returns the file of points or values that the run would have by itself.
func (f runFile) unpack(trees *git.Trees) ([]byte, error) {
	f.batch.use()
	f.batch.mu.Lock()
	defer f.batch.mu.Unlock()
	data, err := f.batch.table(trees, f.Name)
	if err != nil {
		return nil, err
	}
	return repo.UnpackRows(f.Name, data, f.run)
}

// path returns the path of the blob that holds the file, relative to .runs. name is its name in the folder of the run.
func (f runFile) path(id, name string) string {
	if f.at != "" {
		return f.at
	}
	return path.Join(runPath(id), name)
}
