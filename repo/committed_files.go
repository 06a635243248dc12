package repo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// maxInlineBytes is the size of the largest file that goes into Git. The large forges refuse files of 100 MB.
const maxInlineBytes = 50 << 20

// File is a file of a run as it is committed.
type File struct {
	Name   string // relative to the run's folder
	Bytes  int64
	SHA256 string // as it was recorded; empty for the record and for notes
}

// Content lists the files of a finished run that go into Git: the record, the files of its [files] table that are not
// local, its artifacts and its notes. It verifies the digest of each.
func (e *Entry) Content(ctx context.Context) ([]File, error) {
	var files []File
	err := e.EachContent(ctx, nil, 0, func(f File, _ []byte, _ *os.File) error {
		files = append(files, f)
		return nil
	})
	return files, err
}

// EachContent calls visit for each file that Content lists. A file of up to held bytes is read once: data holds the
// bytes whose digest was verified. Of a larger one, data is nil, and open is the file behind its last byte; EachContent
// closes it. Both are nil for the rows of a run in a batch, which have no file of their own. record holds the bytes of
// the record as ReadRecord returned them; if it is nil, they are read again. If visit fails, its error is returned.
func (e *Entry) EachContent(ctx context.Context, record []byte, held int64,
	visit func(f File, data []byte, open *os.File) error,
) error {
	config, err := e.repo.Config()
	if err != nil {
		return err
	}
	if err := e.onDisk(); err != nil {
		return err
	}
	if record == nil {
		if record, err = e.RecordBytes(); err != nil {
			return err
		}
	}
	if err := visit(File{Name: RecordName, Bytes: int64(len(record))}, record, nil); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		// The file is on another machine.
		if bytes := e.Files[name].Bytes; !config.Keeps(name, bytes) || format.LocalFile(name, bytes) &&
			!exists(e.path(name)) {
			continue
		}
		if err := e.visitContent(name, e.Files[name], false, held, visit); err != nil {
			return err
		}
	}
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		if a.Where != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.visitContent(path.Join(artifactsName, a.Path), format.File{SHA256: a.SHA256, Bytes: a.Bytes},
			config.Artifacts.Store == format.StoreLFS, held, visit); err != nil {
			return err
		}
	}
	return e.EachNote(func(f File, data []byte) error { return visit(f, data, nil) })
}

// visitContent verifies the digest of a file and calls visit.
func (e *Entry) visitContent(name string, want format.File, filtered bool, held int64,
	visit func(f File, data []byte, open *os.File) error,
) error {
	if want.Bytes > maxInlineBytes && !filtered {
		return withHint(
			fmt.Errorf(
				"run %s: %s is %d MB, more than the limit of %d MB for files in Git",
				e.ID, name, want.Bytes>>20, maxInlineBytes>>20,
			),
			"set artifacts.store in .runs/config.toml before you record such a file, or record data with 'runs log -d'",
		)
	}
	if e.batch != nil && (name == MetricsName || name == format.ValuesName) {
		found, err := e.proveBatched(name)
		if err == nil && !found {
			err = fmt.Errorf("run %s: %s is missing", e.ID, name)
		}
		if err != nil {
			return err
		}
		return visit(File{name, want.Bytes, want.SHA256}, nil, nil)
	}
	data, f, err := e.readVerified(name, want, held)
	if f == nil && data == nil && err != nil && want.Points != "" {
		f, want, err = e.otherBytes(name, want, err)
	}
	if err != nil {
		return err
	}
	if f == nil && data == nil {
		return fmt.Errorf("run %s: %s is missing", e.ID, name)
	}
	if f != nil {
		defer func() { _ = f.Close() }()
	}
	return visit(File{name, want.Bytes, want.SHA256}, data, f)
}

// RecordBytes returns the run.toml of a finished run.
func (e *Entry) RecordBytes() ([]byte, error) {
	if err := e.onDisk(); err != nil {
		return nil, err
	}
	if e.batch != nil {
		return e.batch.run.Record, nil
	}
	return readBounded(filepath.Join(e.Dir, RecordName), format.MaxRecordBytes)
}

