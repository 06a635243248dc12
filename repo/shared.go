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
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// sharedKind is a kind of shared file. Each kind has a folder, in which the name of a file is its SHA-256.
type sharedKind struct {
	folder, extension string
	limit             int64 // maximum bytes of one file
}

var (
	sharedSources      = sharedKind{"sources", ".patch", git.MaxPatchBytes}
	sharedEnvironments = sharedKind{"environments", ".toml", format.MaxRecordBytes}
	sharedDatasets     = sharedKind{"datasets", ".parquet", 1 << 30}
)

// ErrNotShared is returned if a shared file of a run is nowhere in this clone.
var ErrNotShared = errors.New("not in this clone")

// ErrDigest is returned if the bytes of a file do not have the digest in its name.
var ErrDigest = errors.New("its bytes do not match its digest")

// keptPlace returns the path at which a shared file is kept until the runs that use it are committed. No switch of
// branches removes it there.
func (r *Repository) keptPlace(kind sharedKind, digest string) string {
	if !r.InGit {
		return ""
	}
	return filepath.Join(r.Git.Common, "runs", "shared", kind.folder, digest+kind.extension)
}

func (r *Repository) sharedPlace(kind sharedKind, digest string) string {
	if r.Dir == "" || r.gone != nil { // a revision that is not checked out, or a worktree that was removed
		return ""
	}
	return filepath.Join(r.Dir, kind.folder, digest+kind.extension)
}

// share stores a file under its digest. If the file exists, only its time changes, because gc keeps files that were
// needed recently.
func (r *Repository) share(kind sharedKind, digest, from string) error {
	size := int64(-1)
	if info, err := os.Stat(from); err == nil {
		size = info.Size()
	}
	return r.shareWritten(kind, digest, size, func(tmp string) error {
		_, err := copyFile(from, tmp)
		return err
	})
}

// shareWritten stores the file that write makes. size is its size, or -1 if it is not known: a file that exists with
// another size is damaged, and is replaced.
func (r *Repository) shareWritten(kind sharedKind, digest string, size int64, write func(tmp string) error) error {
	target := r.sharedPlace(kind, digest)
	first := r.firstPlace(kind, digest)
	err := error(nil)
	if !hasSize(first, size) || !refresh(first) {
		err = replace(first, write)
	}
	if err == nil && target != "" && first != target && !hasSize(target, size) {
		err = replace(target, func(tmp string) error {
			_, err := linkFile(first, tmp)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing %s: %w", path.Join(kind.folder, digest+kind.extension), err)
	}
	return nil
}

// firstPlace returns the path at which a shared file is stored first. The time of that file says when it was last
// needed.
func (r *Repository) firstPlace(kind sharedKind, digest string) string {
	if kept := r.keptPlace(kind, digest); kept != "" {
		return kept
	}
	return r.sharedPlace(kind, digest)
}

// inPlace reports whether a shared file is in both its places. If it is, inPlace also sets its time, because it was
// needed.
func (r *Repository) inPlace(kind sharedKind, digest string, size int64) bool {
	first := r.firstPlace(kind, digest)
	target := r.sharedPlace(kind, digest)
	return (target == "" || hasSize(target, size)) && hasSize(first, size) && refresh(first)
}

// hasSize reports whether path is a regular file of that size; -1 is any.
func hasSize(path string, size int64) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && (size < 0 || info.Size() == size)
}

// refresh sets the time of a file to now and reports whether it could. It cannot if the file does not exist or
// belongs to another user.
func refresh(path string) bool {
	t := time.Now()
	return os.Chtimes(path, t, t) == nil
}

// place makes a file, whole or not at all. It does not change a file that exists.
func place(target string, write func(tmp string) error) error {
	if exists(target) {
		return nil
	}
	return replace(target, write)
}

// replace is like place, but replaces a file that exists.
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

// hasShared returns an error if this clone does not have a shared file. It need not look for an empty digest.
func (r *Repository) hasShared(ctx context.Context, kind sharedKind, digest string) error {
	if digest == "" || r.inPlace(kind, digest, -1) {
		return nil
	}
	_, remove, err := r.shared(ctx, kind, digest)
	if err == nil {
		remove()
	}
	return err
}

// shared finds a shared file and verifies its digest. It looks where the file is kept, then in the working tree, then
// in the commit that is checked out. The caller calls remove when it no longer needs the file.
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
			return file, func() { _ = os.RemoveAll(filepath.Dir(file)) }, nil
		}
		if errors.Is(err, ErrDigest) {
			damaged = fmt.Errorf("%s: %w", name, err)
		}
	}
	if damaged != nil {
		return "", nil, withHint(
			damaged, "remove it, then run 'git fetch' and 'git checkout HEAD -- .runs'",
		)
	}
	return "", nil, withHint(
		fmt.Errorf("%s: %w", name, ErrNotShared),
		"it was not committed with the run, or is on another branch: ask the person who recorded the run",
	)
}

