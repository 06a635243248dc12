//go:build unix

package native

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gitruns/runs/repo/git/gitconfig"
)

// NotTrusted means that a repository belongs to another user, and that the user has not said to trust it.
type NotTrusted struct{ Path string }

func (e *NotTrusted) Error() string {
	return "detected dubious ownership in repository at '" + e.Path + "'"
}

// checkOwner refuses a repository of another user, as Git does: its configuration could make us run or read what that
// user chose. The settings safe.directory of the user and the system name those to trust.
func (r *Repository) checkOwner() error {
	at := r.Root
	if at == "" {
		at = r.Git
	}
	for _, path := range []string{r.Root, filepath.Join(r.Root, ".git"), r.Git} {
		if path == "" || r.Root == "" && path != r.Git {
			continue
		}
		own, err := ownedByUs(path)
		if err != nil {
			return err
		}
		if !own && !r.trusted(at) {
			return &NotTrusted{at}
		}
	}
	return nil
}

func ownedByUs(path string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true, nil
	}
	uid := os.Geteuid()
	if int(stat.Uid) == uid {
		return true, nil
	}
	if uid == 0 { // sudo: a repository of the user who called it
		if sudo, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil && int(stat.Uid) == sudo {
			return true, nil
		}
	}
	return false, nil
}

func (r *Repository) trusted(at string) bool {
	trusted := false
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		real = at
	}
	for _, e := range r.config.All("safe.directory") {
		if e.Scope == gitconfig.Local || e.Scope == gitconfig.Worktree {
			continue
		}
		folder := e.Value
		if rest, ok := strings.CutPrefix(folder, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				folder = filepath.Join(home, rest)
			}
		}
		above, below := strings.CutSuffix(folder, "/*")
		switch {
		case folder == "":
			trusted = false
		case folder == "*" || filepath.Clean(folder) == filepath.Clean(at) || filepath.Clean(folder) == real:
			trusted = true
		case below && (strings.HasPrefix(at, above+"/") || strings.HasPrefix(real, above+"/")):
			trusted = true
		}
	}
	return trusted
}
