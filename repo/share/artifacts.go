package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/store"
)

// Artifact is an artifact of a run and the places that have its content.
type Artifact struct {
	format.Artifact
	Here    string // the file on this machine; empty if there is none
	Pointer bool   // the file in the run's folder is a pointer of Git LFS
	Asked   bool   // the artifact store was asked
	Stored  bool   // the artifact store has it
}

// storeURL returns the URL of the project's artifact store. It is empty if there is none, or if it is Git LFS.
func storeURL(r *repo.Repository) (string, error) {
	config, err := r.Config()
	if err != nil || config.Artifacts.Store == format.StoreLFS {
		return "", err
	}
	return config.Artifacts.Store, nil
}

// errNoStore returns the error for an artifact that is not on this machine when no artifact store is configured.
func errNoStore(a format.Artifact) error {
	hint := "on the machine that recorded it, set artifacts.store in .runs/config.toml and run 'runs push'"
	if a.Where != format.WhereLocal {
		hint = "set artifacts.store in .runs/config.toml to " + a.Where + ", for which it was recorded"
	}
	return &repo.HintError{Err: fmt.Errorf("artifact %s is not on this machine, and no artifact store is configured",
		a.Path), Hint: hint}
}

// Artifacts lists the artifacts of a run. With ask, it asks the artifact store about those that are not in Git. If the
// store fails, both the list and the error are returned.
func Artifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, ask bool) ([]Artifact, error) {
	all, err := e.AllArtifacts()
	if err != nil {
		return nil, err
	}
	list := make([]Artifact, len(all))
	var digests []string
	for i, a := range all {
		list[i] = Artifact{Artifact: a, Here: e.ArtifactFile(a), Pointer: a.Where == "" && e.Pointer(a)}
		if a.Where != "" {
			digests = append(digests, a.SHA256)
		}
	}
	url, err := storeURL(r)
	if err != nil || !ask || url == "" || len(digests) == 0 {
		return list, err
	}
	held, err := held(ctx, url, digests)
	if err != nil {
		return list, err
	}
	for i := range list {
		if list[i].Where != "" {
			size, ok := held[list[i].SHA256]
			list[i].Asked, list[i].Stored = true, ok && size == list[i].Bytes
		}
	}
	return list, nil
}

// withStoreHint adds the store's hint to an error that the store returned.
func withStoreHint(err error) error {
	var failed *store.Error
	if errors.As(err, &failed) && failed.Hint != "" {
		return &repo.HintError{Err: err, Hint: failed.Hint}
	}
	return err
}

// held returns the sizes of the objects that the store has, by digest.
func held(ctx context.Context, url string, digests []string) (map[string]int64, error) {
	s, err := store.Open(ctx, url)
	if err != nil {
		return nil, withStoreHint(err)
	}
	defer func() { _ = s.Close() }()
	sizes, err := s.Stat(ctx, digests)
	return sizes, withStoreHint(err)
}

// FetchArtifacts fetches artifacts of a run to this machine and verifies the digest of each.
func FetchArtifacts(ctx context.Context, r *repo.Repository, e *repo.Entry, want []format.Artifact,
	progress func(done, total int64),
) error {
	url, err := storeURL(r)
	if err != nil {
		return err
	}
	var objects []store.Object
	for _, a := range want {
		switch {
		case e.ArtifactFile(a) != "":
		case a.Where == "" && e.Pointer(a):
			if err := fetchLFS(ctx, r, e, a); err != nil {
				return err
			}
		case a.Where == "":
			return e.MissingArtifact(a)
		case url == "":
			return errNoStore(a)
		default:
			at := r.StoredPlace(a.SHA256)
			if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
				return err
			}
			objects = append(objects, store.Object{Digest: a.SHA256, Size: a.Bytes, Path: at})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	s, err := store.Open(ctx, url)
	if err != nil {
		return withStoreHint(err)
	}
	defer func() { _ = s.Close() }()
	return firstFailure(s.Download(ctx, objects, progress))
}

// firstFailure returns the first error of a transfer. The error also says how many more there are.
func firstFailure(results []store.Result) error {
	var first error
	failed := 0
	for _, r := range results {
		if r.Err != nil {
			if failed++; first == nil {
				first = r.Err
			}
		}
	}
	if failed > 1 {
		first = fmt.Errorf("%w (and %d more)", first, failed-1)
	}
	return withStoreHint(first)
}

// fetchLFS fetches the content of a pointer with Git LFS.
func fetchLFS(ctx context.Context, r *repo.Repository, e *repo.Entry, a format.Artifact) error {
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

// Pruned is the result of Prune.
type Pruned struct {
	Files int
	Bytes int64
	Kept  int // copies that the store does not have
}

// eachOutside calls visit for the artifacts of finished runs that are not in Git.
func eachOutside(entries []*repo.Entry, visit func(*repo.Entry, format.Artifact)) error {
	for _, e := range entries {
		if e.Active != nil {
			continue
		}
		all, err := e.AllArtifacts()
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.Where != "" {
				visit(e, a)
			}
		}
	}
	return nil
}

// Prune removes this machine's copies of artifacts that the store has. With dry, it only counts them.
func Prune(ctx context.Context, r *repo.Repository, entries []*repo.Entry, dry bool) (Pruned, error) {
	var done Pruned
	url, err := needStore(r, "removing local copies of artifacts")
	if err != nil {
		return done, err
	}
	sizes := map[string]int64{}
	err = eachOutside(entries, func(_ *repo.Entry, a format.Artifact) {
		if r.Stored(a.SHA256, a.Bytes) != "" {
			sizes[a.SHA256] = a.Bytes
		}
	})
	if err != nil {
		return done, err
	}
	if len(sizes) == 0 {
		return done, nil
	}
	digests := make([]string, 0, len(sizes))
	for digest := range sizes {
		digests = append(digests, digest)
	}
	has, err := held(ctx, url, digests)
	if err != nil {
		return done, err
	}
	for digest, bytes := range sizes {
		if size, ok := has[digest]; !ok || size != bytes {
			done.Kept++
			continue
		}
		done.Files++
		done.Bytes += bytes
		for at := r.Stored(digest, bytes); at != "" && !dry; at = r.Stored(digest, bytes) {
			if err := os.Remove(at); err != nil {
				return done, fmt.Errorf("removing local copies of artifacts: %w", err)
			}
		}
	}
	return done, nil
}
