package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/transition"
)

// versionIn returns a run as a commit or tree holds it, for a check of its transitions. It returns nil if the run does
// not exist there. at is the path of the .runs folder.
func versionIn(trees *git.Trees, tree, at, id string) (*transition.Version, error) {
	files, err := filesIn(trees, tree, at, id)
	if err != nil || onlyNotes(files) {
		return nil, err
	}
	return versionOf(trees, files, func(name string) (string, error) {
		e, ok, err := trees.Find(tree, path.Join(at, name))
		if err == nil && !ok {
			err = errors.New("is missing")
		}
		return e.ID, err
	}), nil
}

// onlyNotes reports whether a run is not there: its annotations have a folder of their own, which stays if a commit
// deletes the batch of the run.
func onlyNotes(files runFiles) bool {
	for name := range files {
		if path.Dir(name) != "notes" {
			return false
		}
	}
	return true
}

// filesIn returns the files of a run in a commit or tree. It returns nil if the run does not exist there.
func filesIn(trees *git.Trees, tree, at, id string) (runFiles, error) {
	folder, batches, err := placesIn(trees, tree, at, id)
	if err != nil || folder == "" && batches == nil {
		return nil, err
	}
	return filesOf(trees, id, folder, batches)
}

// placesIn returns where a commit or tree has a run: the tree of its folder, or "", and batches.
func placesIn(trees *git.Trees, tree, at, id string) (folder string, batches []*heldBatch, err error) {
	day, ok, err := trees.Find(tree, path.Join(at, format.IDDay(id)))
	if err != nil || !ok || !day.IsTree() {
		return "", nil, err
	}
	entries, err := trees.Read(day.ID)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		switch {
		case !e.IsTree():
		case e.Name == id:
			folder = e.ID
		case format.IsBatchName(e.Name):
			b, err := readBatch(trees, format.IDDay(id), e)
			if isBroken(err) {
				return "", nil, err
			}
			if err != nil {
				continue // it is reported when the batch is verified
			}
			if _, ok := b.runs[id]; ok {
				batches = append(batches, b)
			}
		}
	}
	return folder, batches, nil
}

// maxNearCommits is in how many commits sharedNear looks.
const maxNearCommits = 1000

// sharedNear returns a function that finds the blob of a shared file in a commit or, because a redaction removes the
// shared files that it replaces, in commits before it.
func sharedNear(trees *git.Trees, commit, at string) func(name string) (string, error) {
	return func(name string) (string, error) {
		seen := map[string]bool{}
		for next := []string{commit}; len(next) > 0 && len(seen) < maxNearCommits; {
			id := next[0]
			if next = next[1:]; seen[id] {
				continue
			}
			seen[id] = true
			e, ok, err := trees.Find(id, path.Join(at, name))
			if err != nil || ok {
				return e.ID, err
			}
			c, err := trees.Commit(id)
			if err != nil {
				return "", err
			}
			next = append(next, c.Parents...)
		}
		return "", errors.New("is missing")
	}
}

// settles reports whether all versions that a commit or tree has of a run lead to now, which is then the one that
// stays.
func settles(trees *git.Trees, tree, at, id string, now *transition.Version) (bool, error) {
	folder, batches, err := placesIn(trees, tree, at, id)
	if err != nil || now == nil {
		return false, err
	}
	own, err := filesOf(trees, id, folder, nil)
	if err != nil {
		return false, err
	}
	versions := []runFiles{own}
	for _, b := range batches {
		files, err := b.runFiles(trees, id)
		if err != nil {
			return false, err
		}
		versions = append(versions, files)
	}
	for _, files := range versions {
		if _, ok := files[repo.RecordName]; !ok {
			continue
		}
		if _, err := transition.Check(versionOf(trees, files, sharedNear(trees, tree, at)), now, false); err != nil {
			return false, err
		}
	}
	return true, nil
}

