package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/lock"
)

// DatasetRequest says which data to record.
type DatasetRequest struct {
	Name     string // if empty, the name is that of the path
	Path     string // absolute
	Listing  bool   // only names and sizes count
	Role     string
	Named    bool                    // the configuration lists the data; links that Git tracks are not followed
	Look     bool                    // only compare; store and remember nothing except the hashes
	Progress func(done, total int64) // gets the bytes hashed so far and the total; may be nil
}

// CacheDir returns the folder of cached hashes, which no commit can write to.
func (r *Repository) CacheDir() string {
	if r.InGit {
		return filepath.Join(r.Git.Common, "runs", "cache")
	}
	return filepath.Join(r.Dir, "cache")
}

// ArtifactLinks returns the folder that a process gives to programs that read artifacts in one folder. It has a folder
// of links and copies for each run, which a redaction of the run removes. The process removes all of it.
func (r *Repository) ArtifactLinks(process string) string {
	return filepath.Join(r.CacheDir(), "artifacts", process)
}

// VersionLinks returns the folder in which a process gives programs the files of versions of models: those that a run
// made. A redaction of the run removes it.
func (r *Repository) VersionLinks(process, run string) string {
	return filepath.Join(r.ArtifactLinks(process), run+"-versions")
}

// linksOf ends the name of a file that says in which folder of links those of a run are.
const linksOf = ".in"

// NoteArtifactLinks notes that a folder of links and copies has those of a run, whose name it does not have.
func NoteArtifactLinks(dir, id string) error {
	return os.WriteFile(filepath.Join(filepath.Dir(dir), id+linksOf), []byte(filepath.Base(dir)), 0o600)
}

// dropArtifactLinks removes the links and copies of a run that processes made.
func (r *Repository) dropArtifactLinks(id string) error {
	entries, _ := os.ReadDir(r.ArtifactLinks("")) // usually there are none
	var errs []error
	for _, entry := range entries {
		all := r.ArtifactLinks(entry.Name())
		errs = append(errs, os.RemoveAll(filepath.Join(all, id)), os.RemoveAll(r.VersionLinks(entry.Name(), id)))
		if name, err := readBounded(filepath.Join(all, id+linksOf), 1000); err == nil && filepath.IsLocal(string(name)) {
			errs = append(errs, os.RemoveAll(filepath.Join(all, string(name))))
		}
	}
	return errors.Join(errs...)
}

// Dataset identifies data by its content, stores the manifest of a folder, and remembers where data outside the
// project is. Only one process on a host hashes a dataset at a time; others wait and use its result.
func (r *Repository) Dataset(ctx context.Context, q DatasetRequest) (format.Dataset, error) {
	d, _, err := r.dataset(ctx, q)
	return d, err
}

// dataset is Dataset. warning says that files are pointers of Git LFS, if they are.
func (r *Repository) dataset(ctx context.Context, q DatasetRequest) (_ format.Dataset, warning string, err error) {
	if err := capture.CheckDataset(q.Path); err != nil {
		return format.Dataset{}, "", err
	}
	cache := filepath.Join(r.CacheDir(), capture.CacheName(q.Path))
	unlock, err := r.lockDataset(ctx, cache)
	if err != nil {
		return format.Dataset{}, "", fmt.Errorf("dataset %s: %w", q.Path, err)
	}
	defer unlock()
	var mayFollow func(link string) error
	if q.Named {
		mayFollow = func(link string) error {
			return r.refuseTrackedLink(
				ctx, link, "set the path of the data on this machine in .runs/local.toml, under [data]",
			)
		}
	}
	d, err := capture.HashDataset(ctx, capture.DatasetRequest{
		MayFollow: mayFollow,
		Root:      r.TreeRoot(), Name: q.Name, Path: q.Path, Listing: q.Listing, Role: q.Role, Cache: cache,
		Progress: q.Progress,
		Known:    func(manifest string) bool { return r.inPlace(sharedDatasets, manifest, -1) },
	})
	if err != nil {
		return format.Dataset{}, "", err
	}
	if q.Look {
		return d.Dataset, "", nil
	}
	if d.Manifest != nil {
		if err := r.shareBytes(sharedDatasets, d.Dataset.Manifest, d.Manifest); err != nil {
			return format.Dataset{}, "", err
		}
	}
	if d.Path == "" {
		if err := r.rememberData(ctx, d.Name, q.Path); err != nil {
			return format.Dataset{}, "", err
		}
	}
	if d.Pointers > 0 {
		warning = fmt.Sprintf("dataset %s has %d of its %d files only as pointers of Git LFS, such as %s: the program reads "+
			"the pointers, and not the data; run 'git lfs pull' first", d.Name, d.Pointers, d.Files, d.Pointer)
	}
	return d.Dataset, warning, nil
}

// lockDataset waits until no other process of this host hashes the same data.
func (r *Repository) lockDataset(ctx context.Context, cache string) (unlock func(), err error) {
	return lock.Wait(ctx, cache+"-"+thisHost()+".lock")
}

// shareBytes stores data under its digest.
func (r *Repository) shareBytes(kind sharedKind, digest string, data []byte) error {
	if r.inPlace(kind, digest, int64(len(data))) {
		return nil
	}
	return r.shareWritten(kind, digest, int64(len(data)), func(tmp string) error { return writeFile(tmp, data) })
}
