package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// sharedKind is a folder of files that runs share, each under its own SHA-256.
type sharedKind struct {
	folder, extension string
	limit             int64 // bytes of one file
}

var (
	sharedSources      = sharedKind{"sources", ".patch", git.MaxPatchBytes}
	sharedEnvironments = sharedKind{"environments", ".toml", format.MaxRecordBytes}
	sharedDatasets     = sharedKind{"datasets", ".parquet", 1 << 30}
)

// ErrNotShared says that a file that a run names is nowhere in this clone.
var ErrNotShared = errors.New("not in this clone")

// ErrDigest says that the bytes of a file are not those that its name promises.
var ErrDigest = errors.New("its bytes do not match its digest")

// keptPlace is where a shared file lies until the runs that name it are committed: no branch switch removes it there.
func (r *Repository) keptPlace(kind sharedKind, digest string) string {
	if !r.InGit {
		return ""
	}
	return filepath.Join(r.Git.Common, "runs", "shared", kind.folder, digest+kind.extension)
}

func (r *Repository) sharedPlace(kind sharedKind, digest string) string {
	if r.Dir == "" { // a revision that is not checked out
		return ""
	}
	return filepath.Join(r.Dir, kind.folder, digest+kind.extension)
}

// share stores a file under its digest. One that is there already is left alone, but for its time: gc spares what was
// needed lately.
func (r *Repository) share(kind sharedKind, digest, from string) error {
	return r.shareWritten(kind, digest, func(tmp string) error {
		_, err := copyFile(from, tmp)
		return err
	})
}

func (r *Repository) shareWritten(kind sharedKind, digest string, write func(tmp string) error) error {
	target := r.sharedPlace(kind, digest)
	first := r.firstPlace(kind, digest)
	err := error(nil)
	if !refresh(first) {
		err = replace(first, write)
	}
	if err == nil && first != target {
		err = place(target, func(tmp string) error {
			_, err := linkFile(first, tmp)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing %s: %w", path.Join(kind.folder, digest+kind.extension), err)
	}
	return nil
}

// firstPlace is where a shared file is stored first, and whose time says when it was needed last.
func (r *Repository) firstPlace(kind sharedKind, digest string) string {
	if kept := r.keptPlace(kind, digest); kept != "" {
		return kept
	}
	return r.sharedPlace(kind, digest)
}

// inPlace reports whether a shared file lies in both its places, and then notes that it was needed.
func (r *Repository) inPlace(kind sharedKind, digest string) bool {
	return exists(r.sharedPlace(kind, digest)) && refresh(r.firstPlace(kind, digest))
}

// refresh gives a file that is there the present time. It fails for a file of another user too.
func refresh(path string) bool {
	t := time.Now()
	return os.Chtimes(path, t, t) == nil
}

// place makes a file whole or not at all. One that is there stays.
func place(target string, write func(tmp string) error) error {
	if exists(target) {
		return nil
	}
	return replace(target, write)
}

// replace is place for a file that may be there.
func replace(target string, write func(tmp string) error) error {
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := realDir(dir); err != nil {
		return err
	}
	tmp := filepath.Join(dir, newPrefix+format.RandomLetters(8))
	defer func() { _ = os.Remove(tmp) }()
	if err := write(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, target); err != nil {
		return err
	}
	return syncDir(dir)
}

// shared finds a file that runs share and proves its digest: first where it is kept, then in the working tree, then in
// the commit that is checked out. The file that it returns is removed by remove.
func (r *Repository) shared(
	ctx context.Context, kind sharedKind, digest string,
) (file string, remove func(), err error) {
	name := path.Join(kind.folder, digest+kind.extension)
	var damaged error
	for _, at := range []string{r.keptPlace(kind, digest), r.sharedPlace(kind, digest)} {
		if at == "" || !exists(at) {
			continue
		}
		if err := checkDigest(at, digest, kind.limit); err != nil {
			damaged = fmt.Errorf("%s: %w", name, err)
			continue
		}
		return at, func() {}, nil
	}
	if r.InGit {
		file, err := r.sharedFromGit(ctx, kind, digest)
		if err == nil {
			return file, func() { _ = os.Remove(file) }, nil
		}
		if errors.Is(err, ErrDigest) {
			damaged = fmt.Errorf("%s: %w", name, err)
		}
	}
	if damaged != nil {
		return "", nil, withHint(
			damaged, "remove it, then run 'git fetch' and 'git checkout -- .runs'",
		)
	}
	return "", nil, withHint(
		fmt.Errorf("%s: %w", name, ErrNotShared),
		"it was not committed with the run, or is on another branch: ask the person who recorded the run",
	)
}

// sharedFromGit writes the file of the commit that is checked out to a temporary place.
func (r *Repository) sharedFromGit(ctx context.Context, kind sharedKind, digest string) (string, error) {
	object := r.commit + ":" + path.Join(r.tree, kind.folder, digest+kind.extension)
	if r.commit == "" {
		rel, err := filepath.Rel(r.Git.Root, r.sharedPlace(kind, digest))
		if err != nil {
			return "", err
		}
		object = "HEAD:" + filepath.ToSlash(rel)
	}
	tmp, err := os.CreateTemp("", "runs-*"+kind.extension)
	if err != nil {
		return "", err
	}
	err = git.ReadBlob(ctx, r.Git, object, kind.limit, tmp)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = checkDigest(tmp.Name(), digest, kind.limit)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return "", err
	}
	return tmp.Name(), nil
}

func checkDigest(path, digest string, limit int64) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	case info.Size() > limit:
		return fmt.Errorf("has %d bytes, more than the limit of %d", info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return ErrDigest
	}
	return nil
}

// Environment reads what a run shared with others of its environment.
func (r *Repository) Environment(ctx context.Context, digest string) (*format.EnvironmentFile, error) {
	file, remove, err := r.shared(ctx, sharedEnvironments, digest)
	if err != nil {
		return nil, err
	}
	defer remove()
	data, err := readBounded(file, sharedEnvironments.limit)
	if err != nil {
		return nil, err
	}
	return format.DecodeEnvironment(path.Join(sharedEnvironments.folder, digest+sharedEnvironments.extension), data)
}

// Manifest reads the list of the files of a dataset and proves that they make its digest.
func (r *Repository) Manifest(ctx context.Context, d format.Dataset) ([]format.ManifestEntry, error) {
	file, remove, err := r.shared(ctx, sharedDatasets, d.Manifest)
	if err != nil {
		return nil, err
	}
	defer remove()
	data, err := readBounded(file, sharedDatasets.limit)
	if err != nil {
		return nil, err
	}
	entries, err := format.DecodeManifest(data)
	if err != nil {
		return nil, err
	}
	if digest, _ := format.ManifestDigest(entries, d.Hash == format.HashListing); digest != d.SHA256 {
		return nil, fmt.Errorf(
			"the manifest of dataset %s has the digest %.12s, but %.12s was recorded", d.Name, digest, d.SHA256,
		)
	}
	return entries, nil
}

// EachPatch reads the patches of a run's source in their order.
func (r *Repository) EachPatch(ctx context.Context, run *format.Run, read func(io.Reader) error) error {
	for _, digest := range run.Source.Patches {
		err := func() error {
			file, remove, err := r.shared(ctx, sharedSources, digest)
			if err != nil {
				return err
			}
			defer remove()
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			return read(f)
		}()
		if err != nil {
			return fmt.Errorf("reading the source of run %s: %w", run.ID, err)
		}
	}
	return nil
}