// batchIn returns the batch at a path of a commit or tree, or nil.
func batchIn(trees *git.Trees, tree, at, name string) (*heldBatch, error) {
	e, ok, err := trees.Find(tree, path.Join(at, name))
	if err != nil || !ok || !e.IsTree() {
		return nil, err
	}
	return readBatch(trees, path.Dir(name), e)
}

// versionOf returns a run with these files. shared returns the blob of a shared file.
func versionOf(trees *git.Trees, files runFiles, shared func(name string) (string, error),
) *transition.Version {
	v := &transition.Version{
		Files: make(map[string]string, len(files)), Batched: files[repo.RecordName].batch != nil,
	}
	for name, e := range files {
		v.Files[name] = e.ID
	}
	v.Rows = func(name string) (string, error) { return files[name].rowDigest(trees) }
	v.Read = func(name string) ([]byte, error) { return files[name].read(trees, transition.MaxBytes) }
	v.Shared = func(name string) ([]byte, error) {
		blob, err := shared(name)
		if err != nil {
			return nil, err
		}
		data, err := trees.Blob(blob, transition.MaxBytes)
		if err == nil {
			err = checkName(name, data)
		}
		return data, err
	}
	return v
}

// checkName verifies that the bytes of a shared file have the digest of its name.
func checkName(name string, data []byte) error {
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != digestIn(name) {
		return repo.ErrDigest
	}
	return nil
}

// digestIn returns the digest in the name of a shared file.
func digestIn(name string) string {
	base := path.Base(name)
	return base[:len(base)-len(path.Ext(base))]
}

// repaired reports whether now gives a run back the bytes that it had before damage, which the run has in the commit
// parent.
func repaired(ctx context.Context, dirs git.Dirs, trees *git.Trees, at, id, parent string, now *transition.Version,
) (bool, error) {
	damaged, err := versionIn(trees, parent, at, id)
	if err != nil || damaged == nil || now == nil {
		return false, err
	}
	where := runPath(id)
	if damaged.Batched || now.Batched {
		where = format.IDDay(id)
	}
	commits, err := git.ChangesOf(ctx, dirs, parent, path.Join(at, where))
	if err != nil {
		return false, err
	}
	for _, commit := range commits {
		earlier, err := versionIn(trees, commit, at, id)
		if err != nil {
			return false, err
		}
		if earlier == nil || earlier.Files[repo.RecordName] != now.Files[repo.RecordName] {
			continue
		}
		if ok, err := transition.Repairs(earlier, damaged, now); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// versionHere returns a run with the files of the working tree that a commit would have, of the same ids as in trees.
func versionHere(ctx context.Context, r *repo.Repository, e *repo.Entry, files []repo.File, like string,
) (*transition.Version, error) {
	v := &transition.Version{Files: make(map[string]string, len(files))}
	file := func(name string) string { return filepath.Join(e.Dir, filepath.FromSlash(name)) }
	for _, f := range files {
		in, err := regular.Open(file(f.Name))
		if err != nil {
			return nil, err
		}
		v.Files[f.Name], err = git.BlobID(like, f.Bytes, in)
		_ = in.Close()
		if err != nil {
			return nil, err
		}
	}
	v.Rows = func(name string) (string, error) { return digestOnDisk(ctx, file(name)) }
	v.Read = func(name string) ([]byte, error) { return readAtMost(file(name), transition.MaxBytes) }
	v.Shared = func(name string) ([]byte, error) { return r.ReadShared(ctx, name, transition.MaxBytes) }
	return v, nil
}

// digestOnDisk returns the digest of the rows of a metrics.parquet or values.parquet of the working tree.
func digestOnDisk(ctx context.Context, file string) (string, error) {
	f, err := regular.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	return fileDigest(ctx, filepath.Base(file), f, info.Size())
}

func readAtMost(file string, limit int64) ([]byte, error) {
	info, err := os.Lstat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d", info.Size(), limit)
	}
	return regular.ReadFile(file)
}
