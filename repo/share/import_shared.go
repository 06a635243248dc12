package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// importShared imports the shared files of a run. The digest of each must be its name, and its content must be valid.
func (im *importer) importShared(ctx context.Context, run *format.Run) error {
	for _, name := range repo.SharedNames(run) {
		s := im.once(name)
		s.Do(func() { s.bytes, s.err = im.storeShared(ctx, name) })
		if s.err != nil {
			return s.err
		}
	}
	for _, d := range run.Datasets {
		if d.Manifest == "" {
			continue
		}
		s := im.once("manifest of " + d.SHA256 + " " + d.Manifest)
		s.Do(func() {
			if _, s.err = im.from.Manifest(ctx, d); errors.Is(s.err, repo.ErrNotShared) {
				_, s.err = im.to.Manifest(ctx, d)
			}
		})
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

func (im *importer) once(key string) *once {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.shared[key] == nil {
		im.shared[key] = &once{}
	}
	return im.shared[key]
}

// storeShared imports a shared file and returns its size, or 0 if it was already here.
func (im *importer) storeShared(ctx context.Context, name string) (int64, error) {
	info, err := lstat(im.from.Dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		if im.ask.DryRun {
			return 0, im.to.FindShared(ctx, name)
		}
		return 0, im.to.KeepShared(ctx, name)
	}
	if err == nil {
		err = im.verifyShared(ctx, name, info.Size())
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if im.ask.DryRun {
		if im.to.FindShared(ctx, name) == nil {
			return 0, nil
		}
		return info.Size(), nil
	}
	return im.to.StoreShared(name, func(w io.Writer) error { return copyTo(ctx, w, im.from.Dir, name) })
}

func (im *importer) verifyShared(ctx context.Context, name string, size int64) error {
	limit := int64(maxBlobBytes)
	if path.Ext(name) == ".toml" {
		limit = format.MaxRecordBytes
	}
	if size > limit {
		return fmt.Errorf("it has %d bytes, the limit is %d", size, limit)
	}
	sum := sha256.New()
	if err := copyTo(ctx, sum, im.from.Dir, name); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != strings.TrimSuffix(path.Base(name), path.Ext(name)) {
		return repo.ErrDigest
	}
	switch path.Ext(name) {
	case ".toml":
		data, err := readRegular(im.from.Dir, name, limit)
		if err == nil {
			_, err = format.DecodeEnvironment(name, data)
		}
		return err
	case ".patch":
		f, err := openRegular(im.from.Dir, name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		_, err = format.ReadPatch(f)
		return err
	}
	return nil
}
