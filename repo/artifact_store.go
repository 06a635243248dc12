package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/regular"
)

// storeName is the folder for artifacts that do not go into Git. The name of each file is its SHA-256.
const storeName = "store"

// maxInlineFiles is the largest number of artifacts of a run that go into Git.
const maxInlineFiles = 1000

// keepOutside decides which artifacts do not go into Git, and sets their Where. These are the ones larger than the
// limit for one artifact and then, the largest first, as many as it takes to meet the limit for all.
func keepOutside(artifacts []format.Artifact, config *format.Config) {
	if config.Artifacts.Store == format.StoreLFS {
		return // Git keeps them
	}
	where := config.Artifacts.Store
	if where == "" {
		where = format.WhereLocal
	}
	bySize := make([]int, len(artifacts))
	for i := range artifacts {
		bySize[i] = i
	}
	slices.SortStableFunc(bySize, func(a, b int) int { return cmpInt(artifacts[a].Bytes, artifacts[b].Bytes) })
	total, files := int64(0), 0
	for _, i := range bySize {
		a := &artifacts[i]
		if a.Bytes > config.Artifacts.MaxFile || total+a.Bytes > config.Artifacts.MaxRun || files == maxInlineFiles {
			a.Where = where
			continue
		}
		total += a.Bytes
		files++
	}
}

// storeDirs are the folders of this machine that may hold artifacts; new ones go into the first. For a linked
// worktree, that is a folder outside it, so that its artifacts survive 'git worktree remove'.
func (r *Repository) storeDirs() []string {
	own := filepath.Join(r.Dir, storeName)
	if r.Dir == "" { // a revision that is not on disk
		own = ""
	}
	if !r.InGit {
		return []string{own}
	}
	common := filepath.Join(r.Git.Common, "runs", storeName)
	if !r.Git.Linked() {
		if own == "" || r.commit != "" {
			own = filepath.Join(r.Git.Root, filepath.FromSlash(r.tree), storeName)
		}
		return []string{own, common}
	}
	dirs := []string{common}
	if at, err := r.TreePath(); err == nil && filepath.Base(r.Git.Common) == ".git" {
		dirs = append(dirs, filepath.Join(filepath.Dir(r.Git.Common), filepath.FromSlash(at), storeName))
	}
	return append(dirs, own)
}

// StoredPlace returns the path under which new bytes with this digest are stored.
func (r *Repository) StoredPlace(digest string) string {
	return storedIn(r.storeDirs()[0], digest)
}

func storedIn(dir, digest string) string { return filepath.Join(dir, digest[:2], digest) }

// Stored returns the path on this machine of an artifact that did not go into Git, found by its digest and size. It
// is empty if the artifact is not on this machine.
func (r *Repository) Stored(digest string, bytes int64) string {
	for _, dir := range r.storeDirs() {
		if dir == "" {
			continue
		}
		if at := storedIn(dir, digest); isRegular(at, bytes) {
			return at
		}
	}
	return ""
}

func isRegular(path string, bytes int64) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == bytes
}

