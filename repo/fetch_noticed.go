package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// partial reports whether a dataset is only some files of its folder: those that the program was seen to read.
func partial(d format.Dataset) bool { return d.Noticed != "" && d.Manifest != "" }

// partialFiles returns the files of a dataset of which partial is true, by their paths relative to its folder. The
// manifest may come from a stranger.
func (r *Repository) partialFiles(ctx context.Context, d format.Dataset) ([]string, error) {
	names, _, err := r.partialEntries(ctx, d)
	return names, err
}

// partialEntries is partialFiles, with the entries of the manifest.
func (r *Repository) partialEntries(ctx context.Context, d format.Dataset) ([]string, []format.ManifestEntry, error) {
	entries, err := r.Manifest(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		name, ok := capture.FileName(e.Path)
		if !ok || !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, nil, fmt.Errorf("dataset %s: its manifest has the path %q, which is not in its folder", d.Name,
				e.Path)
		}
		names[i] = name
	}
	return names, entries, nil
}

// verifyPartial compares the files of a dataset below a place with the recorded ones.
func (r *Repository) verifyPartial(ctx context.Context, d format.Dataset, place string, names []string) error {
	hashes := capture.Hashes{}
	listing := d.Hash == format.HashListing
	files := make([]capture.Listed, len(names))
	var found []capture.Found
	for i, name := range names {
		path := filepath.Join(place, filepath.FromSlash(name))
		f, err := capture.Find(path)
		if err != nil {
			return fmt.Errorf("dataset %s: %w", d.Name, err)
		}
		files[i] = capture.Listed{Path: name, Found: f}
		found = append(found, f)
	}
	use := &hashes
	if listing {
		use = nil
	} else if err := hashes.Add(ctx, found); err != nil {
		return err
	}
	got, err := capture.Join(format.Dataset{Name: d.Name}, files, true, use, func(string) bool { return true })
	if err != nil {
		return err
	}
	if got.SHA256 != d.SHA256 || got.Hash != d.Hash {
		return fmt.Errorf("dataset %s: %s has different content: sha256 %.12s, but %.12s was recorded",
			d.Name, place, got.SHA256, d.SHA256)
	}
	for i, name := range names {
		if path := found[i].Path; isPointer(path) {
			return pointersLeft(d, filepath.Join(place, filepath.FromSlash(name)))
		}
	}
	return nil
}

// copyPartial copies the files of a dataset from one folder to another. In their places, the restored source may have
// pointers of Git LFS, links that lead nowhere or out of it, or another version.
func copyPartial(ctx context.Context, from, root, dir string, names []string, entries []format.ManifestEntry) error {
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		rel := filepath.ToSlash(filepath.Join(filepath.FromSlash(dir), filepath.FromSlash(name)))
		if info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(rel))); err == nil &&
			info.Mode()&fs.ModeSymlink != 0 {
			if rel, err = wayTo(root, rel); err != nil {
				return err
			}
		}
		if err := NoLinks(root, rel); err != nil {
			return err
		}
		to := filepath.Join(root, filepath.FromSlash(rel))
		if info, err := os.Lstat(to); err == nil {
			if !isPointer(to) && info.Size() == entries[i].Bytes &&
				(entries[i].SHA256 == "" || checkDigest(to, entries[i].SHA256, entries[i].Bytes) == nil) {
				continue // restored with the source, or by another dataset
			}
			if err := os.Remove(to); err != nil {
				return err
			}
		}
		if err := cloneFile(filepath.Join(from, filepath.FromSlash(name)), to); err != nil {
			return err
		}
	}
	return nil
}

