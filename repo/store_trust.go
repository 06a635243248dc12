package repo

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// allowStoreVariable is the environment variable that allows stores without a question.
const allowStoreVariable = "RUNS_ALLOW_STORE"

// stallVariable is the environment variable for the limit of inactivity of a store. Package store names it in messages.
const stallVariable = "RUNS_STALL_TIMEOUT"

// StoreQuestion is what a user must know to allow a store. The URL comes with Git, so anybody whose changes are merged
// or checked out may have chosen it.
type StoreQuestion struct {
	URL string
	// Means says who gets what, such as the host that gets credentials.
	Means string
}

// StoreGate is how the user of this process allows stores that this clone has not used before.
type StoreGate struct {
	// Named is the URL that the user named on the command line; it is remembered once it is used.
	Named string
	// Ask asks the user. If it is nil, nobody can be asked.
	Ask func(context.Context, StoreQuestion) (bool, error)
}

// PermitStore returns an error unless the user allowed a store: once in this clone, on the command line, in the
// environment, or by answering the question now. Every access to a store comes through here.
func (r *Repository) PermitStore(ctx context.Context, q StoreQuestion) error {
	memory := r.StoreMemory(q.URL)
	switch {
	case memory.Allowed(), allowedByEnvironment(q.URL):
		return nil
	case r.Gate.Named == q.URL:
		return memory.Allow()
	case r.Gate.Ask == nil:
		return withHint(
			fmt.Errorf("this clone has not used the artifact store %s before: %s", q.URL, q.Means),
			"if you trust it, repeat with --allow-store %s, or set %s to this URL", quoteURL(q.URL), allowStoreVariable,
		)
	}
	yes, err := r.Gate.Ask(ctx, q)
	if err != nil {
		return err
	}
	if !yes {
		return withHint(
			fmt.Errorf("the artifact store %s is not allowed", q.URL), "see artifacts.store in .runs/config.toml",
		)
	}
	return memory.Allow()
}

// PermitLFS returns an error unless the user allowed each address to which a committed .lfsconfig directs Git LFS. The
// remote's own address needs no question, because the user set the remote.
func (r *Repository) PermitLFS(ctx context.Context, urls []string) error {
	for _, url := range urls {
		if err := r.PermitStore(ctx, StoreQuestion{
			URL:   url,
			Means: ".lfsconfig sends the files of Git LFS there, with the credentials that Git has for it",
		}); err != nil {
			return err
		}
	}
	return nil
}

// allowStore remembers that the user allowed a store.
func (r *Repository) allowStore(url string) error {
	memory := r.StoreMemory(url)
	if memory.Allowed() {
		return nil
	}
	return memory.Allow()
}

// StoreAllowed reports whether the user allowed a store in this clone.
func (r *Repository) StoreAllowed(url string) bool {
	return r.StoreMemory(url).Allowed()
}

// allowedByEnvironment reports whether RUNS_ALLOW_STORE lists the URL or its digest.
func allowedByEnvironment(url string) bool {
	allowed := strings.Fields(os.Getenv(allowStoreVariable))
	return slices.Contains(allowed, url) || slices.Contains(allowed, StoreDigest(url))
}

// quoteURL quotes a URL for a shell.
func quoteURL(url string) string {
	if !strings.ContainsAny(url, " \t'\"`$&;|<>()*?[]#~!\\") {
		return url
	}
	return "'" + strings.ReplaceAll(url, "'", `'\''`) + "'"
}

// StallTimeout returns after how long without progress a transfer fails; 0 means never.
func (r *Repository) StallTimeout() (time.Duration, error) {
	text := os.Getenv(stallVariable)
	if text == "" {
		config, err := r.Config()
		if err != nil {
			return 0, err
		}
		return config.Artifacts.StallTimeout, nil
	}
	if text == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, withHint(
			fmt.Errorf("%s: %q is not a duration", stallVariable, text), "write a duration such as 90s, or 0 for no limit",
		)
	}
	return d, nil
}
