package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// FetchedData is a dataset of a run that was found on this machine and verified.
type FetchedData struct {
	format.Dataset
	Place    string // path on this machine
	Variable string // environment variable for the place of data outside the project; otherwise empty
	// Unread is true if neither the command nor the source names Variable: the program reads a path that it names itself.
	Unread bool
	// Former is where the data was when the run was recorded, if that is not Place and this machine recorded the run.
	Former string
	// Trusted is true if the data was not hashed: only names and sizes were compared, or the name of its folder.
	Trusted bool
}

// FetchData finds the datasets of a run by their digests, at the places that this machine has recorded or in the
// project. It copies those that belong to the project to dir, which holds the restored source. The originals stay as
// they are.
func (r *Repository) FetchData(
	ctx context.Context, run *format.Run, dir string, progress func(done, total int64),
) ([]FetchedData, error) {
	var found []FetchedData
	var missing []string
	var first error
	for _, d := range run.Datasets {
		f, err := r.fetchDataset(ctx, d, dir, run.Source.Rewrites(d.Path), progress)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			missing, first = append(missing, d.Name), cmp.Or(first, err)
			continue
		}
		if f.Variable != "" {
			f.Unread = !namesVariable(dir, run, f.Variable)
			if local, err := r.local(ctx); err == nil && local.Data[d.Name] != f.Place {
				f.Former = local.Data[d.Name]
			}
		}
		f.Trusted = f.Trusted || d.Hash == format.HashListing
		found = append(found, f)
	}
	if len(missing) > 1 {
		return nil, fmt.Errorf("%d datasets are missing or differ: %s; the first: %w", len(missing), someOf(missing), first)
	}
	return found, first
}

// fetchDataset is FetchData for one dataset. If an earlier run had rewritten it, the source has it in another version.
func (r *Repository) fetchDataset(
	ctx context.Context, d format.Dataset, dir string, rewritten bool, progress func(done, total int64),
) (f FetchedData, err error) {
	switch {
	case isHub(d):
		place, err := hubCache(d)
		if err != nil {
			return f, withHint(fmt.Errorf("dataset %s at revision %.12s: %w", d.Name, d.Digest, err), "%s", hubHint(d))
		}
		return FetchedData{Dataset: d, Place: place, Trusted: true}, nil
	case partial(d):
		return r.fetchPartial(ctx, d, dir)
	case d.SHA256 == "":
		return f, withHint(fmt.Errorf("dataset %s: only its DVC hash was recorded", d.Name),
			"run 'dvc pull' in the restored folder, and then the command itself")
	}
	target := dataTarget(dir, d)
	restored := d.Path != "" && exists(target) // with the source
	if restored {
		err := r.verifyData(ctx, d, target, progress)
		var pointer *pointerError
		if err == nil || !rewritten && !errors.As(err, &pointer) && !leadsOut(dir, d.Path) {
			return FetchedData{Dataset: d, Place: target}, err
		}
	}
	place, err := r.findData(ctx, d, progress)
	if err != nil {
		return f, err
	}
	if d.Path == "" {
		return FetchedData{Dataset: d, Place: place, Variable: dataVariable(d.Name)}, nil
	}
	way, err := wayTo(dir, d.Path)
	if err == nil {
		err = NoLinks(dir, way)
	}
	if err != nil {
		return f, fmt.Errorf("dataset %s: %w", d.Name, err)
	}
	target = filepath.Join(dir, filepath.FromSlash(way))
	if restored { // as pointers of Git LFS, or in another version
		if err := os.RemoveAll(target); err != nil {
			return f, fmt.Errorf("dataset %s: %w", d.Name, err)
		}
	}
	if err := cloneTree(ctx, place, target); err != nil {
		return f, fmt.Errorf("dataset %s: copying %s: %w", d.Name, place, err)
	}
	return FetchedData{Dataset: d, Place: target}, r.verifyData(ctx, d, target, progress)
}

// dataTarget returns the path that a dataset of the project has in a restored folder.
func dataTarget(dir string, d format.Dataset) string {
	return filepath.Join(dir, filepath.FromSlash(d.Path))
}

