package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// permitLFS returns an error unless the user allowed the addresses of a committed .lfsconfig.
func permitLFS(ctx context.Context, r *repo.Repository) error {
	urls, err := git.LFSEndpoints(ctx, r.Git)
	if err != nil {
		return err
	}
	return r.PermitLFS(ctx, urls)
}

// fetchLFS fetches the content of a pointer with Git LFS.
func fetchLFS(ctx context.Context, r *repo.Repository, e *repo.Entry, a format.Artifact) error {
	if err := permitLFS(ctx, r); err != nil {
		return fmt.Errorf("fetching artifact %s from Git LFS: %w", a.Path, err)
	}
	err := e.PlaceStored(a, func(w *os.File) error {
		return git.Smudge(ctx, r.Git, format.LFSPointer(a.SHA256, a.Bytes),
			a.Path, w)
	})
	if errors.Is(err, git.ErrNoLFS) {
		return &repo.HintError{
			Err:  fmt.Errorf("fetching artifact %s from Git LFS: %w", a.Path, err),
			Hint: "install git-lfs and repeat",
		}
	}
	if err != nil {
		return fmt.Errorf("fetching artifact %s from Git LFS: %w", a.Path, err)
	}
	return nil
}

// uploadLFS uploads the artifacts that are in Git LFS, even from a clone without the hooks of Git LFS.
func (p *pusher) uploadLFS(ctx context.Context, tip string) error {
	has := false
	err := p.eachRecord(ctx, nil, func(run *format.Run) error {
		has = has || len(run.Artifacts) > 0 || run.Files[format.ArtifactsName].SHA256 != ""
		return nil
	})
	if err != nil || !has {
		return err
	}
	if err := permitLFS(ctx, p.repo); err != nil {
		return fmt.Errorf("pushing artifacts with Git LFS: %w; nothing was pushed", err)
	}
	p.progress("uploading artifacts with git LFS")
	err = git.PushLFS(ctx, p.repo.Git, p.up.Remote, tip)
	if errors.Is(err, git.ErrNoLFS) {
		return &repo.HintError{
			Err:  fmt.Errorf("pushing artifacts with Git LFS: %w", err),
			Hint: "nothing was pushed; install git-lfs and repeat",
		}
	}
	if err != nil {
		return fmt.Errorf("pushing artifacts with Git LFS: %w; nothing was pushed", err)
	}
	return nil
}

// lfsPointers finds the committed artifacts of runs that are pointers of Git LFS, by digest.
func lfsPointers(ctx context.Context, r *repo.Repository, entries []*repo.Entry) (map[string][]NotStored, error) {
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	local, err := runsBranch(ctx, r)
	if err != nil || local.seen == "" {
		return nil, err
	}
	found := map[string][]NotStored{}
	for _, e := range entries {
		if e.Active != nil {
			continue
		}
		all, err := e.AllArtifacts()
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			name := path.Join(at, runPath(e.ID), "artifacts", a.Path)
			blob, ok, err := trees.Find(local.seen, name)
			if err != nil {
				return nil, err
			}
			if !ok || a.Where != "" {
				continue
			}
			data, err := trees.Blob(blob.ID, maxPointer)
			if err != nil {
				continue // larger than a pointer: Git has the artifact itself
			}
			if digest, bytes, ok := capture.Pointer(data); ok && digest == a.SHA256 && bytes == a.Bytes {
				found[digest] = append(found[digest], NotStored{ID: e.ID, Artifact: a, Here: e.ArtifactFile(a) != ""})
			}
		}
	}
	return found, nil
}

// maxPointer is the largest size of a pointer in bytes.
const maxPointer = 1024

// verifyLFS reads artifacts back from Git LFS. Its server can be asked for names and sizes only by its own protocol, so
// that without reading there is nothing to check.
func verifyLFS(ctx context.Context, r *repo.Repository, entries []*repo.Entry, read Subset,
	progress func(done, total int64),
) (*StoreCheck, error) {
	const doing = "verifying Git LFS"
	if read.Empty() {
		return nil, &repo.HintError{
			Err:  errors.New(doing + ": it can be verified only by reading the artifacts back"),
			Hint: "add --read-data, or --read-data=5% for a sample",
		}
	}
	named, err := lfsPointers(ctx, r, entries)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	found := &StoreCheck{Store: format.StoreLFS, Objects: len(named)}
	if len(named) == 0 {
		return found, nil
	}
	if err := permitLFS(ctx, r); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var total, done int64
	digests := slices.Collect(read.each(slices.Sorted(maps.Keys(named))))
	for _, digest := range digests {
		total += named[digest][0].Bytes
	}
	for _, digest := range digests {
		a := named[digest][0]
		reason, err := readLFS(ctx, r, a.Artifact)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		found.Read++
		if done += a.Bytes; progress != nil {
			progress(done, total)
		}
		for _, a := range named[digest] {
			if reason != "" {
				a.Reason = reason
				found.Missing = append(found.Missing, a)
			}
		}
	}
	return found, nil
}

// readLFS reads an artifact back and returns what is wrong with it, or "".
func readLFS(ctx context.Context, r *repo.Repository, a format.Artifact) (reason string, err error) {
	sum := sha256.New()
	err = git.ReadLFS(ctx, r.Git, format.LFSPointer(a.SHA256, a.Bytes), a.Path, sum)
	var failed *git.Error
	switch {
	case errors.Is(err, git.ErrNoLFS):
		return "", &repo.HintError{Err: err, Hint: "install git-lfs and repeat"}
	case errors.As(err, &failed):
		return "not readable", nil
	case err != nil:
		return "", err
	case hex.EncodeToString(sum.Sum(nil)) != a.SHA256:
		return "damaged", nil
	}
	return "", nil
}
