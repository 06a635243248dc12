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

// localName is the file of this machine's own: where data outside the project lies.
const localName = "local.toml"

// dataVariable is the environment variable that says where a dataset lies: RUNS_DATA_<NAME>, in capitals, with what
// is no letter or digit as an underscore.
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
		return nil, fmt.Errorf("reading where data lies: %w", err)
	}
	if err := r.refuseTracked(ctx, localName); err != nil {
		return nil, fmt.Errorf("reading where data lies: %w", err)
	}
	return format.DecodeLocal(filepath.Join(DirName, localName), data)
}

// refuseTracked refuses a file of this machine's own that git carries: somebody else wrote it.
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
			fmt.Errorf("git carries %s, which is one machine's own", rel),
			"look into it, and take it out with 'git rm --cached %s'", rel,
		)
	}
	return err
}

// refuseTrackedLink refuses a link that git carries: somebody else says where it leads.
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
		return withHint(fmt.Errorf("%s is a link that git carries", filepath.ToSlash(rel)), "%s", hint)
	}
	return err
}

// DataPlace is where a dataset of this name lies on this machine, by the environment or by local.toml; empty where
// nobody said.
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

// rememberData writes down where data outside the project lies, so that a reproduction finds it.
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
		return fmt.Errorf("writing where data lies: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(r.Dir, localName)); err != nil {
		return fmt.Errorf("writing where data lies: %w", err)
	}
	return nil
}
