package mlflow

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/registry"
)

// resolve returns the version of a call.
func (s *Service) resolve(ctx context.Context, q *registryCall) (*registry.Version, error) {
	selector, err := q.selector()
	if err != nil {
		return nil, err
	}
	v, _, err := s.models().Resolve(ctx, selector)
	return v, registryError(err)
}

// answerVersion answers a call with a version as it is now.
func (s *Service) answerVersion(ctx context.Context, q *registryCall, err error) (any, error) {
	if err != nil {
		return nil, registryError(err)
	}
	selector, err := q.selector()
	if err != nil {
		return nil, err
	}
	v, m, err := s.models().Resolve(ctx, selector)
	if err != nil {
		return nil, registryError(err)
	}
	return map[string]any{"model_version": s.versionJSON(ctx, m, v)}, nil
}

func (s *Service) getVersion(ctx context.Context, q *registryCall) (any, error) {
	return s.answerVersion(ctx, q, nil)
}

func (s *Service) deleteVersion(ctx context.Context, q *registryCall) (any, error) {
	selector, err := q.selector()
	if err != nil {
		return nil, err
	}
	_, _, err = s.models().Remove(ctx, selector, true)
	return struct{}{}, registryError(err)
}

func (s *Service) moveVersion(ctx context.Context, q *registryCall) (any, error) {
	selector, err := q.selector()
	if err != nil {
		return nil, err
	}
	m, err := s.registered(ctx, q)
	if err != nil {
		return nil, err
	}
	stage := strings.ToLower(q.Stage)
	switch stage {
	case "none":
		_, _, err = s.models().Unstage(ctx, selector, "")
		return s.answerVersion(ctx, q, err)
	case registry.ArchivedStage:
		_, _, err = s.models().Archive(ctx, selector, "")
		return s.answerVersion(ctx, q, err)
	case "staging", "production":
	default:
		return nil, invalid("Invalid Model Version stage: %s. Value must be one of None, Staging, Production, Archived.",
			oneLine(cut(q.Stage, maxName)))
	}
	for other := range m.Stages {
		if strings.EqualFold(other, stage) {
			stage = other
		}
	}
	_, _, err = s.models().Promote(ctx, selector, stage, registry.Promotion{
		Archive: bool(q.Archive), Beside: !bool(q.Archive),
	})
	return s.answerVersion(ctx, q, err)
}

func (s *Service) createVersion(ctx context.Context, q *registryCall) (any, error) {
	tags, err := registryTags(q.Tags)
	if err != nil {
		return nil, err
	}
	if err := format.CheckText(q.Description); err != nil {
		return nil, invalid("Invalid description: %v", err)
	}
	if _, err := s.registered(ctx, q); err != nil {
		return nil, err
	}
	content, err := s.sourceOf(ctx, q)
	if err != nil {
		return nil, registryError(err)
	}
	v, _, err := s.models().Register(ctx, q.Name, content, registry.Registration{
		Note: q.Description, Tags: tags, Again: true,
	})
	if err != nil {
		return nil, registryError(err)
	}
	q.Version = number(v.Number)
	return s.answerVersion(ctx, q, nil)
}

// errSource is why a source is refused that is not in the artifacts of a run of this repository.
func errSource(source string) error {
	return invalid("Invalid model version source: '%s'. A version must name artifacts of a run that runs records, "+
		"such as runs:/RUN/model", oneLine(cut(source, maxName)))
}

// sourceOf returns the content that a call registers.
func (s *Service) sourceOf(ctx context.Context, q *registryCall) (*registry.Content, error) {
	if id, ok := strings.CutPrefix(q.Source, "models:/"); ok {
		if strings.HasPrefix(id, "m-") && !strings.ContainsAny(id, "/@") {
			return s.contentOfModel(ctx, id)
		}
		return s.contentOfVersion(ctx, q.Source, id)
	}
	if rest, ok := strings.CutPrefix(q.Source, "runs:/"); ok {
		run, at, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		return s.contentOfRun(ctx, run, at, q.Source)
	}
	file, err := pathOf(q.Source)
	if err != nil {
		return nil, err
	}
	for _, run := range s.openRuns() {
		if at, ok := inFolder(run.active.FilesDir(), file); ok && (q.Run == "" || s.sameRun(run, q.Run)) {
			return s.contentOfOpen(ctx, run, at, q.Source)
		}
	}
	if q.Run == "" {
		return nil, errSource(q.Source)
	}
	e, err := s.entry(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	for _, of := range append([]*stored{e}, alone(e.Entry)) {
		if at, ok := inFolder(s.artifactsOf(of), file); ok {
			return s.contentOfRun(ctx, q.Run, at, q.Source)
		}
	}
	return nil, errSource(q.Source)
}

func (s *Service) sameRun(run *openRun, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened(id) == run
}

// pathOf returns the path of a file that a source names.
func pathOf(source string) (string, error) {
	file := source
	if strings.HasPrefix(source, "file:") {
		u, err := url.Parse(source)
		if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return "", errSource(source)
		}
		file = u.Path
		if runtime.GOOS == "windows" {
			file = strings.TrimPrefix(file, "/")
		}
	}
	if file = filepath.FromSlash(file); !filepath.IsAbs(file) {
		return "", errSource(source)
	}
	return filepath.Clean(file), nil
}