// store moves a file into the folder of artifacts that do not go into Git.
func (r *Repository) store(from, digest string) error {
	target := r.StoredPlace(digest)
	if exists(target) {
		if err := checkDigest(target, digest, maxFileBytes); err == nil {
			return os.Remove(from)
		}
		if err := os.Remove(target); err != nil { // torn by a crash of the system
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	if os.Rename(from, target) == nil {
		return errors.Join(syncDir(filepath.Dir(target)), syncDir(filepath.Dir(filepath.Dir(target))))
	}
	if err := place(target, func(tmp string) error { // another file system
		_, err := copyFile(from, tmp)
		return err
	}); err != nil {
		return err
	}
	return os.Remove(from)
}

// HasArtifact reports whether an artifact of a finished run is on this machine, or in a commit, from which it can be
// read.
func (e *Entry) HasArtifact(a format.Artifact) bool {
	if a.Where == "" && e.inGitOnly(path.Join(artifactsName, a.Path)) {
		return !e.Pointer(a)
	}
	return e.ArtifactFile(a) != ""
}

// ArtifactFile returns the path on this machine of an artifact of a finished run, or "" if it is not here. An artifact
// that is only in Git is copied to a temporary folder.
func (e *Entry) ArtifactFile(a format.Artifact) string {
	name := path.Join(artifactsName, a.Path)
	if a.Where == "" && e.inGitOnly(name) {
		if at, err := e.locate(name); err == nil && isRegular(at, a.Bytes) {
			return at
		}
	}
	if at := e.path(name); e.Dir != "" && isRegular(at, a.Bytes) && e.realFolders(name) == nil {
		return at
	}
	return e.repo.Stored(a.SHA256, a.Bytes)
}

// MissingArtifact returns the reason why an artifact cannot be read from the folder of the run.
func (e *Entry) MissingArtifact(a format.Artifact) error {
	name := artifactsName + "/" + a.Path
	if err := e.realFolders(name); err != nil {
		return withHint(
			fmt.Errorf("artifact %s of run %s: %w", a.Path, e.ID, err),
			"remove the link, then run 'git restore' to get the committed file back",
		)
	}
	return fmt.Errorf("artifact %s of run %s is missing: run 'runs verify %s' for details", a.Path, e.ID, e.ID)
}

// Pointer reports whether Git LFS left a pointer in place of an artifact.
func (e *Entry) Pointer(a format.Artifact) bool {
	name := path.Join(artifactsName, a.Path)
	at := e.path(name)
	if e.inGitOnly(name) {
		config, err := e.repo.Config()
		if err != nil || config.Artifacts.Store != format.StoreLFS { // there is no need to fetch it
			return false
		}
		if at, err = e.locate(name); err != nil {
			return false
		}
	}
	data, err := readBounded(at, 1024)
	if err != nil || e.realFolders(name) != nil {
		return false
	}
	digest, bytes, ok := capture.Pointer(data)
	return ok && digest == a.SHA256 && bytes == a.Bytes
}

// CopyArtifact copies an artifact that is on this machine to w and verifies its digest.
func (e *Entry) CopyArtifact(a format.Artifact, w io.Writer) error {
	at := e.ArtifactFile(a)
	if at == "" {
		return fmt.Errorf("artifact %s of run %s is not on this machine", a.Path, e.ID)
	}
	f, err := regular.Open(at)
	if err != nil {
		return fmt.Errorf("artifact %s of run %s: %w", a.Path, e.ID, err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(f, a.Bytes+1))
	if err == nil && (n != a.Bytes || hex.EncodeToString(sum.Sum(nil)) != a.SHA256) {
		err = ErrDigest
	}
	if err != nil {
		return fmt.Errorf("artifact %s of run %s: %w", a.Path, e.ID, err)
	}
	return nil
}

// PlaceStored stores the bytes that write produces as an artifact on this machine, after checking size and digest.
func (e *Entry) PlaceStored(a format.Artifact, write func(*os.File) error) error {
	return place(e.repo.StoredPlace(a.SHA256), func(tmp string) error {
		f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
			return err
		}
		return checkDigest(tmp, a.SHA256, a.Bytes)
	})
}

// TrashedArtifacts returns the artifacts of the runs in the trash, without those of runs that cannot be read.
func (r *Repository) TrashedArtifacts() []format.Artifact {
	var artifacts []format.Artifact
	for _, dir := range r.trashedRuns() {
		data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
		if err != nil {
			continue
		}
		run, err := format.DecodeRun(RecordName, data)
		if err != nil {
			continue
		}
		all, _ := (&Entry{Run: run, Dir: dir, repo: r}).AllArtifacts()
		artifacts = append(artifacts, all...)
	}
	return artifacts
}
