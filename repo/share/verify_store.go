package share

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// StoreCheck is the result of VerifyStore.
type StoreCheck struct {
	Store   string
	Objects int // objects that runs refer to, each counted once
	Missing []NotStored
}

// NotStored is an artifact that the store does not have.
type NotStored struct {
	ID string // the run
	format.Artifact
	Here   bool   // this machine has it
	Reason string // it is missing or has another size
}

// needStore returns the URL of the project's artifact store. If none is configured, it returns an error whose text
// starts with doing.
func needStore(r *repo.Repository, doing string) (string, error) {
	url, err := storeURL(r)
	if err == nil && url == "" {
		err = &repo.HintError{
			Err:  errors.New(doing + ": no artifact store is configured"),
			Hint: "set artifacts.store in .runs/config.toml",
		}
	}
	return url, err
}

// VerifyStore asks the store about every artifact of the runs that is not in Git.
func VerifyStore(ctx context.Context, r *repo.Repository, entries []*repo.Entry) (*StoreCheck, error) {
	url, err := needStore(r, "verifying the artifact store")
	if err != nil {
		return nil, err
	}
	found := &StoreCheck{Store: url}
	var named []NotStored
	digests := map[string]bool{}
	err = eachOutside(entries, func(e *repo.Entry, a format.Artifact) {
		digests[a.SHA256] = true
		named = append(named, NotStored{ID: e.ID, Artifact: a, Here: r.Stored(a.SHA256, a.Bytes) != "", Reason: "missing"})
	})
	if err != nil {
		return nil, err
	}
	if found.Objects = len(digests); found.Objects == 0 {
		return found, nil
	}
	has, err := held(ctx, url, slices.Sorted(maps.Keys(digests)))
	if err != nil {
		return nil, err
	}
	for _, a := range named {
		size, ok := has[a.SHA256]
		if ok && size == a.Bytes {
			continue
		}
		if ok {
			a.Reason = "of another size"
		}
		found.Missing = append(found.Missing, a)
	}
	return found, nil
}
