package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

const (
	maxRunFiles  = 20_000   // of one run in git
	maxBlobBytes = 1 << 30  // of one file of a run in git
	maxNoteFiles = 10_000   // of one run
	maxRunBytes  = 16 << 30 // of all files of a run
)

// checker checks runs as a commit has them before anything is made of their content. What several share is looked at once.
type checker struct {
	trees  *git.Trees
	shared map[string]error
}

// CheckRuns checks runs that came from somebody else, and returns those that are not what they say.
func CheckRuns(ctx context.Context, trees *git.Trees, r *repo.Repository, at *contents, ids []string) ([]repo.Damage, error) {
	k := &checker{trees, map[string]error{}}
	var bad []repo.Damage
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		files, err := at.run(id)
		if err != nil {
			return nil, err
		}
		if _, problems := k.run(id, files, at.shared); len(problems) > 0 {
			bad = append(bad, repo.Damage{ID: id, Err: fmt.Errorf("run %s: %w", id, errors.Join(problems...))})
		}
	}
	return bad, nil
}

// run checks a run by its files: names, kinds, counts and sizes first, then the record, then every digest. It returns the
// record where it can be read.
func (k *checker) run(id string, files map[string]git.TreeEntry, shared map[string]string) (*format.Run, []error) {
	if err := checkNames(files); err != nil {
		return nil, []error{err}
	}
	record, ok := files[repo.RecordName]
	if !ok {
		return nil, []error{errors.New("has no run.toml")}
	}
	data, err := k.trees.Blob(record.ID, format.MaxRecordBytes)
	if err != nil {
		return nil, []error{fmt.Errorf("run.toml: %w", err)}
	}
	run, err := format.DecodeRun(repo.RecordName, data)
	switch {
	case err != nil:
		return nil, []error{err}
	case run.ID != id:
		return nil, []error{fmt.Errorf("run.toml says that it is run %s", run.ID)}
	case run.Status == format.Running:
		return nil, []error{errors.New("run.toml says that it is running")}
	}
	var problems []error
	problem := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	named := map[string]bool{repo.RecordName: true}
	for _, name := range slices.Sorted(maps.Keys(run.Files)) {
		named[name] = true
		if _, ok := files[name]; !ok && format.LocalFile(name) {
			continue // kept where it was recorded
		}
		problem(k.file(files, name, run.Files[name].SHA256, run.Files[name].Bytes))
	}
	artifacts, err := k.artifacts(run, files)
	problem(err)
	for _, a := range artifacts {
		name := path.Join("artifacts", a.Path)
		named[name] = true
		if a.Where == "" {
			problem(k.file(files, name, a.SHA256, a.Bytes))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case named[name]:
		case path.Dir(name) == "notes" && strings.HasSuffix(name, ".toml"):
			problem(k.note(name, files[name].ID))
		default:
			problem(fmt.Errorf("%s is named by nothing in run.toml", name))
		}
	}
	for _, name := range repo.SharedNames(run) {
		problem(k.sharedFile(name, shared))
	}
	return run, problems
}

// checkNames refuses what no file system should be given.
func checkNames(files map[string]git.TreeEntry) error {
	if len(files) > maxRunFiles {
		return fmt.Errorf("has %d files, more than %d", len(files), maxRunFiles)
	}
	folded := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := format.CheckPath(name); err != nil {
			return err
		}
		if mode := files[name].Mode; !strings.HasPrefix(mode, "100") {
			kind := "of a kind that no run has"
			switch mode {
			case "120000":
				kind = "a link"
			case "160000":
				kind = "a submodule"
			}
			return fmt.Errorf("%s is %s", name, kind)
		}
		lower := strings.ToLower(name)
		if other, ok := folded[lower]; ok {
			return fmt.Errorf("%s and %s are one file where case does not count", other, name)
		}
		folded[lower] = name
	}
	return nil
}

// file proves a file by size and digest. An artifact may be a pointer of git LFS to the right content.
func (k *checker) file(files map[string]git.TreeEntry, name, digest string, size int64) error {
	e, ok := files[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	got, n, head, err := k.trees.Sum(e.ID, maxBlobBytes)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case got == digest && n == size:
		return nil
	}
	if sum, bytes, ok := capture.Pointer(head); ok && strings.HasPrefix(name, "artifacts/") && sum == digest && bytes == size {
		return nil
	}
	if n != size {
		return fmt.Errorf("%s is not the file that was recorded: it has %d bytes, not %d", name, n, size)
	}
	return fmt.Errorf("%s is not the file that was recorded: its digest differs", name)
}

func (k *checker) artifacts(run *format.Run, files map[string]git.TreeEntry) ([]format.Artifact, error) {
	want, ok := run.Files[format.ArtifactsName]
	if !ok {
		return run.Artifacts, nil
	}
	e, ok := files[format.ArtifactsName]
	if !ok {
		return nil, nil // named by its entry
	}
	data, err := k.trees.Blob(e.ID, maxBlobBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format.ArtifactsName, err)
	}
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != want.SHA256 {
		return nil, nil
	}
	return format.DecodeArtifacts(data)
}

func (k *checker) note(name, blob string) error {
	data, err := k.trees.Blob(blob, format.MaxNoteBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = format.DecodeNote(name, data)
	return err
}

// sharedFile proves a file that runs share by its name.
func (k *checker) sharedFile(name string, shared map[string]string) error {
	blob, ok := shared[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	key := name + blob
	if err, known := k.shared[key]; known {
		return err
	}
	sum, _, _, err := k.trees.Sum(blob, git.MaxPatchBytes)
	digest := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if err == nil && sum != digest {
		err = repo.ErrDigest
	}
	if err == nil && path.Ext(name) == ".toml" {
		var data []byte
		if data, err = k.trees.Blob(blob, format.MaxRecordBytes); err == nil {
			_, err = format.DecodeEnvironment(name, data)
		}
	}
	if err == nil && path.Ext(name) == ".patch" {
		var data []byte
		if data, err = k.trees.Blob(blob, git.MaxPatchBytes); err == nil {
			_, err = format.ReadPatch(bytes.NewReader(data))
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	k.shared[key] = err
	return err
}
