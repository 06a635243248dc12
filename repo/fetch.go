package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// FetchedData is data of a run that was found on this machine and proved.
type FetchedData struct {
	format.Dataset
	Place    string // where it lies
	Variable string // the environment variable that names the place, for data outside the project
}

// FetchData finds the data of a run by its digest, where this machine says that it lies or where the project has it, and
// brings what belongs into the project to dir, which holds the restored source. Nothing is changed where it lies.
func (r *Repository) FetchData(ctx context.Context, run *format.Run, dir string, progress func(done, total int64)) ([]FetchedData, error) {
	var found []FetchedData
	for _, d := range run.Datasets {
		if d.SHA256 == "" {
			return nil, withHint(fmt.Errorf("dataset %s: only DVC's hash of it was recorded", d.Name), "'dvc pull' in the restored folder brings it; give the command behind --")
		}
		target := dataTarget(dir, d)
		if d.Path != "" && exists(target) { // restored with the source
			if err := r.prove(ctx, d, target, progress); err != nil {
				return nil, err
			}
			found = append(found, FetchedData{Dataset: d, Place: target})
			continue
		}
		place, err := r.findData(ctx, d, progress)
		if err != nil {
			return nil, err
		}
		if d.Path == "" {
			found = append(found, FetchedData{d, place, dataVariable(d.Name)})
			continue
		}
		if err := NoLinks(dir, d.Path); err != nil {
			return nil, fmt.Errorf("dataset %s: %w", d.Name, err)
		}
		if err := cloneTree(ctx, place, target); err != nil {
			return nil, fmt.Errorf("dataset %s: copying %s: %w", d.Name, place, err)
		}
		if err := r.prove(ctx, d, target, progress); err != nil {
			return nil, err
		}
		found = append(found, FetchedData{Dataset: d, Place: target})
	}
	return found, nil
}

// dataTarget is where a dataset of the project lies in a restored folder.
func dataTarget(dir string, d format.Dataset) string {
	return filepath.Join(dir, filepath.FromSlash(d.Path))
}

// findData looks where the data may lie on this machine.
func (r *Repository) findData(ctx context.Context, d format.Dataset, progress func(done, total int64)) (string, error) {
	place, err := r.DataPlace(ctx, d.Name)
	if err != nil {
		return "", err
	}
	places := []string{place}
	if d.Path != "" {
		places = append(places, filepath.Join(r.TreeRoot(), filepath.FromSlash(d.Path)))
	}
	var other error
	for _, place := range places {
		if place == "" {
			continue
		}
		if _, err := os.Stat(place); err != nil {
			continue
		}
		err := r.prove(ctx, d, place, progress)
		if err == nil {
			return place, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		other = err
	}
	if other == nil {
		other = fmt.Errorf("dataset %s is not here: sha256 %s, %d bytes", d.Name, d.SHA256, d.Bytes)
	}
	return "", withHint(other, "set %s to a file or folder with the recorded content", dataVariable(d.Name))
}

// prove hashes data and compares it with what was recorded.
func (r *Repository) prove(ctx context.Context, d format.Dataset, place string, progress func(done, total int64)) error {
	got, err := r.Dataset(ctx, DatasetRequest{Name: d.Name, Path: place, Listing: d.Hash == format.HashListing, Progress: progress, Look: true})
	if err != nil {
		return err
	}
	if got.SHA256 != d.SHA256 {
		return fmt.Errorf("dataset %s at %s is not what was recorded: sha256 %.12s, recorded %.12s", d.Name, place, got.SHA256, d.SHA256)
	}
	return nil
}

// NoLinks makes sure that no folder on the way to a path below dir is a link: the tree may be a stranger's.
func NoLinks(dir, path string) error {
	for at := filepath.Dir(filepath.FromSlash(path)); at != "."; at = filepath.Dir(at) {
		info, err := os.Lstat(filepath.Join(dir, at))
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a link or no folder", filepath.ToSlash(at))
		}
	}
	return nil
}

// cloneTree copies a file or a folder, links followed, sharing blocks where the file system can. to must not exist.
func cloneTree(ctx context.Context, from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case info.IsDir():
		if err := os.MkdirAll(to, 0o777); err != nil {
			return err
		}
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := cloneTree(ctx, filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
				return err
			}
		}
		return nil
	case info.Mode().IsRegular():
		return cloneFile(from, to)
	}
	return fmt.Errorf("%s is neither a file nor a folder", from)
}

func cloneFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists", to)
	}
	if err != nil {
		return err
	}
	if err = reflink(out, in); err != nil {
		_, err = io.Copy(out, in)
	}
	return errors.Join(err, out.Close())
}
