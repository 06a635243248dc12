package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// HookIndex is the kind of index that `git commit` gives to a hook.
type HookIndex int

// The kinds of index from which `git commit` makes a commit.
const (
	NoHookIndex    HookIndex = iota // not run as a hook of Git
	OwnHookIndex                    // the user's index: added files are committed and stay in it
	PartHookIndex                   // an index for this commit only, as for `git commit PATH`
	OtherHookIndex                  // an index that the caller of Git has made
)

// IndexOfHook returns the kind of index that Git has set in the environment of a hook.
func IndexOfHook(dirs Dirs) HookIndex {
	own := os.Getenv("GIT_INDEX_FILE")
	if own == "" {
		return NoHookIndex
	}
	path := realPath(absolute(dirs.Root, own))
	name := filepath.Base(path)
	switch {
	case filepath.Dir(path) != realPath(dirs.Git):
		return OtherHookIndex
	case name == "index" || name == indexLockName:
		return OwnHookIndex
	case strings.HasPrefix(name, "next-index-"):
		return PartHookIndex
	}
	return OtherHookIndex
}

// Staged reports whether the index differs from a commit or tree, in these paths if there are any.
func Staged(ctx context.Context, dirs Dirs, from string, paths ...string) (bool, error) {
	args := []string{
		"--literal-pathspecs", "diff-index", "--cached", "--quiet", "--ignore-submodules=none", "--no-ext-diff", from, "--",
	}
	_, err := dirs.command().run(ctx, append(args, paths...)...)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return true, nil
	}
	return false, err
}

// HookEnvironment makes the paths in the environment of a hook absolute, so that they are valid in any folder. Git
// starts a hook at the root of the working tree and passes paths relative to it.
func HookEnvironment() error {
	dir := os.Getenv("GIT_DIR")
	if dir == "" {
		return nil
	}
	at, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("finding the root of the working tree: %w", err)
	}
	root := at
	if work := os.Getenv("GIT_WORK_TREE"); work != "" {
		root = absolute(at, work)
	}
	return errors.Join(os.Setenv("GIT_DIR", absolute(at, dir)), os.Setenv("GIT_WORK_TREE", root))
}

// IndexTree stores the index as a tree and returns its id. It fails if the index has conflicts.
func IndexTree(ctx context.Context, dirs Dirs) (string, error) {
	out, err := dirs.command().run(ctx, "write-tree", "--missing-ok")
	return strings.TrimSpace(string(out)), err
}