// fetchPartial is FetchData for a dataset of which partial is true.
func (r *Repository) fetchPartial(ctx context.Context, d format.Dataset, dir string) (FetchedData, error) {
	names, entries, err := r.partialEntries(ctx, d)
	if err != nil {
		return FetchedData{}, err
	}
	target := dataTarget(dir, d)
	lacks := func(name string) bool {
		_, err := os.Stat(filepath.Join(target, filepath.FromSlash(name)))
		return err != nil
	}
	var other error
	if d.Path != "" && !slices.ContainsFunc(names, lacks) {
		if other = r.verifyPartial(ctx, d, target, names); other == nil || ctx.Err() != nil {
			return FetchedData{Dataset: d, Place: target}, ctx.Err()
		}
	}
	places, err := r.dataPlaces(ctx, d)
	if err != nil {
		return FetchedData{}, err
	}
	for _, place := range places {
		if _, err := os.Stat(place); err != nil {
			continue
		}
		if err := r.verifyPartial(ctx, d, place, names); err != nil {
			if ctx.Err() != nil {
				return FetchedData{}, ctx.Err()
			}
			if other == nil || !errors.Is(err, fs.ErrNotExist) {
				other = err
			}
			continue
		}
		if d.Path == "" {
			return FetchedData{Dataset: d, Place: place, Variable: dataVariable(d.Name)}, nil
		}
		way, err := wayTo(dir, d.Path)
		if err == nil {
			err = copyPartial(ctx, place, withoutLinks(dir), way, names, entries)
		}
		if err != nil {
			return FetchedData{}, fmt.Errorf("dataset %s: copying %s: %w", d.Name, place, err)
		}
		return FetchedData{Dataset: d, Place: target}, r.verifyPartial(ctx, d, target, names)
	}
	return FetchedData{}, notFound(dir, d, other)
}

// hubCache returns the folder of what a cache on this machine has of a dataset of which isHub is true, or an error that
// says what is missing. The record may come from a stranger.
func hubCache(d format.Dataset) (string, error) {
	home, _ := os.UserHomeDir()
	hub := filepath.Join(home, ".cache", "huggingface")
	var folders, names []string
	switch d.SourceType {
	case sourceHub:
		folders = []string{os.Getenv("HF_HUB_CACHE"), under(os.Getenv("HF_HOME"), "hub"), filepath.Join(hub, "hub")}
		for _, kind := range []string{"models", "datasets", "spaces"} {
			names = append(names, kind+"--"+hubFolder(d.Name)+"/snapshots/"+d.Digest)
		}
	case sourceHubDatasets:
		folders = []string{
			os.Getenv("HF_DATASETS_CACHE"), under(os.Getenv("HF_HOME"), "datasets"), filepath.Join(hub, "datasets"),
		}
		names = []string{d.Name + "/" + d.Digest}
	case sourceTFDS:
		folders = []string{os.Getenv("TFDS_DATA_DIR"), filepath.Join(home, "tensorflow_datasets")}
		names = []string{d.Name + "/" + d.Digest}
	case sourceTorchHub:
		folders = []string{under(os.Getenv("TORCH_HOME"), "hub"), filepath.Join(home, ".cache", "torch", "hub")}
		names = []string{d.Name + "_" + d.Digest}
	}
	for _, folder := range folders {
		for _, name := range names {
			if name = filepath.FromSlash(name); !filepath.IsAbs(folder) || !filepath.IsLocal(name) {
				continue
			}
			dir := filepath.Join(folder, name)
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				return dir, nil
			}
		}
	}
	return "", fmt.Errorf("it is not in the cache of %s on this machine", hubTitle(d.SourceType))
}

// under returns a folder in another, or "" if that is not set.
func under(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// hubTitle names the library of a kind of cache.
func hubTitle(kind string) string {
	switch kind {
	case sourceHub:
		return "the hub"
	case sourceTorchHub:
		return "torch.hub"
	case sourceTFDS:
		return "tensorflow_datasets"
	}
	return "the library datasets"
}

// hubHint says how to get what a cache lacks.
func hubHint(d format.Dataset) string {
	switch d.SourceType {
	case sourceHub:
		return fmt.Sprintf("download that revision first, for example with 'huggingface-cli download %s --revision %s'",
			d.Name, d.Digest)
	case sourceTorchHub:
		return "load that revision of " + d.Source + " first, with torch.hub.load"
	}
	return "have the library download and prepare that version first"
}
