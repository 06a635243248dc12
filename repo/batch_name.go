package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// MisnamedBatches lists the batches of the working tree whose files do not make their names: Git has merged two
// batches, or somebody has changed one. It leaves out batches that cannot be read, those with a run for which damaged
// returns true, and those of which a sparse checkout leaves out a file.
func (r *Repository) MisnamedBatches(ctx context.Context, damaged func(id string) bool) ([]Damage, error) {
	batches, _, err := r.Batches()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var misnamed []Damage
	for _, b := range batches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.left.hasBelow(path.Join(b.Day, b.Name)) || slices.ContainsFunc(b.ids, damaged) {
			continue
		}
		want, err := b.nameOfFiles()
		if err != nil {
			continue
		}
		if want != b.Name {
			err := fmt.Errorf("%s is not the batch that was written: its files make %s", b.show, want)
			misnamed = append(misnamed, Damage{b.Name, err})
		}
	}
	return misnamed, nil
}

// nameOfFiles returns the name that the files of the batch make.
func (b *Batch) nameOfFiles() (string, error) {
	names, err := rewrittenNames(b.Dir)
	if err != nil {
		return "", err
	}
	var files []format.BatchFile
	for _, name := range names {
		digest, err := digestOf(filepath.Join(b.Dir, name))
		if err != nil {
			return "", err
		}
		files = append(files, format.BatchFile{Path: filepath.ToSlash(name), SHA256: digest})
	}
	return format.BatchName(files), nil
}

func digestOf(file string) (string, error) {
	f, err := regular.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, maxFileBytes)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
