package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
)

// maxOpenFiles is how many files a model of a run in progress has.
const maxOpenFiles = 100_000

// ContentOfOpen returns the model at a path below root, the folder for files of a run that is in progress. Its files
// become artifacts of the run as they are now, unless the program changes them: 'runs model verify' reports that.
func ContentOfOpen(ctx context.Context, run, root, at string) (*Content, error) {
	fail := func(err error) (*Content, error) {
		return nil, fmt.Errorf("reading the files of run %s: %w", run, err)
	}
	if err := format.CheckPath(at); err != nil {
		return fail(err)
	}
	if err := repo.NoLinks(root, at); err != nil {
		return fail(err)
	}
	var list []format.Artifact
	top := filepath.Join(root, filepath.FromSlash(at))
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", filepath.ToSlash(repo.Relative(root, file)))
		case len(list) == maxOpenFiles:
			return fmt.Errorf("%s has more than %d files", at, maxOpenFiles)
		}
		a := format.Artifact{Path: filepath.ToSlash(repo.Relative(root, file))}
		if a.SHA256, a.Bytes, err = hashTo(io.Discard, file); err == nil {
			list = append(list, a)
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	if len(list) == 0 {
		return fail(fmt.Errorf("%s has no files", at))
	}
	c := NewContent(run, at, list)
	for _, a := range list {
		if Below(at, a.Path) != descriptor || a.Bytes > maxDescriptor {
			continue
		}
		data, err := regular.ReadFile(filepath.Join(root, filepath.FromSlash(a.Path)))
		if err != nil {
			return fail(err)
		}
		c.Flavors = Flavors(data)
	}
	return c, nil
}

// hashTo writes the content of a file, and returns its digest and size.
func hashTo(w io.Writer, file string) (digest string, size int64, err error) {
	f, err := regular.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(io.MultiWriter(w, h), f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// ChangedError means that the files of a model are not those that were registered.
type ChangedError struct{ Version *Version }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the files of %s in run %s are not those that were registered", e.Version, e.Version.Run)
}

// Same returns an error unless a content is what the version names.
func (v *Version) Same(c *Content) error {
	if c.SHA256 != v.SHA256 || c.Bytes != v.Bytes {
		return &ChangedError{v}
	}
	return nil
}

// PlaceOpen copies the files of a model of a run in progress from root to a new folder, and verifies them.
func (v *Version) PlaceOpen(ctx context.Context, root, to string) error {
	c, err := ContentOfOpen(ctx, v.Run, root, v.Path)
	if err == nil {
		err = v.Same(c)
	}
	if err != nil {
		return err
	}
	for _, a := range c.Artifacts {
		target := filepath.Join(to, filepath.FromSlash(Below(v.Path, a.Path)))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		digest, err := copyFile(filepath.Join(root, filepath.FromSlash(a.Path)), target)
		if err != nil {
			return fmt.Errorf("copying %s: %w", a.Path, err)
		}
		if digest != a.SHA256 { // the program has written since
			return &ChangedError{v}
		}
	}
	return ctx.Err()
}

func copyFile(from, to string) (digest string, err error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", err
	}
	digest, _, err = hashTo(out, from)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return digest, err
}

// Place writes the files of a version to a new folder, and verifies them. e is the run of the version.
func (v *Version) Place(ctx context.Context, e *repo.Entry, to string) error {
	c, err := ContentOf(e, v.Path)
	if err == nil {
		err = v.Same(c)
	}
	if err != nil {
		return err
	}
	for _, a := range c.Artifacts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !c.Part.HasArtifact(a) {
			return &repo.HintError{
				Err:  fmt.Errorf("artifact %s of run %s is not on this machine", path.Base(a.Path), e.ID),
				Hint: "run 'runs pull' to fetch it",
			}
		}
		name := Below(v.Path, a.Path)
		if err := c.Part.ExportArtifact(a, filepath.Join(to, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}
