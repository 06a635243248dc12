package repo

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// AddArtifact copies a file, or every file of a folder, into the run and returns the lines that name them. When a line is
// recorded, the artifact survives whatever becomes of the original. name is what it is called in the run; empty is its own.
func (a *Active) AddArtifact(ctx context.Context, from, name string) ([]format.ArtifactLine, error) {
	if name == "" {
		name = filepath.Base(from)
	}
	if err := format.CheckPath(name); err != nil {
		return nil, fmt.Errorf("artifact %s: %w", from, err)
	}
	info, err := os.Stat(from)
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	if !info.IsDir() {
		line, err := a.addFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("artifact %s: %w", from, err)
		}
		return []format.ArtifactLine{line}, nil
	}
	var lines []format.ArtifactLine
	err = filepath.WalkDir(from, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return firstError(err, ctx.Err())
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		line, err := a.addFile(at, path.Join(name, filepath.ToSlash(rel)))
		lines = append(lines, line)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", from, err)
	}
	return lines, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Active) addFile(from, name string) (format.ArtifactLine, error) {
	if err := format.CheckPath(name); err != nil {
		return format.ArtifactLine{}, err
	}
	to := filepath.Join(a.Dir, artifactsName, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return format.ArtifactLine{}, err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	file, err := copyFile(from, tmp)
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return format.ArtifactLine{}, err
	}
	return format.ArtifactLine{Path: filepath.ToSlash(from), Name: name, SHA256: file.SHA256, Bytes: file.Bytes}, nil
}

// Params returns the params of the run as they stand: those it began with and those in its journals.
func (a *Active) Params(ctx context.Context) (map[string]any, error) {
	e, err := a.Entry(ctx)
	if err != nil {
		return nil, err
	}
	if e.Params == nil {
		return map[string]any{}, nil
	}
	return e.Params, nil
}
