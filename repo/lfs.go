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

// lfsAttributes is the line of .gitattributes that makes Git LFS store the artifacts of runs.
const lfsAttributes = "*/*/artifacts/** filter=lfs diff=lfs merge=lfs -text\n"

// UseArtifactStore sets the artifact store of the project to a URL, or to Git LFS if store is "lfs". set reports
// whether a file changed. For Git LFS, it also sets up the filter and the hooks in this clone, which every clone
// needs once.
func (r *Repository) UseArtifactStore(ctx context.Context, store string) (set bool, err error) {
	if store == "lfs" || store == format.StoreLFS {
		if set, err = r.setUpLFS(ctx); err != nil {
			return false, fmt.Errorf("setting up Git LFS: %w", err)
		}
		store = format.StoreLFS
	} else if err := format.CheckStore(store); err != nil {
		return false, fmt.Errorf("setting the artifact store: %w", err)
	} else if err := r.allowStore(store); err != nil { // the user has typed it
		return false, err
	}
	config, err := r.readConfig()
	if err != nil || config.Artifacts.Store == store {
		return set, err
	}
	return true, r.Configure([]string{"artifacts", "store"}, store)
}

// setUpLFS sets up Git LFS in this clone and adds the attributes of artifacts to .gitattributes. changed reports
// whether they were missing.
func (r *Repository) setUpLFS(ctx context.Context) (changed bool, err error) {
	if !r.InGit {
		return false, withHint(errors.New("this is not a Git repository"), "run 'git init' first")
	}
	if err := git.InstallLFS(ctx, r.Git); errors.Is(err, git.ErrNoLFS) {
		return false, withHint(err, "install git-lfs and repeat")
	} else if err != nil {
		return false, err
	}
	path := filepath.Join(r.Dir, ".gitattributes")
	data, err := readBounded(path, format.MaxConfigBytes)
	if err != nil {
		return false, err
	}
	if strings.Contains("\n"+string(data), "\n"+lfsAttributes) {
		return false, nil
	}
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	tmp := path + ".new"
	_ = os.Remove(tmp)
	if err := writeFile(tmp, []byte(text+lfsAttributes)); err != nil {
		return false, err
	}
	return true, os.Rename(tmp, path)
}
