package repo

import (
	"context"
	"fmt"
	"io"
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
	line, err := a.putArtifact(name, func(to string) (format.File, error) { return copyFile(from, to) })
	line.Path = filepath.ToSlash(from)
	return line, err
}

// AddArtifactFrom writes what r holds into the run as the artifact name and returns the line that names it.
func (a *Active) AddArtifactFrom(name string, r io.Reader) (format.ArtifactLine, error) {
	line, err := a.putArtifact(name, func(to string) (format.File, error) { return writeHashed(to, r) })
	if err != nil {
		err = fmt.Errorf("artifact %s: %w", name, err)
	}
	line.Path = name
	return line, err
}

// putArtifact gives a file its name among the artifacts when it is whole.
func (a *Active) putArtifact(name string, write func(to string) (format.File, error)) (format.ArtifactLine, error) {
	if err := format.CheckPath(name); err != nil {
		return format.ArtifactLine{}, err
	}
	to := filepath.Join(a.Dir, artifactsName, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return format.ArtifactLine{}, err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	file, err := write(tmp)
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return format.ArtifactLine{}, err
	}
	return format.ArtifactLine{Name: name, SHA256: file.SHA256, Bytes: file.Bytes}, nil
}

// RemoveArtifact takes a file back that was added and that no line names.
func (a *Active) RemoveArtifact(name string) error {
	return os.Remove(filepath.Join(a.Dir, artifactsName, filepath.FromSlash(name)))
}

// Logged returns the keys that the run's journals have points, values or artifacts of.
func (a *Active) Logged(ctx context.Context) (map[string]bool, error) {
	files, err := a.journals(journalPrefix)
	if err != nil {
		return nil, err
	}
	f := newFold(&format.Run{}, nil)
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file.name, err)
		}
	}
	logged := map[string]bool{}
	for key := range f.curves {
		logged[key] = true
	}
	for key := range f.nextValue {
		logged[key] = true
	}
	for _, line := range f.artifacts {
		if line.Key != "" {
			logged[line.Key] = true
		}
	}
	return logged, nil
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
