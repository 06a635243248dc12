package repo

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/repo/git"
)

// temporary makes a temporary folder, which the caller removes. If the system has no usable temporary folder, it is
// in the Git folder, or in the folder of cached hashes outside Git.
func (r *Repository) temporary(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err == nil {
		return dir, nil
	}
	inside := filepath.Join(r.CacheDir(), "tmp")
	if r.InGit {
		inside = r.Git.Temporary()
	}
	dir, other := git.TemporaryIn(inside, pattern)
	if other != nil {
		return "", errors.Join(err, other)
	}
	return dir, nil
}
