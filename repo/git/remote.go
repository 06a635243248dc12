package git

import (
	"context"
	"slices"
	"strings"
)

// Remotes lists the names of the remotes.
func Remotes(ctx context.Context, dirs Dirs) ([]string, error) {
	out, err := dirs.command().run(ctx, "remote")
	return strings.Fields(string(out)), err
}

// DefaultRemote is origin, else the first; empty without one.
func DefaultRemote(ctx context.Context, dirs Dirs) (string, error) {
	names, err := Remotes(ctx, dirs)
	switch {
	case err != nil || len(names) == 0:
		return "", err
	case slices.Contains(names, "origin"):
		return "origin", nil
	}
	return names[0], nil
}
