package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// lfsAttributes gives the artifacts of runs to git LFS.
const lfsAttributes = "*/*/artifacts/** filter=lfs diff=lfs merge=lfs -text\n"

// UseLFS makes git LFS the store of the project: the setting, the attributes of artifacts, and the filter of this clone with
// the hooks of git LFS. It may be repeated: each clone needs the last part.
func (r *Repository) UseLFS(ctx context.Context) error {
	if !r.InGit {
		return errors.New("setting up git LFS: this is no git repository")
	}
	if err := git.InstallLFS(ctx, r.Git); errors.Is(err, git.ErrNoLFS) {
		return withHint(fmt.Errorf("setting up git LFS: %w", err), "install git-lfs and repeat")
	} else if err != nil {
		return fmt.Errorf("setting up git LFS: %w", err)
	}
	path := filepath.Join(r.Dir, ".gitattributes")
	data, err := readBounded(path, format.MaxConfigBytes)
	if err != nil {
		return fmt.Errorf("setting up git LFS: %w", err)
	}
	if !strings.Contains("\n"+string(data), "\n"+lfsAttributes) {
		text := string(data)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		tmp := path + ".new"
		_ = os.Remove(tmp)
		if err := writeFile(tmp, []byte(text+lfsAttributes)); err != nil {
			return fmt.Errorf("setting up git LFS: %w", err)
		}
		if err := os.Rename(tmp, path); err != nil {
			return fmt.Errorf("setting up git LFS: %w", err)
		}
	}
	return r.useStore(format.StoreLFS)
}

// UseStore makes a URL the store of the project.
func (r *Repository) UseStore(url string) error {
	if err := format.CheckStore(url); err != nil {
		return fmt.Errorf("setting the store: %w", err)
	}
	return r.useStore(url)
}

func (r *Repository) useStore(store string) error {
	config, err := r.readConfig()
	if err != nil || config.Artifacts.Store == store {
		return err
	}
	return r.Configure([]string{"artifacts", "store"}, store)
}
