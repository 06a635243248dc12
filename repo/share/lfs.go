package share

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// isArtifact reports whether a path under .runs is that of an artifact.
func isArtifact(name string) bool {
	parts := strings.SplitN(name, "/", 4)
	return len(parts) == 4 && parts[2] == "artifacts"
}

// checkLFS returns an error if the project keeps artifacts in Git LFS, but Git LFS would not store those of the run.
// Without this check they would stay in Git's history forever.
func (p *plan) checkLFS(ctx context.Context, e *repo.Entry) error {
	config, err := p.repo.Config()
	if err != nil || config.Artifacts.Store != format.StoreLFS || len(e.Artifacts) == 0 &&
		e.Files[format.ArtifactsName].SHA256 == "" {
		return err
	}
	if !p.lfs.asked {
		p.lfs.asked = true
		p.lfs.err = p.askLFS(ctx, path.Join(p.at, runPath(e.ID), "artifacts", "model.bin"))
	}
	if p.lfs.err != nil {
		return fmt.Errorf("run %s: %w", e.ID, p.lfs.err)
	}
	return nil
}

func (p *plan) askLFS(ctx context.Context, probe string) error {
	takes, err := git.LFSFilters(ctx, p.repo.Git, probe)
	switch {
	case errors.Is(err, git.ErrNoLFS):
		return &repo.HintError{
			Err:  errors.New("its artifacts go to Git LFS, but git-lfs is not installed"),
			Hint: "install git-lfs and run 'runs init --artifacts lfs', or set another artifacts.store in .runs/config.toml",
		}
	case err != nil:
		return err
	case !takes:
		return &repo.HintError{
			Err:  errors.New("its artifacts go to Git LFS, but Git LFS is not set up in this clone"),
			Hint: "run 'runs init --artifacts lfs'",
		}
	}
	return nil
}