// sharedFromGit writes the shared file in the commit that is checked out to a temporary file.
func (r *Repository) sharedFromGit(ctx context.Context, kind sharedKind, digest string) (string, error) {
	object := r.commit + ":" + path.Join(r.tree, kind.folder, digest+kind.extension)
	if r.commit == "" {
		rel, err := filepath.Rel(r.Git.Root, r.sharedPlace(kind, digest))
		if err != nil {
			return "", err
		}
		object = "HEAD:" + filepath.ToSlash(rel)
	}
	dir, err := r.temporary("runs-shared-")
	if err != nil {
		return "", err
	}
	tmp, err := os.Create(filepath.Join(dir, digest+kind.extension))
	if err != nil {
		_ = os.RemoveAll(dir)
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
		_ = os.RemoveAll(dir)
		return "", err
	}
	return tmp.Name(), nil
}

// ReadShared reads a shared file, by its path in .runs, and verifies its digest. If the file has more than limit bytes,
// ReadShared returns an error.
func (r *Repository) ReadShared(ctx context.Context, name string, limit int64) ([]byte, error) {
	kind, digest, ok := sharedName(name)
	if !ok {
		return nil, fmt.Errorf("%s is not a shared file", name)
	}
	file, remove, err := r.shared(ctx, kind, digest)
	if err != nil {
		return nil, err
	}
	defer remove()
	return readBounded(file, min(limit, kind.limit))
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
	f, err := regular.Open(path)
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

// Environment reads the shared file with the environment of a run.
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

// Manifest reads the manifest of a dataset and verifies that it gives the digest of the dataset.
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

// EachPatch calls read for each patch of the source of a run, in order, and then for those of its submodules and
// packages. A line before the first patch of one of them names it.
func (r *Repository) EachPatch(ctx context.Context, run *format.Run, read func(io.Reader) error) error {
	one := func(digest string) error {
		file, remove, err := r.shared(ctx, sharedSources, digest)
		if err != nil {
			return err
		}
		defer remove()
		f, err := regular.Open(file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return read(f)
	}
	each := func(digests []string) error {
		for _, digest := range digests {
			if err := one(digest); err != nil {
				return fmt.Errorf("reading the source of run %s: %w", run.ID, err)
			}
		}
		return nil
	}
	if err := each(run.Source.Patches); err != nil {
		return err
	}
	part := func(what string, p *format.Part) error {
		if len(p.Patches) == 0 {
			return nil
		}
		from := "an empty tree"
		if p.Base != "" {
			from = "commit " + p.Base[:12]
		}
		if err := read(strings.NewReader("# " + what + ", as a patch of " + from + "\n")); err != nil {
			return err
		}
		return each(p.Patches)
	}
	for i := range run.Source.Submodules {
		if err := part("submodule "+run.Source.Submodules[i].Path, &run.Source.Submodules[i].Part); err != nil {
			return err
		}
	}
	for i := range run.Source.Packages {
		if err := part("package "+run.Source.Packages[i].Name, &run.Source.Packages[i].Part); err != nil {
			return err
		}
	}
	return nil
}
