package share

import (
	"context"
	"errors"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// storeURL returns the URL of the project's artifact store. It is empty if there is none, or if it is Git LFS.
func storeURL(r *repo.Repository) (string, error) {
	config, err := r.Config()
	if err != nil || config.Artifacts.Store == format.StoreLFS {
		return "", err
	}
	return config.Artifacts.Store, nil
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

// openStore opens a store if the user allows it. The URL comes with Git: nothing may be sent to it before.
func openStore(ctx context.Context, r *repo.Repository, url string) (*store.Client, error) {
	u, err := store.ParseURL(url)
	if err != nil {
		return nil, withStoreHint(err)
	}
	if err := r.PermitStore(ctx, repo.StoreQuestion{URL: url, Means: store.Means(u)}); err != nil {
		return nil, err
	}
	stall, err := r.StallTimeout()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, url, stall)
	return s, withStoreHint(err)
}

// withStoreHint adds the store's hint to an error that the store returned.
func withStoreHint(err error) error {
	var failed *store.Error
	if errors.As(err, &failed) && failed.Hint != "" {
		return &repo.HintError{Err: err, Hint: failed.Hint}
	}
	return err
}
