package native

import (
	"os"
	"path/filepath"

	"github.com/gitruns/runs/repo/git/gitconfig"
)

// Config returns the settings that count in the repository.
func (r *Repository) Config() *gitconfig.Config { return r.config }

// userFile returns the path of a file that a setting names, or that is in the folder of the user's settings. It is
// empty if there is none.
func (r *Repository) userFile(key, name string) (string, error) {
	path, set, err := r.config.Path(key)
	switch {
	case err != nil:
		return "", err
	case !set:
		return gitconfig.InUserFolder(name, os.LookupEnv), nil
	case path == "" || filepath.IsAbs(path):
		return path, nil
	}
	return filepath.Join(r.Root, path), nil
}
