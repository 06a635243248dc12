package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// HookIndex is the kind of index that a hook of `git commit` finds.
type HookIndex int

// The indexes of which `git commit` makes a commit.
const (
	NoHookIndex    HookIndex = iota // this is not a hook of Git
	OwnHookIndex                    // the user's index: what is added to it is committed and stays
	PartHookIndex                   // one for this commit alone, as for `git commit PATH`
	OtherHookIndex                  // one that the caller of Git has made
)

// IndexOfHook reads what Git says in the environment of a hook.
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

// Staged reports whether the index differs from a commit or tree.
func Staged(ctx context.Context, dirs Dirs, from string) (bool, error) {
	_, err := dirs.command().run(ctx, "diff-index", "--cached", "--quiet", "--ignore-submodules=none", "--no-ext-diff",
		from, "--")
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return true, nil
	}
	return false, err
}

// HookEnvironment makes what Git says to a hook hold in any folder. Git starts the hook at the root of the working tree
// and names its folders relative to it.
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
