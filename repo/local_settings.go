package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// localName is the file with the settings of this machine, such as the places of data outside the project.
const localName = "local.toml"

// dataVariable returns the environment variable for the place of a dataset: RUNS_DATA_<NAME>, in capitals, with an
// underscore for every character other than letters and digits.
func dataVariable(name string) string {
	return "RUNS_DATA_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

func (r *Repository) local(ctx context.Context) (*format.Local, error) {
	path := filepath.Join(r.Dir, localName)
	data, err := readBounded(path, format.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return &format.Local{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the data paths of this machine: %w", err)
	}
	if err := r.refuseTracked(ctx, localName); err != nil {
		return nil, fmt.Errorf("reading the data paths of this machine: %w", err)
	}
	return format.DecodeLocal(filepath.Join(DirName, localName), data)
}

// refuseTracked returns an error if Git tracks a file of local settings, because somebody else may have written it.
func (r *Repository) refuseTracked(ctx context.Context, name string) error {
	if !r.InGit || r.commit != "" {
		return nil
	}
	rel, err := filepath.Rel(r.Git.Root, filepath.Join(r.Dir, name))
	if err != nil || strings.HasPrefix(rel, "..") {
		return nil
	}
	rel = filepath.ToSlash(rel)
	tracked, err := git.Tracked(ctx, r.Git, rel)
	if errors.Is(err, git.ErrNoGit) {
		return nil
	}
	if err == nil && len(tracked) > 0 {
		return withHint(
			fmt.Errorf("%s is tracked by Git, but holds the settings of one machine", rel),
			"read the file, then run 'git rm --cached %s'", rel,
		)
	}
	return err
}

// refuseTrackedLink returns an error if Git tracks a link, because somebody else may have chosen its target.
func (r *Repository) refuseTrackedLink(ctx context.Context, link, hint string) error {
	if !r.InGit {
		return nil
	}
	rel, err := filepath.Rel(r.Git.Root, link)
	if err != nil || strings.HasPrefix(rel, "..") {
		return nil
	}
	tracked, err := git.Tracked(ctx, r.Git, filepath.ToSlash(rel))
	if err == nil && len(tracked) > 0 {
		return withHint(fmt.Errorf("%s is a link that Git tracks", filepath.ToSlash(rel)), "%s", hint)
	}
	return err
}

// DataPlace returns the place of a dataset on this machine, from the environment or from local.toml. It is empty if
// neither has it.
func (r *Repository) DataPlace(ctx context.Context, name string) (string, error) {
	if path := os.Getenv(dataVariable(name)); path != "" {
		return filepath.Abs(path)
	}
	local, err := r.local(ctx)
	if err != nil {
		return "", err
	}
	return local.Data[name], nil
}

// rememberData stores the place of data outside the project, so that a reproduction finds it.
func (r *Repository) rememberData(ctx context.Context, name, path string) error {
	local, err := r.local(ctx)
	if err != nil || local.Data[name] == path {
		return err
	}
	if local.Data == nil {
		local.Data = map[string]string{}
	}
	local.Data[name] = path
	tmp := filepath.Join(r.Dir, newPrefix+format.RandomLetters(8))
	defer func() { _ = os.Remove(tmp) }()
	if err := writeFile(tmp, format.EncodeLocal(local)); err != nil {
		return fmt.Errorf("writing the data paths of this machine: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(r.Dir, localName)); err != nil {
		return fmt.Errorf("writing the data paths of this machine: %w", err)
	}
	return nil
}