// SharedNames lists the shared files of a run, relative to the .runs folder.
func SharedNames(run *format.Run) []string {
	var names []string
	add := func(kind sharedKind, digest string) {
		names = append(names, path.Join(kind.folder, digest+kind.extension))
	}
	if run.Source != nil {
		for _, digest := range run.Source.AllPatches() {
			add(sharedSources, digest)
		}
	}
	if run.Environment != nil && run.Environment.Digest != "" {
		add(sharedEnvironments, run.Environment.Digest)
	}
	for _, d := range run.Datasets {
		if d.Manifest != "" {
			add(sharedDatasets, d.Manifest)
		}
	}
	return names
}

// sharedName parses a name of SharedNames. ok is false for any other path.
func sharedName(name string) (kind sharedKind, digest string, ok bool) {
	folder, file := path.Split(name)
	for _, kind := range []sharedKind{sharedSources, sharedEnvironments, sharedDatasets} {
		digest, ok := strings.CutSuffix(file, kind.extension)
		if ok && folder == kind.folder+"/" && format.IsDigest(digest) {
			return kind, digest, true
		}
	}
	return sharedKind{}, "", false
}

// SharedFolders lists the folders of shared files in .runs.
func SharedFolders() []string {
	return []string{sharedSources.folder, sharedEnvironments.folder, sharedDatasets.folder}
}

// ManifestName returns the path of the manifest of a dataset, relative to the .runs folder.
func ManifestName(d format.Dataset) string {
	return path.Join(sharedDatasets.folder, d.Manifest+sharedDatasets.extension)
}

// SharedLimit returns the maximum size in bytes of the shared file with this name. It is 0 if the path is not that of
// a shared file.
func SharedLimit(name string) int64 {
	kind, _, ok := sharedName(name)
	if !ok {
		return 0
	}
	return kind.limit
}

// IsShared reports whether a path below .runs is that of a shared file.
func IsShared(name string) bool {
	_, _, ok := sharedName(name)
	return ok
}

// PlaceShared puts a shared file into the working tree, after verifying its digest, and returns its size.
func (r *Repository) PlaceShared(ctx context.Context, name string) (int64, error) {
	kind, digest, ok := sharedName(name)
	if !ok {
		return 0, fmt.Errorf("%s is not a shared file", name)
	}
	file, remove, err := r.shared(ctx, kind, digest)
	if err != nil {
		return 0, err
	}
	defer remove()
	target := r.sharedPlace(kind, digest)
	if file != target {
		if exists(target) { // its bytes differ: the verified file replaces it
			if err := os.Remove(target); err != nil {
				return 0, err
			}
		}
		if err := place(target, func(tmp string) error {
			_, err := copyFile(file, tmp)
			return err
		}); err != nil {
			return 0, err
		}
	}
	info, err := os.Lstat(target)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// TreePath returns the path of the .runs folder in the Git repository, with slashes.
func (r *Repository) TreePath() (string, error) {
	if r.commit != "" {
		return r.tree, nil
	}
	rel, err := filepath.Rel(r.Git.Root, r.Dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is not in the Git repository %s", r.Dir, r.Git.Root)
	}
	return filepath.ToSlash(rel), nil
}

func (r *Repository) idsIn(homes []Home, wanted func(day string) bool) ([]string, error) {
	var ids []string
	err := r.eachIn(homes, wanted, func(id string) { ids = append(ids, id) })
	slices.Sort(ids)
	return ids, err
}

// ReadRecord reads a finished run of the working tree by its id, which must be valid, and returns the bytes of its
// record too.
func (r *Repository) ReadRecord(id string) (e *Entry, record []byte, err error) {
	return r.readRecordIn(r.Homes()[0], id)
}

// ReadFinished reads a finished run by its id, which must be valid.
func (r *Repository) ReadFinished(id string) (*Entry, error) { return r.readFinished(id) }
