package repo

import (
	"bytes"
	"cmp"
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
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/regular"
)

// FetchedData is a dataset of a run that was found on this machine and verified.
type FetchedData struct {
	format.Dataset
	Place    string // path on this machine; empty if only the library that reads the data knows it
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
		f, err := r.fetchDataset(ctx, d, dir, progress)
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

// fetchDataset is FetchData for one dataset. The source may have it as a pointer of Git LFS, as a link that leads
// nowhere or out of the source, or in another version.
func (r *Repository) fetchDataset(
	ctx context.Context, d format.Dataset, dir string, progress func(done, total int64),
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
	case d.SHA256 == "" && d.DVC == "":
		return FetchedData{Dataset: d, Trusted: true}, nil // only a library knows it
	}
	target := dataTarget(dir, d)
	restored := d.Path != "" && exists(target) // with the source
	var other error
	if restored {
		other = r.verifyData(ctx, d, target, progress)
		if other == nil || ctx.Err() != nil {
			return FetchedData{Dataset: d, Place: target}, ctx.Err()
		}
		if errors.Is(other, fs.ErrNotExist) { // a link that leads nowhere
			other = nil
		}
	}
	place, err := r.findData(ctx, d, dir, other, progress)
	if err != nil {
		return f, err
	}
	if d.Path == "" {
		return FetchedData{Dataset: d, Place: place, Variable: dataVariable(d.Name)}, nil
	}
	way, err := wayTo(dir, dataPath(d))
	if err == nil {
		err = NoLinks(dir, way)
	}
	if err != nil {
		return f, fmt.Errorf("dataset %s: %w", d.Name, err)
	}
	target = filepath.Join(dir, filepath.FromSlash(way))
	if restored {
		if err := os.RemoveAll(target); err != nil {
			return f, fmt.Errorf("dataset %s: %w", d.Name, err)
		}
	}
	if err := cloneTree(ctx, place, target); err != nil {
		return f, fmt.Errorf("dataset %s: copying %s: %w", d.Name, place, err)
	}
	return FetchedData{Dataset: d, Place: target}, r.verifyData(ctx, d, target, progress)
}

// dataTarget returns where a dataset of the project is in a restored folder, or in the project.
func dataTarget(dir string, d format.Dataset) string {
	return filepath.Join(dir, filepath.FromSlash(dataPath(d)))
}

// dataPath returns the path of the data of a dataset. If only its DVC hash was recorded, the recorded path may be that
// of the .dvc file.
func dataPath(d format.Dataset) string {
	if d.SHA256 == "" {
		return capture.DVCData(d.Path)
	}
	return d.Path
}

// findData looks for a dataset at the places where this machine may have it. dir holds the restored source, and other
// says what is wrong with what the source has in its place; it may be nil.
func (r *Repository) findData(
	ctx context.Context, d format.Dataset, dir string, other error, progress func(done, total int64),
) (string, error) {
	places, err := r.dataPlaces(ctx, d)
	if err != nil {
		return "", err
	}
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
	return "", notFound(dir, d, other)
}

// FindData returns where a dataset of a run is on this machine. It looks at the places that this machine has recorded
// and in the project, and verifies the content.
func (r *Repository) FindData(ctx context.Context, d format.Dataset, progress func(done, total int64)) (string, error) {
	return r.findData(ctx, d, r.TreeRoot(), nil, progress)
}

// dataPlaces returns where this machine may have a dataset.
func (r *Repository) dataPlaces(ctx context.Context, d format.Dataset) ([]string, error) {
	var places []string
	place, err := r.DataPlace(ctx, d.Name)
	if place != "" {
		places = append(places, place)
	}
	if d.Path != "" {
		places = append(places, dataTarget(r.TreeRoot(), d))
	}
	return places, err
}

// notFound says what is missing of a dataset, and the next step. dir holds the restored source. other says what was
// found in its place; it may be nil.
func notFound(dir string, d format.Dataset, other error) error {
	if other == nil {
		hash := "sha256 " + d.SHA256
		if d.SHA256 == "" {
			hash = "DVC hash " + d.DVC
		}
		other = fmt.Errorf("dataset %s was not found on this machine: %s, %d bytes", d.Name, hash, d.Bytes)
	}
	var pointer *pointerError
	if errors.As(other, &pointer) {
		return other
	}
	if step := toolStep(dir, d); step != "" {
		return withHint(other, "run '%s' in the project, and repeat; or set %s to the recorded content", step,
			dataVariable(d.Name))
	}
	return withHint(other, "set %s to a file or folder with the recorded content", dataVariable(d.Name))
}

// toolStep returns the command of the tool that keeps a dataset beside Git, which brings it to the project. It is empty
// if nothing in the restored source tells of one.
func toolStep(dir string, d format.Dataset) string {
	if d.Path == "" {
		return ""
	}
	target := dataTarget(dir, d)
	if keptByAnnex(target) {
		return "git annex get " + d.Path
	}
	entries, _ := os.ReadDir(target)
	for _, entry := range entries[:min(len(entries), maxLooked)] {
		if keptByAnnex(filepath.Join(target, entry.Name())) {
			return "git annex get " + d.Path
		}
	}
	for at := dataPath(d); at != "." && at != ""; at = path.Dir(at) {
		if isFile(filepath.Join(dir, filepath.FromSlash(at)+".dvc")) {
			return "dvc pull " + at
		}
		lock, err := readBounded(filepath.Join(dir, "dvc.lock"), maxDVCLock)
		if err == nil && bytes.Contains(lock, []byte("path: "+at+"\n")) {
			return "dvc pull " + at
		}
	}
	return ""
}

// maxDVCLock is the largest dvc.lock that is read.
const maxDVCLock = 1 << 20

// keptByAnnex reports whether a path is a link of git-annex to content that it keeps.
func keptByAnnex(path string) bool {
	to, err := os.Readlink(path)
	return err == nil && strings.Contains(filepath.ToSlash(to), ".git/annex/objects/")
}

// verifyData hashes the data at a place and compares the hash with the recorded one.
func (r *Repository) verifyData(
	ctx context.Context, d format.Dataset, place string, progress func(done, total int64),
) error {
	if d.SHA256 == "" {
		if err := capture.CheckDVC(ctx, place, d.DVC); err != nil {
			return fmt.Errorf("dataset %s: %s: %w", d.Name, place, err)
		}
		return nil
	}
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
// relative to dir, which has no links, with slashes. The folder of Git, where git-annex keeps data, is not part of a
// source.
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
		if inner == "" && to != dir || inGitFolder(inner+"/") {
			return "", link, nil
		}
		path = strings.TrimPrefix(inner+strings.TrimPrefix(path, link), "/")
	}
	return "", "", errors.New("there are too many links on the way to " + path)
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
