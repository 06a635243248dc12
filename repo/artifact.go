package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// AddArtifact copies a file, or every regular file of a folder, into the run and returns the journal lines for the
// copies. name is the name of the artifact in the run. If it is empty, the artifact has the name of the file.
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
	line, err := a.putArtifact(name, true, func(to string) (format.File, error) { return copyFile(from, to) })
	line.Path = filepath.ToSlash(from)
	return line, err
}

// AddArtifactFrom writes the bytes of r into the run as an artifact and returns the journal line for it. Without
// replace, it uses the next free name if another file has this one.
func (a *Active) AddArtifactFrom(name string, replace bool, r io.Reader) (format.ArtifactLine, error) {
	line, err := a.putArtifact(name, replace, func(to string) (format.File, error) { return writeHashed(to, r) })
	if err != nil {
		err = fmt.Errorf("artifact %s: %w", name, err)
	}
	line.Path = line.Name
	return line, err
}

// FilesDir returns the folder of the run whose files become artifacts when the run is finished. A program writes them
// there itself.
func (a *Active) FilesDir() string { return filepath.Join(a.Dir, filesName) }

// copied returns the path of an artifact that was copied into the run.
func (a *Active) copied(name string) string {
	return filepath.Join(a.Dir, artifactsName, filepath.FromSlash(name))
}

// freeArtifact returns a name that no artifact of the run has. If the name is in use, it adds "-2" and so on before
// the extension, or after the name of a folder that exists as a file.
func (a *Active) freeArtifact(name string) string {
	look := func(name string) (isFile, isThere bool) {
		info, err := os.Lstat(a.copied(name))
		return err == nil && !info.IsDir(), err == nil
	}
	parts := strings.Split(name, "/")
	free := ""
	for i, part := range parts {
		last, ending := i == len(parts)-1, ""
		if last {
			ending = path.Ext(part)
		}
		at := path.Join(free, part)
		for n := 2; ; n++ {
			if isFile, isThere := look(at); !isFile && !(isThere && last) {
				break
			}
			at = path.Join(free, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(part, ending), n, ending))
		}
		free = at
	}
	return free
}

// putArtifact writes a file under a temporary name and renames it when it is whole. Without replace, it uses a free
// name.
func (a *Active) putArtifact(
	name string, replace bool, write func(to string) (format.File, error),
) (format.ArtifactLine, error) {
	if err := format.CheckPath(name); err != nil {
		return format.ArtifactLine{}, err
	}
	if !replace {
		name = a.freeArtifact(name)
	}
	to := a.copied(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return format.ArtifactLine{}, err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	file, err := write(tmp)
	linked := false
	for err == nil && !replace && !linked { // another process may take the name meanwhile
		switch linkErr := os.Link(tmp, to); {
		case errors.Is(linkErr, fs.ErrExist):
			name = a.freeArtifact(name)
			to = a.copied(name)
		case linkErr != nil: // the file system has no hard links
			replace = true
		default:
			linked = true
		}
	}
	if err == nil && replace {
		err = os.Rename(tmp, to)
	}
	if err != nil || linked {
		_ = os.Remove(tmp)
	}
	if err != nil {
		return format.ArtifactLine{}, err
	}
	return format.ArtifactLine{Name: name, SHA256: file.SHA256, Bytes: file.Bytes}, nil
}

// RemoveArtifact removes a file that was added but is not in any journal line.
func (a *Active) RemoveArtifact(name string) error {
	return os.Remove(a.copied(name))
}

// Logged returns the keys for which the journals of the run have points, values or artifacts.
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

// Params returns the current params of the run: those of its start and those in its journals.
func (a *Active) Params(ctx context.Context) (format.Params, error) {
	e, err := a.Entry(ctx)
	if err != nil {
		return nil, err
	}
	return e.Params.Clone(), nil
}