// inFolder returns the path of a file in a folder, with slashes.
func inFolder(dir, file string) (string, bool) {
	rel, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	rel = filepath.ToSlash(rel)
	return rel, format.CheckPath(rel) == nil && rel != "."
}

// contentOfOpen reads files of a run that is open here.
func (s *Service) contentOfOpen(ctx context.Context, run *openRun, at, source string) (*registry.Content, error) {
	if format.CheckPath(at) != nil {
		return nil, errSource(source)
	}
	c, err := registry.ContentOfOpen(ctx, run.active.ID, run.active.FilesDir(), at)
	if err != nil {
		return nil, invalid("Unable to register %s: %v", oneLine(cut(source, maxName)), err)
	}
	return c, nil
}

// contentOfRun reads artifacts of a run, whose path may be the name of a logged model.
func (s *Service) contentOfRun(ctx context.Context, id, at, source string) (*registry.Content, error) {
	if format.CheckPath(at) != nil {
		return nil, errSource(source)
	}
	if run, err := s.run(id); err == nil {
		run.mu.Lock()
		at = pathIn(run.allModels(), run.active.FilesDir(), at)
		run.mu.Unlock()
		return s.contentOfOpen(ctx, run, at, source)
	}
	e, err := s.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	c, err := registry.ContentOf(e.Entry, at)
	if err != nil {
		for _, m := range modelsOf(e.Tags) {
			if m.Name == at {
				return registry.ContentOf(e.Entry, m.Path)
			}
		}
		return nil, notFound("%v", err)
	}
	return c, nil
}

// pathIn returns the folder of the logged model with a name, unless the run has artifacts at this path.
func pathIn(models []*model, dir, at string) string {
	if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(at))); err == nil {
		return at
	}
	for _, m := range models {
		if m.Name == at && !m.Deleted {
			return m.Path
		}
	}
	return at
}

// contentOfModel reads a logged model.
func (s *Service) contentOfModel(ctx context.Context, id string) (*registry.Content, error) {
	run, n, err := s.openModel(id)
	if err != nil {
		return nil, err
	}
	if run != nil {
		run.mu.Lock()
		m := run.models[n]
		run.mu.Unlock()
		if m == nil || m.Deleted {
			return nil, notFound("Logged model with ID '%s' not found.", oneLine(cut(id, maxName)))
		}
		return s.contentOfOpen(ctx, run, m.Path, id)
	}
	e, _, m, err := s.finishedModel(ctx, id)
	if err != nil {
		return nil, err
	}
	return registry.ContentOf(e, m.Path)
}

// contentOfVersion reads what a version names, such as models:/taxi/4, to register it under another name.
func (s *Service) contentOfVersion(ctx context.Context, source, rest string) (*registry.Content, error) {
	selector := rest
	if !strings.Contains(rest, "@") {
		name, which := path.Split(rest)
		selector = strings.TrimSuffix(name, "/") + "@" + which
	}
	if _, _, err := registry.SplitSelector(selector); err != nil {
		return nil, errSource(source)
	}
	v, _, err := s.models().Resolve(ctx, selector)
	if err != nil {
		return nil, err
	}
	return &registry.Content{
		Run: v.Run, Path: v.Path, SHA256: v.SHA256, Bytes: v.Bytes, Files: v.Files, Flavors: v.Flavors,
	}, nil
}

// versionFiles answers where MLflow's client finds the files of a version: in a folder of copies of their own, since
// the client adds a file to it.
func (s *Service) versionFiles(ctx context.Context, q *registryCall) (any, error) {
	v, err := s.resolve(ctx, q)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.repo.VersionLinks(s.nonce, v.Run), v.Random)
	s.placing.Lock()
	defer s.placing.Unlock()
	if _, err := os.Lstat(dir); err != nil {
		if err := s.placeVersion(ctx, v, dir); err != nil {
			return nil, registryError(err)
		}
	}
	return map[string]any{"artifact_uri": fileURI(dir)}, nil
}

func (s *Service) placeVersion(ctx context.Context, v *registry.Version, dir string) (err error) {
	part := dir + ".new"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o777)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}()
	if run, openErr := s.run(v.Run); openErr == nil && run.active.ID == v.Run {
		err = v.PlaceOpen(ctx, run.active.FilesDir(), part)
	} else {
		var e *repo.Entry
		if e, err = s.part(ctx, v.Run); err == nil {
			err = v.Place(ctx, e, part)
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(part, dir)
}
