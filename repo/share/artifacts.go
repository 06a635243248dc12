package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// Artifact is an artifact of a run and the places that have its content.
type Artifact struct {
	format.Artifact
	Here    bool // its bytes are on this machine, or in a commit from which Git fetches them
	Pointer bool // the file in the run's folder is a pointer of Git LFS
	Asked   bool // the artifact store was asked
	Stored  bool // the artifact store has it
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
		list[i] = Artifact{Artifact: a, Here: e.HasArtifact(a), Pointer: a.Where == "" && e.Pointer(a)}
		if a.Where != "" {
			digests = append(digests, a.SHA256)
		}
	}
	url, err := storeURL(r)
	if err != nil || !ask || url == "" || len(digests) == 0 {
		return list, err
	}
	held, err := held(ctx, r, url, digests)
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

// held returns the sizes of the objects that the store has, by digest.
func held(ctx context.Context, r *repo.Repository, url string, digests []string) (map[string]int64, error) {
	s, err := openStore(ctx, r, url)
	if err != nil {
		return nil, err
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
	s, err := openStore(ctx, r, url)
	if err != nil {
		return fmt.Errorf("fetching artifacts: %w", err)
	}
	defer func() { _ = s.Close() }()
	results := s.Download(ctx, objects, progress)
	return errors.Join(firstFailure(results), remember(r, url, objects, results))
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
