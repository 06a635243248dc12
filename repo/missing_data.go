package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// MissingDataset is a dataset of a run that this machine does not have as it was recorded.
type MissingDataset struct {
	format.Dataset
	Reason string // what is wrong with it, as a clause without its subject
}

// String names the dataset and says what is wrong.
func (m MissingDataset) String() string { return "dataset " + m.Name + " " + m.Reason }

// Variable returns the environment variable that names the place of the data.
func (m MissingDataset) Variable() string { return dataVariable(m.Name) }

// maxLooked is how many files of a dataset are looked at to see whether it is on this machine.
const maxLooked = 1000

// MissingData returns the datasets of a run that are not on this machine, or only with other sizes. elsewhere are the
// paths of those that are in the project, and not in dir, which holds the restored source. It looks at names and sizes,
// and hashes nothing.
func (r *Repository) MissingData(ctx context.Context, run *format.Run, dir string) (
	missing []MissingDataset, elsewhere []string,
) {
	for _, d := range run.Datasets {
		if d.Path != "" && !run.Source.Rewrites(d.Path) && r.looksLike(ctx, d, dataTarget(dir, d)) == nil ||
			ctx.Err() != nil {
			continue // restored with the source
		}
		switch reason := r.away(ctx, run, d); {
		case reason != "":
			missing = append(missing, MissingDataset{d, reason})
		case d.Path != "" && d.SHA256+d.DVC != "":
			elsewhere = append(elsewhere, d.Path)
		}
	}
	return missing, elsewhere
}

// away says why this machine does not have a dataset, or returns "". The source of the run may have it.
func (r *Repository) away(ctx context.Context, run *format.Run, d format.Dataset) string {
	switch {
	case isHub(d):
		if _, err := hubCache(d); err != nil {
			return "is not in the cache of " + hubTitle(d.SourceType) + " on this machine"
		}
		return ""
	case d.SHA256 == "" && (d.DVC == "" || d.Path == ""):
		return "" // only a library knows it
	}
	places, _ := r.dataPlaces(ctx, d) // without the settings of this machine, it may be in the project
	reason := "is not on this machine"
	for _, place := range places {
		err := r.looksLike(ctx, d, place)
		if err == nil && run.Source.Rewrites(d.Path) && r.verifyData(ctx, d, place, nil) != nil {
			err = errors.New("has other content on this machine")
		}
		switch {
		case err == nil:
			return ""
		case !errors.Is(err, fs.ErrNotExist):
			reason = err.Error()
		}
	}
	return reason
}

// looksLike returns an error if the data at a place cannot be that of a dataset, by its names and sizes.
func (r *Repository) looksLike(ctx context.Context, d format.Dataset, place string) error {
	info, err := os.Stat(place)
	if err != nil {
		return err
	}
	other := errors.New("has another size on this machine")
	switch {
	case d.Manifest != "":
		entries, err := r.Manifest(ctx, d)
		if err != nil {
			return nil // the manifest is a problem of its own
		}
		names, err := r.partialFiles(ctx, d)
		if err != nil {
			return nil
		}
		for i, name := range names[:min(len(names), maxLooked)] {
			path := filepath.Join(place, filepath.FromSlash(name))
			info, err := os.Stat(path)
			switch {
			case err != nil:
				return errors.New("is not complete on this machine")
			case isPointer(path):
				return errors.New("has pointers of Git LFS on this machine")
			case info.Size() != entries[i].Bytes:
				return other
			}
		}
	case d.SHA256 == "" && (info.IsDir() != strings.HasSuffix(d.DVC, ".dir") ||
		info.Mode().IsRegular() && d.Bytes > 0 && info.Size() != d.Bytes):
		return other
	case info.Mode().IsRegular() && isPointer(place):
		return errors.New("is a pointer of Git LFS on this machine")
	case info.Mode().IsRegular() && d.SHA256 != "" && d.Files <= 1 && info.Size() != d.Bytes:
		return other
	}
	return nil
}
