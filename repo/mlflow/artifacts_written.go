package mlflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// keepWritten records the artifacts that the program has added to finished runs: MLflow's client writes them to the
// folder that it was given, and tells nobody. They become artifacts of runs that resume those.
func (s *Service) keepWritten(ctx context.Context) error {
	s.mu.Lock()
	given := maps.Clone(s.given)
	clear(s.given)
	s.mu.Unlock()
	if len(given) == 0 {
		return os.RemoveAll(s.repo.ArtifactLinks(s.nonce)) // files of versions
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(given)) {
		id := given[dir]
		if id == "" { // it leads to a run that resumes the one of the folder
			continue
		}
		e, err := s.entry(ctx, id)
		var missing *Error
		if errors.As(err, &missing) { // it was removed meanwhile
			continue
		}
		if err == nil {
			err = s.keepWrittenTo(ctx, dir, e)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("recording artifacts that were added to run %s: %w", id, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, os.RemoveAll(s.repo.ArtifactLinks(s.nonce)))
	}
	return errors.Join(append(errs, s.dropOldLinks())...)
}

// keptLinks is how long the folder of a process that was killed is kept.
const keptLinks = 7 * 24 * time.Hour

// dropOldLinks removes the folders of processes that were killed.
func (s *Service) dropOldLinks() error {
	entries, _ := os.ReadDir(s.repo.ArtifactLinks("")) // usually there are none
	var errs []error
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > keptLinks {
			errs = append(errs, os.RemoveAll(s.repo.ArtifactLinks(entry.Name())))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) keepWrittenTo(ctx context.Context, dir string, e *stored) error {
	names, err := writtenFiles(dir, e)
	if err != nil || len(names) == 0 {
		return err
	}
	run, err := s.writable(ctx, e.id)
	if err != nil {
		return err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		lines, err := run.active.AddArtifact(ctx, file, name)
		if err != nil {
			return err
		}
		for i := range lines {
			if err := run.append(&format.Line{Artifact: &lines[i]}); err != nil {
				return err
			}
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if run.ended == 0 && run.status == StatusRunning {
		run.status, run.ended = StatusFinished, time.Now().UnixMilli()
	}
	return nil
}

// writtenFiles lists the files of a folder of links and copies that are neither.
func writtenFiles(dir string, e *stored) (names []string, err error) {
	known, err := e.artifacts()
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if a, ok := known[name]; ok {
			if same, err := isCopy(at, &a.Artifact); same || err != nil {
				return err
			}
		}
		if format.CheckPath(name) == nil && !strings.HasPrefix(entry.Name(), ".runs-") { // of a killed copy
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// isCopy reports whether a file has the content of an artifact. Only copies up to maxCopied are read: nothing else
// makes larger ones that have the size of the artifact than this service, where the artifact is in Git alone.
func isCopy(file string, a *format.Artifact) (bool, error) {
	info, err := os.Lstat(file)
	if err != nil || info.Size() != a.Bytes || a.Bytes > maxCopied {
		return err == nil && info.Size() == a.Bytes, err
	}
	data, err := regular.ReadFile(file)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]) == a.SHA256, nil
}
