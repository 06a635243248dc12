package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// Artifact returns the artifact of the run with this name. If there is none, the error has a hint.
func (e *Entry) Artifact(name string) (format.Artifact, error) {
	all, err := e.AllArtifacts()
	if err != nil {
		return format.Artifact{}, err
	}
	for _, a := range all {
		if a.Path == name {
			return a, nil
		}
	}
	return format.Artifact{}, withHint(fmt.Errorf("artifact %s: run %s has no artifact of this name", name, e.ID),
		"run 'runs artifacts %s' to list them", format.IDRandom(e.ID))
}

// ExportArtifacts writes artifacts that are on this machine to new files in a folder, under their names. written,
// which may be nil, is called with each file. No folder in the path of a file may be a link: the run chooses the
// names, and Git may have made the link.
func (e *Entry) ExportArtifacts(
	want []format.Artifact, dir string, written func(file string, a format.Artifact),
) error {
	for _, a := range want {
		if err := NoLinks(dir, a.Path); err != nil {
			return fmt.Errorf("writing artifact %s: %w", a.Path, err)
		}
		file := filepath.Join(dir, filepath.FromSlash(a.Path))
		if err := e.ExportArtifact(a, file); err != nil {
			return err
		}
		if written != nil {
			written(file, a)
		}
	}
	return nil
}

// ExportArtifact writes an artifact that is on this machine to a new file, whole or not at all, and verifies its
// digest. It makes missing folders. If the file exists, it returns an error.
func (e *Entry) ExportArtifact(a format.Artifact, target string) error {
	if _, err := os.Lstat(target); err == nil {
		return withHint(fmt.Errorf("writing %s: it already exists", target), "remove it, or name another file")
	}
	fail := func(err error) error { return fmt.Errorf("writing %s: %w", target, err) }
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), ".runs-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := errors.Join(e.CopyArtifact(a, tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return fail(err)
	}
	return nil
}
