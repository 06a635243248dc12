package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// Pruned is the result of Prune.
type Pruned struct {
	Files      int // copies that were removed, or would be
	Bytes      int64
	ByChecksum int // of Files: verified by the provider's own checksum
	ByReading  int // of Files: verified by reading the object back
	Kept       int // copies that the store does not have
	Bad        []NotStored
}

// localCopies returns the artifacts of runs that are outside Git and have a copy on this machine, by digest.
func localCopies(r *repo.Repository, entries []*repo.Entry) (map[string]NotStored, error) {
	copies := map[string]NotStored{}
	err := eachOutside(entries, func(e *repo.Entry, a format.Artifact) {
		if _, ok := copies[a.SHA256]; !ok && r.Stored(a.SHA256, a.Bytes) != "" {
			copies[a.SHA256] = NotStored{ID: e.ID, Artifact: a, Here: true}
		}
	})
	return copies, err
}

// Prune removes this machine's copies of artifacts after it has verified the bytes in the store: a name and a size do
// not show that an object can be read back. Copies whose object differs are kept, and the next push replaces the
// object. With dry, Prune asks only for names and sizes, and removes nothing.
func Prune(ctx context.Context, r *repo.Repository, entries []*repo.Entry, dry bool,
	progress func(done, total int64),
) (Pruned, error) {
	var done Pruned
	url, err := needPrunable(r)
	if err != nil {
		return done, err
	}
	copies, err := localCopies(r, entries)
	if err != nil || len(copies) == 0 {
		return done, err
	}
	s, err := openStore(ctx, r, url)
	if err != nil {
		return done, fmt.Errorf("%s: %w", pruning, err)
	}
	defer func() { _ = s.Close() }()
	sizes, err := s.Stat(ctx, slices.Sorted(maps.Keys(copies)))
	if err != nil {
		return done, fmt.Errorf("%s: %w", pruning, withStoreHint(err))
	}
	var objects []store.Object
	for _, digest := range slices.Sorted(maps.Keys(copies)) {
		a := copies[digest]
		size, ok := sizes[digest]
		switch {
		case !ok:
			done.Kept++
		case size != a.Bytes:
			a.Reason = fmt.Sprintf("has %d bytes instead of %d", size, a.Bytes)
			done.Bad = append(done.Bad, a)
		case dry:
			done.Files++
			done.Bytes += a.Bytes
		default:
			objects = append(objects, store.Object{Digest: digest, Size: size, Path: r.Stored(digest, size)})
		}
	}
	if dry {
		return done, nil
	}
	err = done.verify(ctx, r, s, objects, copies, progress)
	return done, errors.Join(err, done.forget(r, url, copies, sizes))
}

// pruning begins the errors of Prune.
const pruning = "removing local copies of artifacts"

// needPrunable returns the URL of a store in which objects can be verified.
func needPrunable(r *repo.Repository) (string, error) {
	config, err := r.Config()
	if err != nil {
		return "", err
	}
	if config.Artifacts.Store == format.StoreLFS {
		return "", &repo.HintError{
			Err:  errors.New(pruning + ": Git LFS manages its copies itself"),
			Hint: "run 'git lfs prune --verify-remote'",
		}
	}
	return needStore(r, pruning)
}

// verify removes the copies of the objects that are right.
func (p *Pruned) verify(ctx context.Context, r *repo.Repository, s *store.Client, objects []store.Object,
	copies map[string]NotStored, progress func(done, total int64),
) error {
	var first error
	for i, result := range s.Verify(ctx, objects, false, progress) {
		o := objects[i]
		var failed *store.Error
		switch {
		case errors.As(result.Err, &failed) && (failed.Kind == store.Digest || failed.Kind == store.NotFound):
			a := copies[o.Digest]
			a.Reason = "holds other bytes"
			if failed.Kind == store.NotFound {
				a.Reason = "has disappeared"
			}
			p.Bad = append(p.Bad, a)
			continue
		case result.Err != nil:
			if first == nil {
				first = fmt.Errorf("verifying artifact %s in the store: %w", copies[o.Digest].Path, withStoreHint(result.Err))
			}
			continue
		case result.Proof == store.ByChecksum:
			p.ByChecksum++
		default:
			p.ByReading++
		}
		for at := r.Stored(o.Digest, o.Size); at != ""; at = r.Stored(o.Digest, o.Size) {
			if err := os.Remove(at); err != nil {
				return fmt.Errorf("%s: %w", pruning, err)
			}
		}
		p.Files++
		p.Bytes += o.Size
	}
	return first
}

// forget remembers what the store was found to lack, so that the next push uploads it.
func (p *Pruned) forget(r *repo.Repository, url string, copies map[string]NotStored, has map[string]int64) error {
	memory := r.StoreMemory(url)
	var missing, damaged []string
	for digest := range copies {
		if _, ok := has[digest]; !ok {
			missing = append(missing, digest)
		}
	}
	for _, a := range p.Bad {
		damaged = append(damaged, a.SHA256)
	}
	return memory.Lacks(missing, damaged)
}