// findData looks for a dataset at the places where this machine may have it.
func (r *Repository) findData(ctx context.Context, d format.Dataset, progress func(done, total int64)) (string, error) {
	places, err := r.dataPlaces(ctx, d)
	if err != nil {
		return "", err
	}
	var other error
	for _, place := range places {
		if _, err := os.Stat(place); err != nil {
			continue
		}
		err := r.verifyData(ctx, d, place, progress)
		if err == nil {
			return place, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		other = err
	}
	return "", notFound(d, other)
}

// dataPlaces returns where this machine may have a dataset.
func (r *Repository) dataPlaces(ctx context.Context, d format.Dataset) ([]string, error) {
	var places []string
	place, err := r.DataPlace(ctx, d.Name)
	if place != "" {
		places = append(places, place)
	}
	if d.Path != "" {
		places = append(places, filepath.Join(r.TreeRoot(), filepath.FromSlash(d.Path)))
	}
	return places, err
}

// notFound says what is missing of a dataset. other says what was found in its place; it may be nil.
func notFound(d format.Dataset, other error) error {
	if other == nil {
		other = fmt.Errorf("dataset %s was not found on this machine: sha256 %s, %d bytes", d.Name, d.SHA256, d.Bytes)
	}
	var pointer *pointerError
	if errors.As(other, &pointer) {
		return other
	}
	return withHint(other, "set %s to a file or folder with the recorded content", dataVariable(d.Name))
}

// verifyData hashes the data at a place and compares the hash with the recorded one.
func (r *Repository) verifyData(
	ctx context.Context, d format.Dataset, place string, progress func(done, total int64),
) error {
	got, err := r.Dataset(ctx, DatasetRequest{
		Name: d.Name, Path: place, Listing: d.Hash == format.HashListing, Progress: progress, Look: true,
	})
	if err != nil {
		return err
	}
	if got.SHA256 != d.SHA256 {
		return fmt.Errorf("dataset %s: %s has different content: sha256 %.12s, but %.12s was recorded",
			d.Name, place, got.SHA256, d.SHA256)
	}
	return checkPointers(ctx, d, place)
}

// NoLinks returns an error if a folder between dir and a path below it is a link. The files may come from a stranger.
func NoLinks(dir, path string) error {
	for at := filepath.Dir(filepath.FromSlash(path)); at != "."; at = filepath.Dir(at) {
		info, err := os.Lstat(filepath.Join(dir, at))
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a link, or not a folder", filepath.ToSlash(at))
		}
	}
	return nil
}

// maxLinks is how many links on the way to a file are followed.
const maxLinks = 40

// leads returns where a path below dir leads: the path without links, or the first link that leads out of dir. Both are
// relative to dir, which has no links, with slashes.
func leads(dir, path string) (rel, out string, err error) {
	for range maxLinks {
		link, to := "", ""
		for part := range strings.SplitSeq(path, "/") {
			at := strings.TrimPrefix(link+"/"+part, "/")
			link = at
			if to, err = os.Readlink(filepath.Join(dir, filepath.FromSlash(at))); err == nil {
				break
			}
		}
		if err != nil || to == "" {
			return path, "", nil
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, filepath.Dir(filepath.FromSlash(link)), to)
		}
		to = filepath.Clean(to)
		inner := relativeTo(dir, to)
		if inner == "" && to != dir {
			return "", link, nil
		}
		path = strings.TrimPrefix(inner+strings.TrimPrefix(path, link), "/")
	}
	return "", "", errors.New("there are too many links on the way to " + path)
}

// leadsOut reports whether a path below dir leads out of it by a link.
func leadsOut(dir, path string) bool {
	_, out, err := leads(withoutLinks(dir), path)
	return err == nil && out != ""
}

// wayTo returns a path below dir without links. It removes links of the restored source in dir that lead out of it:
// what they led to is not part of the source, and the data takes its place.
func wayTo(dir, path string) (string, error) {
	dir = withoutLinks(dir)
	for range maxLinks {
		rel, out, err := leads(dir, path)
		if err != nil || out == "" {
			return rel, err
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(out))); err != nil {
			return "", err
		}
	}
	return "", errors.New("there are too many links on the way to " + path)
}

// cloneTree copies a file or a folder to a path that must not exist. It follows links. If the file system can share
// blocks, the copy takes no space.
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
	in, err := regular.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	perm := 0o666 | info.Mode().Perm()&0o111 // the program may run it
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists", to)
	}
	if err != nil {
		return err
	}
	if err = reflink(out, in); err != nil {
		_, err = io.Copy(out, in)
	}
	return errors.Join(err, out.Close())
}
