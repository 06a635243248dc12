package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// StoreCheck is the result of VerifyStore.
type StoreCheck struct {
	Store   string
	Objects int // objects that runs refer to, each counted once
	Read    int // objects that were read back
	Missing []NotStored
}

// NotStored is an artifact that the store does not have.
type NotStored struct {
	ID string // the run
	format.Artifact
	Here   bool   // this machine has it
	Reason string // it is missing, or has another size or other bytes
}

// VerifyStore asks the store about every artifact of the runs that is not in Git: whether it has an object of its name
// and size. Of the objects that it has, those of the subset are read back and hashed. What it finds is remembered, so
// that the next push replaces damaged objects and uploads missing ones.
func VerifyStore(ctx context.Context, r *repo.Repository, entries []*repo.Entry, read Subset,
	progress func(done, total int64),
) (*StoreCheck, error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	if config.Artifacts.Store == format.StoreLFS {
		return verifyLFS(ctx, r, entries, read, progress)
	}
	const doing = "verifying the artifact store"
	url, err := needStore(r, doing)
	if err != nil {
		return nil, err
	}
	found := &StoreCheck{Store: url}
	named := map[string][]NotStored{} // by digest
	err = eachOutside(entries, func(e *repo.Entry, a format.Artifact) {
		here := r.Stored(a.SHA256, a.Bytes) != ""
		named[a.SHA256] = append(named[a.SHA256], NotStored{ID: e.ID, Artifact: a, Here: here})
	})
	if err != nil {
		return nil, err
	}
	if found.Objects = len(named); found.Objects == 0 {
		return found, nil
	}
	s, err := openStore(ctx, r, url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { _ = s.Close() }()
	digests := slices.Sorted(maps.Keys(named))
	has, err := s.Stat(ctx, digests)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, withStoreHint(err))
	}
	reasons := map[string]string{} // of objects with the right size
	var objects []store.Object
	for digest := range read.each(digests) {
		size, ok := has[digest]
		if ok && slices.ContainsFunc(named[digest], func(a NotStored) bool { return a.Bytes == size }) {
			objects = append(objects, store.Object{Digest: digest, Size: size})
		}
	}
	failed := found.read(ctx, s, objects, reasons, progress)
	found.judge(digests, named, has, reasons)
	return found, errors.Join(failed, found.remember(r, digests, objects, reasons))
}

// read reads objects back. It sets the reasons of those that are not right.
func (c *StoreCheck) read(ctx context.Context, s *store.Client, objects []store.Object, reasons map[string]string,
	progress func(done, total int64),
) error {
	var others []store.Result
	for i, result := range s.Verify(ctx, objects, true, progress) {
		var failed *store.Error
		switch {
		case result.Err == nil:
			c.Read++
		case errors.As(result.Err, &failed) && failed.Kind == store.Digest:
			c.Read++
			reasons[objects[i].Digest] = "damaged"
		case errors.As(result.Err, &failed) && failed.Kind == store.NotFound:
			reasons[objects[i].Digest] = "missing"
		default:
			others = append(others, result)
		}
	}
	return firstFailure(others)
}

// judge lists the artifacts that the store does not have.
func (c *StoreCheck) judge(
	digests []string, named map[string][]NotStored, has map[string]int64, reasons map[string]string,
) {
	for _, digest := range digests {
		size, ok := has[digest]
		for _, a := range named[digest] {
			switch reason := reasons[digest]; {
			case !ok:
				a.Reason = "missing"
			case size != a.Bytes:
				a.Reason = "of another size"
			case reason != "":
				a.Reason = reason
			default:
				continue
			}
			c.Missing = append(c.Missing, a)
		}
	}
}

// remember remembers what the store lacks, and which objects were read back and are right.
func (c *StoreCheck) remember(
	r *repo.Repository, digests []string, objects []store.Object, reasons map[string]string,
) error {
	memory := r.StoreMemory(c.Store)
	var missing, damaged []string
	lacks := map[string]bool{}
	for _, a := range c.Missing {
		switch {
		case lacks[a.SHA256]:
		case a.Reason == "missing":
			missing = append(missing, a.SHA256)
		default:
			damaged = append(damaged, a.SHA256)
		}
		lacks[a.SHA256] = true
	}
	held, err := memory.Held()
	if err != nil {
		return err
	}
	var right, more []string
	for _, o := range objects {
		if reasons[o.Digest] == "" {
			right = append(right, o.Digest)
		}
	}
	for _, digest := range digests {
		if !lacks[digest] && !held[digest] {
			more = append(more, digest)
		}
	}
	return errors.Join(memory.Lacks(missing, damaged), memory.Replaced(right), memory.AddHeld(more))
}
